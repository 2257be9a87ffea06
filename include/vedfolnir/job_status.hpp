// What background jobs did, for people, metrics and alerts.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace vedfolnir {

/// One background job, as SQL knows it: whoever ran it.
struct JobStatus {
    std::string job;
    std::uint64_t fence = 0;  ///< Of the lease under which it acted last.
    std::string holder;       ///< Who ran it last: `host:process:random`.
    TimePoint started{};
    TimePoint finished{};
    TimePoint succeeded{};  ///< When it last ended well; zero: never.
    TimePoint next_due{};
    std::string outcome;                          ///< `done` or `failed`; empty: it never ran.
    std::string detail;                           ///< Why it failed.
    std::uint64_t removed = 0, removed_last = 0;  ///< In all, and by the last run.
    Millis lag{0};                                ///< How far behind it was when it last ran.
    std::uint64_t runs = 0, failures = 0;
};

struct JobsReport {
    std::string leader;  ///< Who holds the lease; empty: nobody.
    Millis lease_left{0};
    bool leads = false;  ///< This process does the work.
    std::vector<JobStatus> jobs;
    /// The clock that the times above are compared with.
    TimePoint now{};
};

}  // namespace vedfolnir
