// What this process refuses whatever the hot store says: ended sessions and outdated users (R2, R3).
#pragma once

#include "vedfolnir/types.hpp"

#include <boost/unordered/concurrent_flat_map.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace vedfolnir::manager {

/// Bounded: each entry lapses when the session it denies would have expired anyway; at the bound the entry that would
/// lapse first makes room. Thread-safe; `denies`, which every load asks, takes no lock that all threads share.
class DenySet {
public:
    explicit DenySet(std::size_t entries_max = 200'000) : entries_max_(entries_max) {}

    void deny(const StoreKey& key, TimePoint until, TimePoint now);
    [[nodiscard]] bool denies(const StoreKey& key, TimePoint now) const;
    [[nodiscard]] std::size_t size() const;

private:
    struct Hash {
        using is_avalanching = void;
        std::size_t operator()(const StoreKey& key) const noexcept;
    };

    void drop_first();

    boost::concurrent_flat_map<StoreKey, TimePoint, Hash> until_;
    mutable std::mutex mutex_;  ///< Of writers, and of `order_`.
    std::size_t entries_max_;
    std::set<std::pair<TimePoint, StoreKey>> order_;
};

/// Per user the lowest epoch that still counts. Bounded: an entry lapses when no session it concerns can live any more;
/// at the bound the entry that would lapse first makes room, and until it would have lapsed the table no longer answers
/// for users it does not know: SQL has to be asked. Thread-safe; `of`, which every load asks, takes no lock that all
/// threads share.
class MinimumEpochs {
public:
    explicit MinimumEpochs(std::size_t entries_max = 200'000) : entries_max_(entries_max) {}

    /// `until`: no session that began before the epoch was raised lives longer. An epoch only grows.
    void raise(const UserTag& user, std::uint64_t epoch, TimePoint until, TimePoint now);
    /// What SQL answered for a user of whom nothing was known.
    void learn(const UserTag& user, std::uint64_t epoch, TimePoint now);
    /// Nothing that still matters had to make room.
    [[nodiscard]] bool complete(TimePoint now) const noexcept {
        return now >= forgotten_until_.load();
    }
    /// 0 where none was raised; empty where that is not known.
    [[nodiscard]] std::optional<std::uint64_t> of(const UserTag& user, TimePoint now) const;
    [[nodiscard]] std::size_t size() const;

private:
    struct Entry {
        std::uint64_t epoch = 0;
        TimePoint until{};
    };
    struct Hash {
        using is_avalanching = void;
        std::size_t operator()(const UserTag& user) const noexcept;
    };

    void drop_first();

    boost::concurrent_flat_map<UserTag, Entry, Hash> entries_;
    std::atomic<TimePoint> forgotten_until_{TimePoint::min()};
    mutable std::mutex mutex_;  ///< Of writers, and of `order_`.
    std::size_t entries_max_;
    std::set<std::pair<TimePoint, UserTag>> order_;
};

}  // namespace vedfolnir::manager
