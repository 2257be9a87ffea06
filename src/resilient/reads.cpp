// Where a load goes: to the hot store, to the database, or to both.
#include "resilient/resilient.hpp"
#include "resilient/shared.hpp"
#include "runtime/scope_timer.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::resilient {
namespace asio = boost::asio;
using async::FallbackRecord;
using async::RestoreStatus;
using async::Task;
using runtime::AtomicCounters;
using Clock = std::chrono::steady_clock;
using Knows = FallbackRecord::Knows;

namespace {

constexpr std::chrono::seconds copies_looked_at_every{1};
constexpr std::size_t compared_max = 100'000;

}  // namespace

Task<std::optional<std::string>> Resilient::load_away(StoreKey key, Deadline deadline) {
    tell_episode();
    const runtime::ScopeTimer timed(counters_, Operation::fallback_read);
    auto kept = co_await ask(key, deadline);
    tell_changed(key);
    if (!kept) co_return kept.error();
    if (kept->knows == Knows::unknown) {
        count(&AtomicCounters::fallback_unknown);
        co_return unknown_here();
    }
    count(&AtomicCounters::fallback_reads);
    if (kept->knows == Knows::ended) co_return std::optional<std::string>();
    co_return std::move(kept->bytes);
}

asio::awaitable<Resilient::Seen> Resilient::see(StoreKey key, Deadline until) {
    // What was ahead may be told while this read is on its way: it may have been answered before that.
    const bool was_ahead = may_be_ahead();
    const auto connection = parts_.hot->connection_number();
    auto hot = co_await parts_.hot->load(key, until);
    Open open{was_ahead || may_be_ahead(), false, connection};
    if (hot && *hot && has_copy(**hot)) {
        // Over another connection another server may have answered than the one that is asked next.
        const bool moved = connection != 0 && connection != parts_.hot->connection_number();
        open.doubted = moved || co_await may_be_older(key, until);
    }
    co_return Seen{std::move(hot), open};
}

Task<std::optional<std::string>> Resilient::load(StoreKey key, Deadline deadline) {
    if (!started_) co_await start();
    listen_to_host();
    if (away(Need::read)) co_return co_await load_away(key, deadline);
    const Attempt first = attempt(Need::read, deadline);
    auto seen = co_await see(key, first.until);
    const bool waited = first.waited();
    heard(first, seen.hot);
    if (!seen.hot && falls_back(seen.hot.error())) {
        auto kept = co_await load_away(key, deadline);
        if (kept || !waited || away(Need::read)) co_return kept;
        // The database cannot say, and the hot store was only slow: it gets the rest of the time.
        seen = co_await see(key, deadline);
        if (!seen.hot) co_return kept;
    }
    if (!seen.hot) co_return std::move(seen.hot);
    if (*seen.hot && !seen.open.ahead && !seen.open.doubted) co_return std::move(seen.hot);
    co_return co_await complete(key, std::move(*seen.hot), seen.open, deadline);
}

/// Asked once for each connection, and once a second until all copies were put back. `anew`: also after that.
asio::awaitable<void> Resilient::look_at_copies(Deadline deadline, bool anew) {
    const auto connection = parts_.hot->connection_number();
    if (copies_.connection != connection) {
        copies_ = {};
        unknowns_.clear();
    } else if (copies_.state.complete ? !anew : Clock::now() < copies_.again) {
        co_return;
    }
    copies_.again = Clock::now() + copies_looked_at_every;
    const auto state = co_await parts_.target->copies_state(deadline);
    if (parts_.hot->connection_number() != connection) co_return;
    copies_.connection = connection;
    if (state)
        copies_.state = *state;
    else
        copies_.state.complete = false;
    if (copies_.state.current) copies_.compared.clear();
}

/// The record that the hot store shows under `key` is known to be no older than its copy.
bool Resilient::is_current(const StoreKey& key) const {
    return copies_.connection == parts_.hot->connection_number() &&
           (copies_.state.current || copies_.compared.contains(key));
}

asio::awaitable<bool> Resilient::may_be_older(StoreKey key, Deadline deadline) {
    if (!settings_.keeps_copies || is_current(key)) co_return false;
    co_await look_at_copies(deadline, false);
    co_return !is_current(key);
}

/// Whether what the hot store does not show may have been lost by it.
asio::awaitable<bool> Resilient::may_be_missing(Deadline deadline) {
    if (!settings_.keeps_copies) co_return false;
    // A server that was flushed is the same one, over the same connection.
    co_await look_at_copies(deadline, true);
    co_return copies_.connection != parts_.hot->connection_number() || !copies_.state.complete;
}

