// The configuration file: TOML, flattened to the names of the environment.
#pragma once

#include "config/text.hpp"

namespace vedfolnir::config {

/// `[redis] url = "…"` becomes REDIS_URL, `[session.cookie] name = "…"` SESSION_COOKIE_NAME; arrays of text become
/// comma-separated text. Errors: bad_options, naming line and column, or the value that is no text, number or switch.
[[nodiscard]] Result<TextMap> parse_toml(std::string_view text);

}  // namespace vedfolnir::config
