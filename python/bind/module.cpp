// The private module vedfolnir._core: one file per area, no logic.
#include "codec.hpp"
#include "errors.hpp"
#include "manager.hpp"
#include "records.hpp"
#include "session.hpp"
#include "vedfolnir/options.hpp"
#include "waiting.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;
using namespace nb::literals;

NB_MODULE(_core, module) {
    using namespace vedfolnir::bind;

    module.doc() = "The C++ core of vedfolnir. Private: import from vedfolnir.";
    bind_records(module);
    bind_session(module);
    bind_manager(module);
    bind_waiting(module);

    module.def(
        "encode_value",
        [](nb::handle value) {
            const std::string bytes = encode_object(value, "value", vedfolnir::SizeLimits{});
            return nb::bytes(bytes.data(), bytes.size());
        },
        "value"_a.none(), nb::sig("def encode_value(value: object) -> bytes"),
        "The payload bytes of one value, under the default limits.");
    module.def(
        "decode_value",
        [](const nb::bytes& bytes) {
            return decode_object({bytes.c_str(), bytes.size()}, vedfolnir::SizeLimits{});
        },
        "data"_a, nb::sig("def decode_value(data: bytes) -> typing.Any"),
        "The inverse of encode_value.");
}
