// Figures of sessions that outlive their rows (docs/adr/0016).
//
// A session is counted from its row as long as that is kept, and from `session_statistics` afterwards: the transaction that
// removes the row adds it there. So nothing is counted twice or lost, however often a purge is cut short or repeated.
#pragma once

#include "model/statistics.hpp"
#include "sql/connection.hpp"
#include "vedfolnir/types.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's transaction and throws Failure.

/// Removes ended sessions, longest ended first, of whom both end and absolute end lie before `before`; how many, at most
/// `limit`. They are counted, but for logins that never became a session.
[[nodiscard]] std::uint32_t purge_sessions(Connection& db, TimePoint before, std::uint32_t limit);

/// Removes figures of days before `before`, oldest first; how many, at most `limit`. Erasures that no row can have begun before
/// are noted no longer.
[[nodiscard]] std::uint32_t purge_statistics(Connection& db, TimePoint before, std::uint32_t limit);

/// The user's own figures go, and sessions that began until `until` are nobody's when their rows go. Those of all users stay.
void forget_in_statistics(Connection& db, const UserTag& user, TimePoint until);

/// At most so many names (times days) are added up.
inline constexpr std::size_t counted_names_max = 500'000;

struct StatisticsQuery {
    model::Dimension by = model::Dimension::all;
    bool each_day = false;  ///< Else the whole time in one.
    TimePoint since{};      ///< A day's beginning, as is `until`, which is excluded.
    TimePoint until{};
    TimePoint now{};
    std::string name;  ///< Not empty: of this one only; a user's tag, a platform or a reason.
    std::size_t names_max = counted_names_max;
};

/// Throws Failure also: too_large.
[[nodiscard]] std::vector<model::Counted> read_statistics(Connection& db,
                                                          const StatisticsQuery& query);

struct LiveSessions {
    model::Lengths ages;
    std::uint64_t users = 0;
    std::uint64_t users_with_several = 0;
};
[[nodiscard]] LiveSessions read_live_sessions(Connection& db, TimePoint now);

}  // namespace vedfolnir::sql