/// The hot store may show the generation that a save expects, and SQL have a later one with other changes.
Task<std::uint64_t> Resilient::vouch(std::shared_ptr<Resilient> of, StoreKey key,
                                     Deadline deadline) {
    for (int tries = 0; of && tries < 3; ++tries) {
        const auto connection = of->parts_.hot->connection_number();
        bool known = !co_await of->may_be_older(key, deadline);
        if (!known) {
            const auto seen = co_await of->load(key, deadline);
            if (!seen) co_return seen.error();
            // Where the database answered alone, nothing was compared.
            known = !*seen || of->is_current(key);
        }
        if (known && connection == of->parts_.hot->connection_number()) co_return connection;
    }
    Error error{Errc::store_unavailable,
                "Redis may hold an older form of this session, and could not be compared with SQL"};
    error.outage = Outage::writes;  // the database takes the save
    co_return error;
}

/// `key` was compared with its copy. From now on the hot store has the newest, whoever writes.
void Resilient::note_compared(const StoreKey& key, std::uint64_t connection) {
    if (copies_.connection != connection || connection != parts_.hot->connection_number()) return;
    if (copies_.compared.size() >= compared_max) copies_.compared.clear();
    copies_.compared.insert(key);
}

/// The hot store has answered, but the database may know better: it lost the record, or was not told of a newer one.
Task<std::optional<std::string>> Resilient::complete(StoreKey key, std::optional<std::string> hot,
                                                     Open open, Deadline deadline) {
    // What the hot store shows may have been replaced here; what it does not show it may have lost. Only a database that has
    // been away for a while is not waited for: then a miss counts, if the hot store is to be believed at all.
    const bool believed = !open.ahead && !open.doubted && unanswered_;
    const Deadline limit = believed ? attempt(Need::read, deadline).until : deadline;
    auto kept = co_await ask(key, limit);
    if (!kept) {
        if (!believed || (!hot && co_await may_be_missing(deadline))) co_return kept.error();
        co_return hot;
    }
    if (kept->knows == Knows::unknown) {
        if (open.doubted) note_compared(key, open.connection);
        co_return hot;
    }
    if (kept->knows == Knows::ended) {
        tell_changed(key);
        co_return std::optional<std::string>();
    }
    if (!is_record(kept->bytes)) {
        tell_changed(key);
        co_return std::move(kept->bytes);
    }
    if (!hot) co_return co_await refill(key, std::move(*kept), open.connection, deadline);
    if (!is_record(*hot)) co_return hot;
    if (!newer(kept->bytes, *hot)) {
        if (open.doubted) note_compared(key, open.connection);
        co_return hot;
    }
    if (!kept->ahead && !open.doubted) co_return hot;
    if (!kept->ahead) co_return co_await refill(key, std::move(*kept), open.connection, deadline);
    tell_changed(key);
    count(&AtomicCounters::fallback_reads);
    co_return std::move(kept->bytes);
}

/// Puts back what the hot store lost, and answers with what stands there then.
Task<std::optional<std::string>> Resilient::refill(StoreKey key, FallbackRecord kept,
                                                   std::uint64_t connection, Deadline deadline) {
    std::string bytes = kept.bytes;
    std::vector<async::RestoreItem> items;
    items.push_back({key, std::move(kept.bytes), kept.ttl, kept.sequence, true});
    const auto replies = co_await parts_.target->restore(
        std::move(items), settings_.lifetimes.clock_skew_max, deadline);
    tell_changed(key);
    if (!replies || replies->empty()) {
        // It takes nothing now; the session lives all the same.
        count(&AtomicCounters::fallback_reads);
        co_return std::move(bytes);
    }
    switch (replies->front().status) {
    case RestoreStatus::restored:
        count(&AtomicCounters::fallback_restored);
        note_compared(key, connection);
        co_return std::move(bytes);
    case RestoreStatus::newer:
        note_compared(key, connection);
        co_return replies->front().current;
    case RestoreStatus::outdated: {
        // An ending came between: the database has the last word.
        auto again = co_await ask(key, deadline);
        if (!again) co_return again.error();
        if (again->knows != Knows::found) co_return std::optional<std::string>();
        co_return std::move(again->bytes);
    }
    case RestoreStatus::ended:
    case RestoreStatus::skewed:
    case RestoreStatus::tied:
        break;
    }
    co_return std::optional<std::string>();
}

}  // namespace vedfolnir::resilient
