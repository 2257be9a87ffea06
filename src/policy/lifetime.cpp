#include "policy/lifetime.hpp"

#include <algorithm>

namespace vedfolnir::policy {
namespace {

Millis idle_window(const model::RecordHeader& header, const Lifetimes& lifetimes) noexcept {
    const Seconds idle = header.idle_limit.count() > 0 ? header.idle_limit : lifetimes.idle;
    return idle + lifetimes.touch_interval;
}

}  // namespace

Life judge(const model::RecordHeader& header, const Lifetimes& lifetimes, TimePoint now) noexcept {
    const TimePoint latest = now + lifetimes.clock_skew_max;
    if (header.last_seen > latest || header.created > latest) return Life::implausible;
    if (now >= header.absolute_expiry) return Life::absolute_expired;
    if (now - header.last_seen >= idle_window(header, lifetimes)) return Life::idle_expired;
    return Life::alive;
}

bool touch_due(const model::RecordHeader& header, const Lifetimes& lifetimes,
               TimePoint now) noexcept {
    return now - header.last_seen >= lifetimes.touch_interval;
}

Millis time_to_live(const model::RecordHeader& header, const Lifetimes& lifetimes,
                    TimePoint now) noexcept {
    const Millis absolute_left = header.absolute_expiry - now;
    return std::max(Millis{1}, std::min(idle_window(header, lifetimes), absolute_left));
}

}  // namespace vedfolnir::policy
