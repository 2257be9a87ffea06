// Keeps a reply that an invalidation overtook out of the near cache (O13). Header-only: a few atomic operations on the
// way of every fill.
#pragma once

#include "vedfolnir/types.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vedfolnir::cache {

/// The server sends a GET's reply before the invalidation that follows it, but inside a client the two travel on
/// different ways. A fill that comes after the invalidation was dealt with would stay stale for good. So: take a
/// ticket before the GET is sent, and fill only while it is valid.
///
/// The order that makes it safe: the invalidating side first calls `invalidated`, then removes the entry under its
/// lock; the filling side asks `still_valid` and inserts under that same lock. Either the filler sees the raise, or
/// the remover finds the entry.
///
/// Stripes are shared by keys: a foreign invalidation costs a fill now and then, never more.
/// Thread safety: all functions; lock-free.
class FillGuard {
public:
    static constexpr std::size_t stripe_count = 4096;

    /// What the guard stood at. Cheap to copy; belongs to the guard that made it.
    struct Ticket {
        std::uint64_t count = 0;
        std::uint64_t epoch = 0;
        std::uint16_t stripe = 0;
    };

    /// Call it before the GET is handed to the connection.
    [[nodiscard]] Ticket take(const StoreKey& key) const noexcept {
        const auto stripe = stripe_of(key);
        return {counts_[stripe].load(), epoch_.load(), stripe};
    }

    /// False: the reply may be older than an invalidation that has been dealt with. Use it, do not keep it.
    [[nodiscard]] bool still_valid(const Ticket& ticket) const noexcept {
        return counts_[ticket.stripe].load() == ticket.count && epoch_.load() == ticket.epoch;
    }

    /// Call it for each invalidation, before the entry is removed.
    void invalidated(const StoreKey& key) noexcept { counts_[stripe_of(key)].fetch_add(1); }

    /// Tracking was lost, the server flushed, or the cache is emptied: no reply that is under way may be kept.
    void invalidated_all() noexcept { epoch_.fetch_add(1); }

private:
    [[nodiscard]] static std::uint16_t stripe_of(const StoreKey& key) noexcept {
        std::uint16_t bits = 0;
        std::memcpy(&bits, key.digest.data(), sizeof bits);
        return bits % stripe_count;
    }

    std::array<std::atomic<std::uint64_t>, stripe_count> counts_{};
    std::atomic<std::uint64_t> epoch_{0};
};

}  // namespace vedfolnir::cache
