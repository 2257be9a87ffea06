// Counts how long something took, from the making of an object to its end.
#pragma once

#include "runtime/counters.hpp"

#include <chrono>
#include <cstdint>

namespace vedfolnir::runtime {

/// Microseconds, as one timing of an operation or added to a sum. `counters` may be null, and must outlive it otherwise.
class ScopeTimer {
public:
    ScopeTimer(AtomicCounters* counters, Operation operation) noexcept
        : timing_(counters ? &counters->timings[static_cast<std::size_t>(operation)] : nullptr) {}
    ScopeTimer(AtomicCounters* counters, AtomicCounters::Count AtomicCounters::*sum) noexcept
        : sum_(counters ? &(counters->*sum) : nullptr) {}
    ~ScopeTimer() {
        const auto took = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_).count());
        if (timing_ != nullptr) timing_->add(took);
        if (sum_ != nullptr) AtomicCounters::raise(*sum_, took);
    }
    ScopeTimer(const ScopeTimer&) = delete;
    ScopeTimer& operator=(const ScopeTimer&) = delete;

private:
    using Clock = std::chrono::steady_clock;

    AtomicTiming* timing_ = nullptr;
    AtomicCounters::Count* sum_ = nullptr;
    Clock::time_point began_ = Clock::now();
};

}  // namespace vedfolnir::runtime
