#include "runtime/store_clock.hpp"

#include <algorithm>

namespace vedfolnir::runtime {

void StoreClock::observe(TimePoint store, Steady before, Steady after) noexcept {
    if (after < before) return;
    // The store's milliseconds are cut off, so its true time was less than one millisecond later.
    const Offset least = store.time_since_epoch() - after.time_since_epoch();
    const Offset most = store.time_since_epoch() + Millis{1} - before.time_since_epoch();
    if (!offset_) {
        offset_ = least;
        observed_ = after;
        publish();
        return;
    }
    const Offset elapsed = std::max(Offset{0}, Offset(after - observed_));
    observed_ = std::max(observed_, after);
    ahead_ = std::max(Offset{0}, *offset_ - most);
    if (*offset_ < least) {
        offset_ = least;
    } else if (ahead_ > Offset{0}) {
        *offset_ -= std::min(ahead_, elapsed / 1'000'000 * drift_max_per_million);
    }
    publish();
}

std::optional<TimePoint> StoreClock::now(Steady steady) noexcept {
    if (!offset_) return {};
    const auto time = std::chrono::floor<Millis>(steady.time_since_epoch() + *offset_);
    latest_ = std::max(latest_, TimePoint(time));
    return latest_;
}

std::optional<TimePoint> StoreClock::peek(Steady steady) const noexcept {
    const Offset::rep offset = published_.load(std::memory_order_relaxed);
    if (offset == unknown) return {};
    return TimePoint(std::chrono::floor<Millis>(steady.time_since_epoch() + Offset(offset)));
}

bool StoreClock::is_due(Steady steady, Millis age_max) const noexcept {
    return !offset_ || steady - observed_ >= age_max;
}

Millis StoreClock::ahead() const noexcept { return std::chrono::floor<Millis>(ahead_); }

}  // namespace vedfolnir::runtime
