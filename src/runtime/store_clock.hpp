// Process time that follows the store's clock, kept on the steady clock. Pure: no I/O, no clock of its own.
#pragma once

#include "vedfolnir/types.hpp"

#include <atomic>
#include <chrono>
#include <optional>

namespace vedfolnir::runtime {

/// Keeps `store time - steady time` from observations of the store's clock. What it promises:
/// - The local wall clock plays no part: setting it has no effect.
/// - Time never goes backwards.
/// - It is never ahead of a store whose clock runs true, and behind it by less than the quickest round trip seen: each
///   observation gives a lower bound of the offset, and the highest one counts.
/// - It follows a forward step of the store's clock at once (lives may end early), and a backward step never: it goes
///   on at its own pace and gives way by at most `drift_max`, so that no life becomes longer by more than that.
/// One thread observes and calls `now`; any thread may `peek`.
class StoreClock {
public:
    using Steady = std::chrono::steady_clock::time_point;

    /// Two good clocks part by less than this: 500 ms per 1000 s, NTP's fastest slew.
    static constexpr int drift_max_per_million = 500;

    /// The store read `store` from its clock at some moment from `before` to `after`. An `after` earlier than `before`
    /// is ignored.
    void observe(TimePoint store, Steady before, Steady after) noexcept;

    /// Store time at `steady`; empty before the first observation.
    [[nodiscard]] std::optional<TimePoint> now(Steady steady) noexcept;

    /// As `now`, from any thread; the one promise it does not keep is that time never goes backwards.
    [[nodiscard]] std::optional<TimePoint> peek(Steady steady) const noexcept;

    /// True if there is no observation younger than `age_max`.
    [[nodiscard]] bool is_due(Steady steady, Millis age_max) const noexcept;

    /// How far this clock was ahead of the store's at the last observation, at least; 0 in good order. More than a few
    /// milliseconds means that the store's clock was set back.
    [[nodiscard]] Millis ahead() const noexcept;

private:
    using Offset = std::chrono::nanoseconds;  ///< Store time since 1970 minus steady time.

    static constexpr Offset::rep unknown = Offset::min().count();

    /// Lock-free copy of `offset_` for other threads.
    void publish() noexcept { published_.store(offset_->count(), std::memory_order_relaxed); }

    std::optional<Offset> offset_;
    std::atomic<Offset::rep> published_{unknown};
    Steady observed_{};  ///< When the last observation ended.
    Offset ahead_{0};
    TimePoint latest_ = TimePoint::min();
};

}  // namespace vedfolnir::runtime
