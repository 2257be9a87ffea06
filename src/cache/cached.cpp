#include "cache/cached.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"

#include <cstring>
#include <utility>

namespace vedfolnir::cache {
namespace {

using async::CreateStatus;
using async::EndOrder;
using async::EndReply;
using async::SaveReply;
using async::SaveStatus;
using async::Task;
using async::TouchStatus;
using runtime::AtomicCounters;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds stripes_retry{1};
/// The event loop waits for nobody longer than this.
constexpr Millis stripes_patience{20};

/// Where the table counts for a whole shard. Who ends all sessions of a user need not know them: all of them live in
/// one shard, and such endings are rare.
StoreKey key_of_shard(std::uint8_t shard) {
    StoreKey key{shard, {}};
    key.digest.fill(shard);
    return key;
}

void set_last_seen(std::string& record, TimePoint time) {
    std::string bytes;
    model::append_be(bytes, static_cast<std::uint64_t>(time.time_since_epoch().count()));
    record.replace(model::offset::last_seen, bytes.size(), bytes);
}

}  // namespace

std::shared_ptr<Cached> Cached::make(std::shared_ptr<async::SessionStore> inner,
                                     std::shared_ptr<async::ChangeFeed> feed,
                                     std::shared_ptr<StripeTable> stripes,
                                     const NearCacheOptions& options, AtomicCounters* counters) {
    std::shared_ptr<Cached> made(
        new Cached(std::move(inner), std::move(feed), std::move(stripes), options, counters));
    made->feed_->listen(made->weak_from_this());
    return made;
}

Cached::Cached(std::shared_ptr<async::SessionStore> inner, std::shared_ptr<async::ChangeFeed> feed,
               std::shared_ptr<StripeTable> stripes, const NearCacheOptions& options,
               AtomicCounters* counters)
    : inner_(std::move(inner)),
      feed_(std::move(feed)),
      stripes_(std::move(stripes)),
      options_(options),
      counters_(counters),
      records_(options.entries_max, options.bytes_max) {}

void Cached::count(AtomicCounters::Count AtomicCounters::*which) const {
    if (counters_ != nullptr) AtomicCounters::raise(counters_->*which);
}

std::shared_ptr<const runtime::NearRecord> Cached::find(const StoreKey& key, Steady now) const {
    auto entry = records_.find(key);
    if (!entry) return nullptr;
    // The counts are read after the entry was found: what was written before this call is seen.
    const bool current = feed_->tells() && now - entry->asked < options_.age_max &&
                         stripes_->healthy(now) && stripes_->read(key) == entry->stripe &&
                         stripes_->read(key_of_shard(key.shard)) == entry->shard_stripe;
    if (!current) {
        count(&AtomicCounters::near_stale);
        return nullptr;
    }
    // Written only when it changes, so that readers of one session share its cache line.
    if (!entry->used.load(std::memory_order_relaxed))
        entry->used.store(true, std::memory_order_relaxed);
    return entry;
}

void Cached::changed(const StoreKey& key) {
    count(&AtomicCounters::near_invalidations);
    forget(key);
}

void Cached::changed_all() {
    guard_.invalidated_all();
    records_.clear();
}

void Cached::forget(const StoreKey& key) {
    guard_.invalidated(key);
    records_.erase(key);
}

Cached::Before Cached::before(const StoreKey& key) {
    const auto now = Clock::now();
    look_after_stripes(now);
    return {guard_.take(key), stripes_->read(key), stripes_->read(key_of_shard(key.shard)), now};
}

/// Every call to the store comes by here, so that a process which only writes leaves an abandoned table, too.
void Cached::look_after_stripes(Steady now) {
    const bool healthy = stripes_->healthy(now);
    if (healthy && (stripes_->shared() || !options_.share_between_workers)) return;
    if (now - stripes_tried_ < stripes_retry) return;
    stripes_tried_ = now;
    if (stripes_->reopen(stripes_patience) || healthy) return;
    // What fails here leaves the table unhealthy: nothing is answered from memory, and the next call tries again.
    static_cast<void>(stripes_->go_private());
}

void Cached::keep(const StoreKey& key, std::string record, const Before& before) {
    if (record.size() < model::offset::body || model::parse_note(record)) return;
    if (!feed_->tells() || !guard_.still_valid(before.ticket)) {
        count(&AtomicCounters::near_fills_refused);
        return;
    }
    auto entry = std::make_shared<Entry>(std::move(record));
    entry->key = key;
    entry->asked = before.asked;
    entry->stripe = before.stripe;
    entry->shard_stripe = before.shard_stripe;
    records_.insert(std::move(entry));
    count(&AtomicCounters::near_fills);
}

/// A record is kept under the count that this write left, if it is the very next one: else somebody else's write may
/// have come after ours.
void Cached::wrote(const StoreKey& key, std::optional<std::string> record, Before before) {
    records_.erase(key);
    const std::uint64_t count_now = stripes_->raise(key);
    if (!record || count_now != before.stripe + 1) return;
    before.stripe = count_now;
    keep(key, std::move(*record), before);
}

Task<CreateStatus> Cached::create(StoreKey key, std::string record, Millis ttl, Deadline deadline) {
    const Before known = before(key);
    std::string kept = record;
    auto reply = co_await inner_->create(key, std::move(record), ttl, deadline);
    // Nobody can hold what did not exist before: no stripe to raise.
    if (reply && *reply == CreateStatus::created) keep(key, std::move(kept), known);
    co_return reply;
}

Task<std::optional<std::string>> Cached::load(StoreKey key, Deadline deadline) {
    if (const auto near = find(key, Clock::now())) co_return near->bytes();
    const Before known = before(key);
    auto answer = co_await inner_->load(key, deadline);
    if (answer && *answer) {
        keep(key, **answer, known);
    } else {
        records_.erase(key);
    }
    co_return answer;
}

Task<SaveReply> Cached::save(StoreKey key, std::uint64_t expected_generation, std::string record,
                             Millis ttl, Deadline deadline) {
    const Before known = before(key);
    std::string kept = record;
    auto reply = co_await inner_->save(key, expected_generation, std::move(record), ttl, deadline);
    if (!reply) {
        wrote(key, std::nullopt, known);  // perhaps
    } else if (reply->status == SaveStatus::saved) {
        if (const auto time = feed_->time_at(Clock::now())) set_last_seen(kept, *time);
        wrote(key, std::move(kept), known);
    } else {
        records_.erase(key);
    }
    co_return reply;
}

Task<TouchStatus> Cached::touch(StoreKey key, Millis ttl, Deadline deadline) {
    const Before known = before(key);
    const auto near = find(key, known.asked);
    auto reply = co_await inner_->touch(key, ttl, deadline);
    if (!reply) {
        wrote(key, std::nullopt, known);  // perhaps
    } else if (*reply == TouchStatus::touched) {
        std::optional<std::string> kept;
        const auto time = feed_->time_at(Clock::now());
        if (near && time) set_last_seen(kept.emplace(near->bytes()), *time);
        wrote(key, std::move(kept), known);
    } else {
        records_.erase(key);
    }
    co_return reply;
}

Task<bool> Cached::erase(StoreKey key, std::string note, Millis note_ttl, Deadline deadline) {
    const Before known = before(key);
    auto reply = co_await inner_->erase(key, std::move(note), note_ttl, deadline);
    wrote(key, std::nullopt, known);
    co_return reply;
}

Task<EndReply> Cached::end(EndOrder order, Deadline deadline) {
    const std::vector<StoreKey> keys = order.keys;
    const std::uint8_t shard = order.shard;
    const bool of_user = order.whole_user || order.epoch > 0;
    auto reply = co_await inner_->end(std::move(order), deadline);
    // Whatever the store said: the other workers are to ask it themselves.
    for (const StoreKey& key : keys) wrote(key, std::nullopt, {});
    if (of_user) stripes_->raise(key_of_shard(shard));
    co_return reply;
}

Task<std::vector<async::IndexEntry>> Cached::list_user(UserTag user, Deadline deadline) {
    return inner_->list_user(user, deadline);
}

Task<async::AppliedEpoch> Cached::epoch_of(UserTag user, Deadline deadline) {
    return inner_->epoch_of(user, deadline);
}

Task<std::vector<bool>> Cached::epochs_told(Deadline deadline) {
    return inner_->epochs_told(deadline);
}

Task<bool> Cached::tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) {
    return inner_->tell_epochs(std::move(pages), deadline);
}

Task<bool> Cached::doubt_epochs(std::uint8_t shard, Deadline deadline) {
    return inner_->doubt_epochs(shard, deadline);
}

Task<std::vector<std::uint64_t>> Cached::marks(Deadline deadline) {
    return inner_->marks(deadline);
}

Task<bool> Cached::attest(Deadline deadline) { return inner_->attest(deadline); }

Task<std::vector<bool>> Cached::lost_nothing(Deadline deadline) {
    return inner_->lost_nothing(deadline);
}

Task<bool> Cached::same_server(Deadline deadline) { return inner_->same_server(deadline); }

Task<TimePoint> Cached::now(Deadline deadline) { return inner_->now(deadline); }

}  // namespace vedfolnir::cache
