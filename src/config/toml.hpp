// toml++ as this layer uses it. Two faults of 3.3 (Debian 12) are kept away from what a file may hold: an assertion that
// a stray character in a table's header breaks, and a table of white space that is undefined beyond ASCII.
#pragma once

#include <string_view>

// The assertions are off in every build: without them the parser reports `[(x]` as any other fault.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace vedfolnir::config {

/// Parses a text in which only comments and strings of one line hold characters beyond ASCII.
/// Throws toml::parse_error, also for such a character elsewhere.
[[nodiscard]] toml::table parse_toml_table(std::string_view text);

}  // namespace vedfolnir::config
