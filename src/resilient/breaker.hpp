// When to stop asking a store that fails, and when to trust it again. Pure: time and chance come from outside.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vedfolnir::resilient {

using Steady = std::chrono::steady_clock::time_point;

struct BreakerOptions {
    std::size_t window = 20;        ///< Calls that are looked back on.
    std::size_t failures_max = 10;  ///< So many of them failed or were slow: open.
    unsigned probes = 3;            ///< Successes in a row before the store counts as back.
    std::chrono::milliseconds probe_interval{1000};      ///< While nothing answers.
    std::chrono::milliseconds probe_interval_back{150};  ///< Once something did.
    std::chrono::milliseconds open_min{1000};
    std::chrono::milliseconds open_max{30'000};
    /// A store that fails again within this time after it came back has to be well for twice as long the next time.
    std::chrono::milliseconds relapse{30'000};
};

/// Closed: calls go to the store, and their outcomes are recorded. Open: they do not; only probes ask it, once a second,
/// however long the outage lasts, so that its end is noticed within seconds. Half open: probes succeed. The back-off
/// bounds how often the state may change, not how often one looks: it grows with relapses only.
/// Thread safety: one thread at a time.
class Breaker {
public:
    enum class State : std::uint8_t { closed, half_open, open };

    /// `chance` answers a number from 0 to 1; it spreads the back-off of many processes.
    explicit Breaker(BreakerOptions options, std::function<double()> chance)
        : options_(options), chance_(std::move(chance)), outcomes_(options.window, true) {}

    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] bool closed() const noexcept { return state_ == State::closed; }

    /// The outcome of a call; `good`: it succeeded, and in time. Outcomes of calls that began before it opened count for
    /// nothing.
    void record(bool good, Steady now);

    /// A probe may be sent now.
    [[nodiscard]] bool probe_due(Steady now) const noexcept {
        return state_ != State::closed && now >= next_probe_;
    }
    /// When the next probe is due. Closed: never.
    [[nodiscard]] Steady next_probe() const noexcept { return next_probe_; }
    void probed(bool good, Steady now);

    /// Enough probes succeeded and the back-off is over: it may be closed, once what was missed has been made good.
    [[nodiscard]] bool ready(Steady now) const noexcept {
        return state_ == State::half_open && successes_ >= options_.probes &&
               now >= earliest_close_;
    }
    /// Starts with a clean slate, also where it was closed.
    void close(Steady now);
    void open(Steady now);

private:
    BreakerOptions options_;
    std::function<double()> chance_;
    State state_ = State::closed;
    std::vector<bool> outcomes_;  ///< A ring: the last `window` calls.
    std::size_t position_ = 0;
    std::size_t failures_ = 0;
    unsigned successes_ = 0;
    std::chrono::milliseconds back_off_{0};
    Steady earliest_close_{};
    Steady next_probe_ = Steady::max();
    Steady closed_since_{};
    bool opened_before_ = false;
};

}  // namespace vedfolnir::resilient
