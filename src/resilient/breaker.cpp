#include "resilient/breaker.hpp"

#include <algorithm>

namespace vedfolnir::resilient {

void Breaker::record(bool good, Steady now) {
    if (state_ != State::closed) return;
    if (!outcomes_[position_]) --failures_;
    outcomes_[position_] = good;
    if (!good) ++failures_;
    position_ = (position_ + 1) % outcomes_.size();
    if (failures_ >= options_.failures_max) open(now);
}

void Breaker::open(Steady now) {
    if (state_ != State::closed) return;
    const bool relapsed = opened_before_ && now - closed_since_ < options_.relapse;
    back_off_ = relapsed ? std::min(back_off_ * 2, options_.open_max) : options_.open_min;
    opened_before_ = true;
    state_ = State::open;
    successes_ = 0;
    // Up to a fifth longer, so that not all processes come back at the same moment.
    const auto spread = std::chrono::duration<double, std::milli>(back_off_) * (0.2 * chance_());
    earliest_close_ =
        now + back_off_ + std::chrono::duration_cast<std::chrono::milliseconds>(spread);
    next_probe_ = now + options_.probe_interval_back;
}

void Breaker::probed(bool good, Steady now) {
    if (state_ == State::closed) return;
    if (good) {
        successes_ = std::min(successes_ + 1, options_.probes);
        state_ = State::half_open;
        next_probe_ = now + options_.probe_interval_back;
    } else {
        successes_ = 0;
        state_ = State::open;
        next_probe_ = now + options_.probe_interval;
    }
}

void Breaker::close(Steady now) {
    if (state_ != State::closed) closed_since_ = now;
    state_ = State::closed;
    next_probe_ = Steady::max();
    outcomes_.assign(options_.window, true);
    position_ = 0;
    failures_ = 0;
}

}  // namespace vedfolnir::resilient
