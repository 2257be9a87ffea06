// What this process did in the last minutes: differences of what it counted since it started.
#pragma once

#include "ops/metrics.hpp"
#include "runtime/counters.hpp"

#include <chrono>
#include <deque>
#include <mutex>

namespace vedfolnir::ops {

/// Each look compares with the oldest one of the last five minutes; the first with the beginning.
/// Thread safety: any thread.
class ProcessWatch {
public:
    using Clock = std::chrono::steady_clock;

    explicit ProcessWatch(Clock::time_point began = Clock::now()) : seen_{Sample{began}} {}

    [[nodiscard]] Recent look(const runtime::AtomicCounters& counters,
                              Clock::time_point now = Clock::now());

private:
    struct Sample {
        Clock::time_point at{};
        std::uint64_t operations = 0, failed = 0, writing_us = 0, reading_us = 0;
    };

    std::mutex mutex_;
    std::deque<Sample> seen_;  ///< Oldest first; never empty.
};

}  // namespace vedfolnir::ops
