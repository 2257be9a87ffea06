// Redis URLs taken apart.
//
// A reader of our own, because Boost.URL is no longer header-only and the product ships without Boost libraries; the
// grammar needed is small: no relative references, no paths but a database number or a socket's file.
#pragma once

#include "config/text.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace vedfolnir::config {

/// What a URL states; what it does not state stays empty.
struct RedisUrl {
    bool tls = false;
    std::string unix_socket;
    std::optional<std::string> host;
    std::optional<std::uint16_t> port;
    std::optional<unsigned> database;
    std::optional<std::string> username;
    std::optional<std::string> password;
    /// Certificate options from the query, by the variable they stand for (REDIS_SSL_CA_CERTS and the like).
    TextMap options;
    /// Query parameters of other clients that have no meaning here.
    std::vector<std::string> ignored;
};

/// Reads `redis://`, `rediss://`, `unix://` and `redis+socket://`. Errors: bad_options for a malformed URL and for
/// clusters, Sentinel and host lists, in a sentence that does not repeat the URL.
[[nodiscard]] Result<RedisUrl> parse_redis_url(std::string_view url);

/// The URL with its password replaced by `********`, in user information and in the query.
[[nodiscard]] std::string masked_url(std::string_view url);

}  // namespace vedfolnir::config
