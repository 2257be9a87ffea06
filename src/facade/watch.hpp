// Times one operation as its caller sees it, and says what was slow.
#pragma once

#include "facade/instance.hpp"
#include "vedfolnir/timings.hpp"

#include <chrono>

namespace vedfolnir::facade {

/// Not for what the near cache answers: begins with a look at the clock.
class Watch {
public:
    Watch(SessionManager::Impl& impl, const TraceId& trace);

    /// Counts it, and reports it if it took as long as `ManagerOptions::slow_operation`.
    void ended(Operation operation) const;
    /// The same for a commit (null: it failed). One that had nothing to write is not counted.
    void ended(const CommitResult* result) const;

private:
    SessionManager::Impl& impl_;
    TraceId trace_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace vedfolnir::facade
