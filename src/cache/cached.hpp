// Cached(inner): the near cache as a decorator over any store that tells of changes (design section 5).
#pragma once

#include "cache/fill_guard.hpp"
#include "cache/record_map.hpp"
#include "cache/stripe_table.hpp"
#include "runtime/counters.hpp"
#include "runtime/near_cache.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::cache {

/// Answers loads from this process's memory where that cannot be seen from outside:
/// - another worker on this machine wrote or ended the session: its stripe moved, nothing older is answered;
/// - somebody elsewhere did: the store tells it (typically within a millisecond);
/// - it did not tell (a dropped message): the entry is older than its age bound soon;
/// - the store cannot tell at all (no connection, not permitted): nothing is answered from here.
/// Nothing is kept of absent records, notes, and answers that a change overtook (O13).
///
/// Thread safety: `find`, `keep` and `time_at` from any thread, everything else on the store's executor.
class Cached final : public async::SessionStore,
                     public async::ChangeListener,
                     public runtime::NearCache,
                     public std::enable_shared_from_this<Cached> {
public:
    /// `feed` belongs to `inner`. `counters` may be null; it must outlive the cache.
    static std::shared_ptr<Cached> make(std::shared_ptr<async::SessionStore> inner,
                                        std::shared_ptr<async::ChangeFeed> feed,
                                        std::shared_ptr<StripeTable> stripes,
                                        const NearCacheOptions& options,
                                        runtime::AtomicCounters* counters);

    [[nodiscard]] std::shared_ptr<const runtime::NearRecord> find(const StoreKey& key,
                                                                  Steady now) const override;
    const runtime::NearRecord::Memo& keep(const std::shared_ptr<const runtime::NearRecord>& record,
                                          std::unique_ptr<const runtime::NearRecord::Memo> memo,
                                          std::size_t bytes) override {
        return records_.keep(static_cast<const Entry&>(*record), std::move(memo), bytes);
    }
    [[nodiscard]] std::optional<TimePoint> time_at(Steady now) const noexcept override {
        return feed_->time_at(now);
    }

    void changed(const StoreKey& key) override;
    void changed_all() override;

    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record,
                                                          Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<std::string>> load(StoreKey key,
                                                               Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key,
                                                     std::uint64_t expected_generation,
                                                     std::string record, Millis ttl,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl,
                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<async::AppliedEpoch> epoch_of(UserTag user,
                                                            Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> epochs_told(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> attest(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> same_server(Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;
    [[nodiscard]] std::uint64_t connection_number() const noexcept override {
        return inner_->connection_number();
    }

private:
    /// What was known before the store was asked; decides afterwards whether the answer may be kept.
    struct Before {
        FillGuard::Ticket ticket;
        std::uint64_t stripe = 0;
        std::uint64_t shard_stripe = 0;
        Steady asked;
    };

    Cached(std::shared_ptr<async::SessionStore> inner, std::shared_ptr<async::ChangeFeed> feed,
           std::shared_ptr<StripeTable> stripes, const NearCacheOptions& options,
           runtime::AtomicCounters* counters);

    [[nodiscard]] Before before(const StoreKey& key);
    /// Shares the table anew after its file went, and keeps trying where it could not be shared.
    void look_after_stripes(Steady now);
    void keep(const StoreKey& key, std::string record, const Before& before);
    /// After a write of ours: tells the other workers, and keeps what was written if nobody else came between.
    void wrote(const StoreKey& key, std::optional<std::string> record, Before before);
    void forget(const StoreKey& key);
    void count(runtime::AtomicCounters::Count runtime::AtomicCounters::*which) const;

    std::shared_ptr<async::SessionStore> inner_;
    std::shared_ptr<async::ChangeFeed> feed_;
    std::shared_ptr<StripeTable> stripes_;
    NearCacheOptions options_;
    Steady stripes_tried_{};
    runtime::AtomicCounters* counters_;
    RecordMap records_;
    FillGuard guard_;
};

}  // namespace vedfolnir::cache
