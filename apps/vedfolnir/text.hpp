// Times and text as an operator should see them.
#pragma once

#include "vedfolnir/types.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::cli {

[[nodiscard]] TimePoint wall_clock_now();

/// `2025-11-23T23:32:11Z`.
[[nodiscard]] std::string utc(TimePoint at);

/// `3 min ago`, `in 2 h`; `now` within a second.
[[nodiscard]] std::string relative(TimePoint at, TimePoint now);

/// `56 s`, `12 min`, `2.5 h`, `3.1 d`.
[[nodiscard]] std::string span(Millis length);

/// `1 error`, `2 errors`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view thing);

/// `2025-11-23T10:00:00Z`, `2025-11-23 10:00`, `2025-11-23`, all UTC; or an age: `90s`, `15m`, `2h`, `3d`.
[[nodiscard]] std::optional<TimePoint> parse_time(std::string_view text, TimePoint now);

/// Columns the text takes on a terminal, counting UTF-8 sequences as one.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

/// At most so many columns: what is longer ends with three dots.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns_max);

/// True once two seconds have passed, and every two seconds from then on: whoever waits should see that something goes on.
[[nodiscard]] std::function<bool()> every_two_seconds();

/// `operator:<login name>` of who runs the command, for the audit trail.
[[nodiscard]] std::string operator_name();

}  // namespace vedfolnir::cli
