// What this process refuses whatever the hot store says: ended sessions and outdated users (R2, R3).
#pragma once

#include "vedfolnir/types.hpp"

#include <boost/unordered/concurrent_flat_map.hpp>

#include <cstddef>
#include <map>
#include <mutex>
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

/// Per user the lowest epoch that still counts. Only grows; loaded from SQL at start. Thread-safe.
class MinimumEpochs {
public:
    void raise(const UserTag& user, std::uint64_t epoch);
    /// 0 when nothing is known.
    [[nodiscard]] std::uint64_t of(const UserTag& user) const;

private:
    mutable std::mutex mutex_;
    std::map<UserTag, std::uint64_t> epochs_;
};

}  // namespace vedfolnir::manager
