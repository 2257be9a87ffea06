// Any bytes as a Cookie header: never a crash, and a value only where exactly one part is our cookie.
// ids: C12 V22 V30
#include "model/session_id.hpp"
#include "web/cookie.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using vedfolnir::web::CookieState;

void require(bool holds) {
    if (!holds) std::abort();
}

void check(std::string_view header, std::string_view name) {
    const auto lookup = vedfolnir::web::find_cookie(header, name);
    if (lookup.state != CookieState::found) {
        require(lookup.value.empty());
        return;
    }
    require(header.size() <= vedfolnir::web::cookie_header_max);
    require(header.find(name) != std::string_view::npos);
    require(lookup.value.find(';') == std::string_view::npos);
    if (!lookup.value.empty()) {
        require(lookup.value.data() >= header.data() &&
                lookup.value.data() + lookup.value.size() <= header.data() + header.size());
    }
    // A second cookie of our name, wherever it stands, takes the first one's place away.
    const std::string doubled = std::string(header) + ";" + std::string(name) + "=x";
    const bool fits = doubled.size() <= vedfolnir::web::cookie_header_max;
    require(!fits || vedfolnir::web::find_cookie(doubled, name).state == CookieState::ambiguous);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view header(reinterpret_cast<const char*>(data), size);
    check(header, "__Host-session");
    check(header, "session");
    return 0;
}
