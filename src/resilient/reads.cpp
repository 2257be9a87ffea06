// Where a load goes: to the hot store, to the database, or to both.
#include "resilient/resilient.hpp"
#include "resilient/shared.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::resilient {
using async::FallbackRecord;
using async::RestoreStatus;
using async::Task;
using runtime::AtomicCounters;
using Knows = FallbackRecord::Knows;

Task<std::optional<std::string>> Resilient::load_away(StoreKey key, Deadline deadline) {
    tell_episode();
    const Timed timed(counters_, Operation::fallback_read);
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

Task<std::optional<std::string>> Resilient::load(StoreKey key, Deadline deadline) {
    if (!started_) co_await start();
    listen_to_host();
    if (away(Need::read)) co_return co_await load_away(key, deadline);
    const Attempt first = attempt(Need::read, deadline);
    // What was ahead may be told while this read is on its way: it may have been answered before that.
    const bool was_ahead = ahead_;
    auto hot = co_await parts_.hot->load(key, first.until);
    const bool waited = first.waited();
    heard(first, hot);
    const bool ahead = was_ahead || ahead_;
    if (hot && *hot && !ahead) co_return hot;
    if (hot) co_return co_await complete(key, std::move(*hot), ahead, deadline);
    if (!falls_back(hot.error())) co_return hot;
    auto kept = co_await load_away(key, deadline);
    if (kept || !waited || away(Need::read)) co_return kept;
    // The database cannot say, and the hot store was only slow: it gets the rest of the time.
    auto again = co_await parts_.hot->load(key, deadline);
    co_return again ? std::move(again) : std::move(kept);
}

/// The hot store has answered, but the database may know better: it lost the record, or was not told of a newer one.
Task<std::optional<std::string>> Resilient::complete(StoreKey key, std::optional<std::string> hot,
                                                     bool ahead, Deadline deadline) {
    // What the hot store shows may have been replaced here; what it does not show it may have lost. Only a database that has
    // been away for a while is not waited for: then a miss counts, if the hot store is to be believed at all.
    const bool believed = !ahead && unanswered_;
    const Deadline limit = believed ? attempt(Need::read, deadline).until : deadline;
    auto kept = co_await ask(key, limit);
    if (!kept) {
        if (!believed) co_return kept.error();
        co_return hot;
    }
    if (kept->knows == Knows::unknown) co_return hot;
    if (kept->knows == Knows::ended) {
        tell_changed(key);
        co_return std::optional<std::string>();
    }
    if (!is_record(kept->bytes)) {
        tell_changed(key);
        co_return std::move(kept->bytes);
    }
    if (!hot) co_return co_await refill(key, std::move(*kept), deadline);
    if (!kept->ahead || !is_record(*hot) || !newer(kept->bytes, *hot)) co_return hot;
    tell_changed(key);
    count(&AtomicCounters::fallback_reads);
    co_return std::move(kept->bytes);
}

/// Puts back what the hot store lost, and answers with what stands there then.
Task<std::optional<std::string>> Resilient::refill(StoreKey key, FallbackRecord kept,
                                                   Deadline deadline) {
    std::string bytes = kept.bytes;
    std::vector<async::RestoreItem> items;
    items.push_back({key, std::move(kept.bytes), kept.ttl, kept.sequence});
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
        co_return std::move(bytes);
    case RestoreStatus::newer:
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
