// One operation's histogram, added to from any thread. Header-only: plain atomics.
#pragma once

#include "vedfolnir/timings.hpp"

#include <algorithm>
#include <atomic>

namespace vedfolnir::runtime {

/// Relaxed: a reader may see a bucket before the sum that belongs to it.
struct AtomicTiming {
    std::array<std::atomic<std::uint64_t>, Timing::bounds_us.size() + 1> buckets{};
    std::atomic<std::uint64_t> sum_us{0};

    void add(std::uint64_t microseconds) noexcept {
        const auto bound = std::ranges::lower_bound(Timing::bounds_us, microseconds);
        const auto bucket = static_cast<std::size_t>(bound - Timing::bounds_us.begin());
        buckets[bucket].fetch_add(1, std::memory_order_relaxed);
        sum_us.fetch_add(microseconds, std::memory_order_relaxed);
    }

    [[nodiscard]] Timing read() const noexcept {
        Timing timing;
        for (std::size_t i = 0; i < buckets.size(); ++i)
            timing.buckets[i] = buckets[i].load(std::memory_order_relaxed);
        timing.sum_us = sum_us.load(std::memory_order_relaxed);
        return timing;
    }
};

}  // namespace vedfolnir::runtime
