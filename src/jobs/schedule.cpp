#include "jobs/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace vedfolnir::jobs {
namespace {

constexpr Millis failure_pause_min{1'000};
constexpr Millis failure_pause_max{300'000};
constexpr Millis failure_pause_least_cap{5'000};
constexpr std::uint32_t doublings_max = 16;

Millis scaled(Millis time, double factor) {
    return Millis(std::llround(static_cast<double>(time.count()) * factor));
}

}  // namespace

Millis pause_after_success(Millis interval, Chance chance) noexcept {
    return interval + scaled(interval, chance / 20);
}

Millis pause_after_failure(Millis interval, std::uint32_t failures, Chance chance) noexcept {
    const auto doublings = std::min(failures == 0 ? 0 : failures - 1, doublings_max);
    const Millis most = std::clamp(interval * 10, failure_pause_least_cap, failure_pause_max);
    const Millis pause = std::min<Millis>(failure_pause_min * (1L << doublings), most);
    return scaled(pause, 0.5 + chance / 2);
}

Millis pause_before_first(Millis interval, TimePoint succeeded, TimePoint now) noexcept {
    if (succeeded == TimePoint{} || succeeded > now) return Millis{0};
    return std::max(Millis{0}, interval - Millis(now - succeeded));
}

LeaseTimes lease_times(Millis replaced_within) noexcept {
    const Millis ttl = replaced_within * 4 / 5;
    return {ttl, ttl / 3, replaced_within / 10};
}

void StepSize::took(std::uint32_t entries, std::chrono::steady_clock::duration time) noexcept {
    using Seconds = std::chrono::duration<double>;
    if (entries < now_ / 2 && time <= step_time) return;
    const double fits = entries * (Seconds(step_time) / std::max(Seconds(time), Seconds(1e-6)));
    // Not more than doubled: one quick step may be luck.
    const double next = std::min(fits, 2.0 * now_);
    now_ =
        static_cast<std::uint32_t>(std::clamp(next, 1.0 * least_, 1.0 * least_ * step_growth_max));
}

}  // namespace vedfolnir::jobs
