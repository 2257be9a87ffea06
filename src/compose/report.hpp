// What an operator is told of sessions over the long run: figures of kept rows and of those that are gone, in one.
#pragma once

#include "config/settings.hpp"
#include "model/statistics.hpp"
#include "sql/statistics.hpp"
#include "vedfolnir/result.hpp"

#include <string>
#include <vector>

namespace vedfolnir::compose {

struct ReportOrder {
    TimePoint since{};  ///< A day's beginning, UTC, as is `until`, which is excluded.
    TimePoint until{};
    model::Dimension by = model::Dimension::all;
    bool each_day = false;
    std::string user_id;  ///< Not empty: of this user only; `by` is user.
};

struct Report {
    TimePoint now{};
    std::vector<model::Counted> counted;  ///< By day and name.
    model::Counted total;                 ///< Of all sessions, whatever `by` and `user_id` say.
    sql::LiveSessions live;               ///< Now.
};

/// Blocks, for a minute at most. All figures are of one moment. Errors: bad_options, audit_unavailable, too_large (more
/// names than can be added up), key_unavailable (with a user: the tag hangs on a secret).
[[nodiscard]] Result<Report> make_report(const config::Settings& settings,
                                         const ReportOrder& order);

}  // namespace vedfolnir::compose
