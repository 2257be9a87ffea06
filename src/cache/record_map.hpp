// The records of a near cache: read from any thread without a common lock, changed under one.
#pragma once

#include "runtime/near_cache.hpp"
#include "vedfolnir/types.hpp"

#include <boost/unordered/concurrent_flat_map.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <string>

namespace vedfolnir::cache {

/// A record with what must still hold when it is answered from.
struct Entry : runtime::NearRecord {
    using NearRecord::NearRecord;

    StoreKey key;
    std::chrono::steady_clock::time_point asked;  ///< When the store was asked for it.
    std::uint64_t stripe = 0;                     ///< Count of the key's stripe before that.
    std::uint64_t shard_stripe = 0;  ///< Of the shard's stripe; endings of a whole user raise it.

    mutable std::atomic<bool> used{false};  ///< Since the clock hand passed.

    // Under the map's lock.
    std::list<std::shared_ptr<Entry>>::iterator place;
    std::size_t cost = 0;  ///< What it counts for, in bytes.
};

/// Bounded in entries and bytes; at a bound the entry that was not used since the clock hand passed it makes room
/// (second chance). Thread-safe; `find` takes no lock.
class RecordMap {
public:
    RecordMap(std::size_t entries_max, std::size_t bytes_max)
        : entries_max_(entries_max), bytes_max_(bytes_max) {}

    [[nodiscard]] std::shared_ptr<const Entry> find(const StoreKey& key) const;

    /// Replaces what stood under the key. One that alone would fill an eighth of the cache is not taken.
    void insert(std::shared_ptr<Entry> entry);
    /// As runtime::NearCache::keep, for an entry that may have left the map meanwhile.
    const runtime::NearRecord::Memo& keep(const Entry& entry,
                                          std::unique_ptr<const runtime::NearRecord::Memo> memo,
                                          std::size_t bytes);
    void erase(const StoreKey& key);
    void clear();

    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return bytes_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t evictions() const noexcept {
        return evictions_.load(std::memory_order_relaxed);
    }

private:
    /// The digest is a hash already, and of a secret that nobody chooses.
    struct Hash {
        using is_avalanching = void;
        std::size_t operator()(const StoreKey& key) const noexcept {
            std::size_t hash = 0;
            std::memcpy(&hash, key.digest.data(), sizeof(hash));
            return hash;
        }
    };

    using Entries = std::list<std::shared_ptr<Entry>>;

    [[nodiscard]] std::shared_ptr<Entry> held(const StoreKey& key) const;
    [[nodiscard]] bool too_large(std::size_t size) const noexcept { return size > bytes_max_ / 8; }
    /// The entry goes to `gone`, to be freed when the lock is.
    void remove(const std::shared_ptr<Entry>& entry, Entries& gone);
    void evict_one(Entries& gone);

    std::size_t entries_max_;
    std::size_t bytes_max_;
    boost::concurrent_flat_map<StoreKey, std::shared_ptr<Entry>, Hash> map_;
    std::mutex changing_;  ///< Of everything below, and of who changes `map_`.
    Entries clock_;        ///< The hand is at the front.
    std::atomic<std::size_t> size_{0};
    std::atomic<std::size_t> bytes_{0};
    std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace vedfolnir::cache
