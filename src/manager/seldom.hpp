// What an operator is told once, and not again for a while, however often it happens.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vedfolnir::manager {

/// Any thread.
class Seldom {
public:
    explicit Seldom(std::chrono::steady_clock::duration pause) noexcept : pause_(pause.count()) {}

    /// True: say it now, and nobody else does.
    [[nodiscard]] bool due() noexcept {
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        auto next = next_.load(std::memory_order_relaxed);
        return now >= next && next_.compare_exchange_strong(next, now + pause_);
    }

private:
    const std::int64_t pause_;
    std::atomic<std::int64_t> next_{0};
};

}  // namespace vedfolnir::manager
