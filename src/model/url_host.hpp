// The `host:port` of a URL.
#pragma once

#include "vedfolnir/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::model {

struct UrlHost {
    std::string host;  ///< Percent-decoded, an IPv6 address without its brackets; may be empty.
    std::uint16_t port = 0;  ///< 0: none is stated.
};

/// Reads `name`, `name:6379`, `[::1]:6379`. Errors: bad_options; the text says what to write and never repeats the URL.
[[nodiscard]] Result<UrlHost> parse_url_host(std::string_view text);

}  // namespace vedfolnir::model
