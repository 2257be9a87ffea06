// Values as people write them: comments, quotes, booleans, bounded numbers, lists, near misses.
#pragma once

#include "vedfolnir/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::config {

/// Name to text, sorted by name.
using TextMap = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);

/// Whether one stands in it: a NUL ends a path early, a line end forges a line of a log.
[[nodiscard]] bool holds_control_character(std::string_view text) noexcept;

/// A value without quotes and without a trailing comment, and whether a comment was cut off.
struct CleanValue {
    std::string text;
    bool comment_removed =
        false;  ///< Something stood before ` # …`; a secret must not be guessed from that.
};

/// Cleans a value as the environment may carry it: `7200  # 2 hours`, `# Optional`, `"quoted"`.
/// A `#` begins a comment only after white space, or at the start when followed by white space.
[[nodiscard]] CleanValue clean_value(std::string_view raw);

/// true/false, 1/0, yes/no, on/off in any case; empty for anything else.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

/// A decimal integer without sign, unit or separators; empty for anything else or on overflow.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// Comma-separated names, trimmed, empty ones left out.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);

/// The candidate that is the fewest edits away, if it is near enough to be what was meant.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& candidates);

}  // namespace vedfolnir::config
