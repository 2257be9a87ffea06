// The port of a near cache: records this process holds and may answer from, without asking the store.
#pragma once

#include "vedfolnir/types.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::runtime {

/// A record's bytes, and beside them what their reader made of them once. Immutable but for that. Thread-safe.
class NearRecord {
public:
    /// What a reader keeps with a record.
    struct Memo {
        Memo() = default;
        Memo(const Memo&) = delete;
        Memo& operator=(const Memo&) = delete;
        virtual ~Memo() = default;
    };

    explicit NearRecord(std::string bytes) noexcept : bytes_(std::move(bytes)) {}
    virtual ~NearRecord() { delete memo_.load(std::memory_order_acquire); }
    NearRecord(const NearRecord&) = delete;
    NearRecord& operator=(const NearRecord&) = delete;

    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
    /// Null until somebody kept one.
    [[nodiscard]] const Memo* memo() const noexcept {
        return memo_.load(std::memory_order_acquire);
    }
    /// For the cache, which counts what is kept: see NearCache::keep.
    const Memo& keep(std::unique_ptr<const Memo> memo) const noexcept {
        const Memo* none = nullptr;
        if (!memo_.compare_exchange_strong(none, memo.get(), std::memory_order_acq_rel))
            return *none;
        return *memo.release();
    }

private:
    std::string bytes_;
    mutable std::atomic<const Memo*> memo_{nullptr};
};

/// Thread-safe; no call blocks.
class NearCache {
public:
    using Steady = std::chrono::steady_clock::time_point;

    virtual ~NearCache() = default;
    /// The record if it may be answered from at `now`; null: ask the store. Says nothing of limits, endings and
    /// epochs, which are the reader's business.
    [[nodiscard]] virtual std::shared_ptr<const NearRecord> find(const StoreKey& key,
                                                                 Steady now) const = 0;
    /// Keeps `memo` with a record that `find` gave, unless another thread came first; the one that is kept. It lives as
    /// long as the record. `bytes` is what it takes of memory: counted against the bound, so records may have to go.
    virtual const NearRecord::Memo& keep(const std::shared_ptr<const NearRecord>& record,
                                         std::unique_ptr<const NearRecord::Memo> memo,
                                         std::size_t bytes) = 0;
    /// The store's time, as far as it is known without asking.
    [[nodiscard]] virtual std::optional<TimePoint> time_at(Steady now) const noexcept = 0;
};

}  // namespace vedfolnir::runtime
