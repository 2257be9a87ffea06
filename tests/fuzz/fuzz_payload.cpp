// Any bytes as a payload, and as one value of it: bounded work, and what is read is written back readable.
// ids: C25 V01
#include "model/codec.hpp"
#include "model/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace vedfolnir;

constexpr SizeLimits limits;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_value(std::string_view bytes) {
    const auto value = model::decode_value(bytes, limits);
    if (!value) return;
    const auto encoded = model::encode_value(*value, limits);
    require(encoded.has_value());
    const auto again = model::decode_value(*encoded, limits);
    require(again.has_value());
    const auto twice = model::encode_value(*again, limits);
    require(twice.has_value() && *twice == *encoded);
    require(model::value_length(bytes, 0, limits.depth_max) == bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_value(bytes);
    (void)model::split_array(bytes, limits.depth_max);
    (void)model::identity_text(bytes);
    if (const auto payload = model::decode_payload(bytes, limits)) {
        require(model::decode_payload(model::encode_payload(*payload), limits) == payload);
    }
    return 0;
}
