// When jobs run: pure arithmetic. Time and chance are arguments.
#pragma once

#include "vedfolnir/types.hpp"

#include <chrono>
#include <cstdint>

namespace vedfolnir::jobs {

/// A number in [0, 1), drawn by the caller.
using Chance = double;

/// The pause after a run that went well: the interval and up to a twentieth more, so that several jobs (and the jobs of
/// several installations) do not stay in step.
[[nodiscard]] Millis pause_after_success(Millis interval, Chance chance) noexcept;

/// The pause after `failures` runs in a row that failed (1 or more): from one second, doubling, with jitter, never longer
/// than ten intervals (but 5 s at least) or five minutes, whichever is shorter: what is behind a store that was away must
/// not stay behind for long once it is back.
[[nodiscard]] Millis pause_after_failure(Millis interval, std::uint32_t failures,
                                         Chance chance) noexcept;

/// How long to wait before the first run under a new lease: what is left of the interval since the last run that went
/// well, by whomever. Zero when that is unknown or over.
[[nodiscard]] Millis pause_before_first(Millis interval, TimePoint succeeded,
                                        TimePoint now) noexcept;

/// Lease times. The lease in the store ends a fifth before the time within which a dead leader is to be replaced; what is
/// left covers the moment at which the others ask again.
struct LeaseTimes {
    Millis ttl;     ///< What the store is asked for.
    Millis renew;   ///< Between renewals.
    Millis spread;  ///< Others ask again this much after the end, at most.
};
[[nodiscard]] LeaseTimes lease_times(Millis replaced_within) noexcept;

/// A step of cleaning up is one transaction, for which every other writer of the same SQLite file waits.
constexpr std::chrono::milliseconds step_time{40};
/// How far a step may grow beyond its configured size while there is a backlog.
constexpr std::uint32_t step_growth_max = 20;

/// The size of the next step: as much as `step_time` allows, at least the configured size and at most `step_growth_max`
/// times that.
class StepSize {
public:
    explicit StepSize(std::uint32_t configured) noexcept : least_(configured), now_(configured) {}
    [[nodiscard]] std::uint32_t now() const noexcept { return now_; }
    /// What a step of `entries` took. One that was far from full and quick says little, and is left out.
    void took(std::uint32_t entries, std::chrono::steady_clock::duration time) noexcept;
    /// A step came to nothing: whatever it was, it is tried again with as little as possible.
    void failed() noexcept { now_ = least_; }

private:
    std::uint32_t least_;
    std::uint32_t now_;
};

}  // namespace vedfolnir::jobs
