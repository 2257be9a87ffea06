// Which sessions an emergency concerns.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace vedfolnir {

/// Sessions of logged-in users that meet every condition which is set; with none, all of them.
struct EndScope {
    std::string user_id;                    ///< Empty: of any user.
    std::string place;                      ///< Client address at login; empty: any.
    std::optional<TimePoint> begun_before;  ///< Logged in before that.

    /// Whole users end: also sessions of theirs that SQL never heard of.
    [[nodiscard]] bool whole_users() const noexcept { return place.empty() && !begun_before; }
};

struct ScopeCount {
    std::uint64_t sessions = 0;
    std::uint64_t users = 0;
};

struct MassEndingResult {
    std::uint64_t sessions = 0;
    Ending ending =
        Ending::absent;  ///< As for one session: pending where Redis did not take all of it yet.
};

}  // namespace vedfolnir
