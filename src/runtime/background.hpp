// Work that a process does beside its requests, as the facade sees it.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/job_status.hpp"

namespace vedfolnir::runtime {

/// Thread safety: called from the runtime's executor only, except `start`, which any thread may call once.
class Background {
public:
    virtual ~Background() = default;
    virtual void start() = 0;
    /// Ends what runs at its next safe point and lets others take over at once. False: the deadline came first.
    [[nodiscard]] virtual async::Task<bool> stop(Deadline deadline) = 0;
    [[nodiscard]] virtual async::Task<JobsReport> report(Deadline deadline) = 0;
};

}  // namespace vedfolnir::runtime
