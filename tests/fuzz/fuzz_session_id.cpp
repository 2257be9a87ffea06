// Any bytes as a cookie value: what is read as an id is spelled back exactly as it came.
// ids: S6 C02 V22
#include "model/session_id.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto id = vedfolnir::model::SessionId::parse(text);
    if (id && id->cookie_value() != text) std::abort();
    return 0;
}
