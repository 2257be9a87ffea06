// Where a change goes. What the database took while the hot store was away is ahead until it is told.
#include "resilient/resilient.hpp"
#include "resilient/shared.hpp"
#include "runtime/scope_timer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace vedfolnir::resilient {
using async::CreateStatus;
using async::RestoreStatus;
using async::SaveReply;
using async::SaveStatus;
using async::Task;
using async::TouchStatus;
using runtime::AtomicCounters;
using Clock = std::chrono::steady_clock;
using Knows = async::FallbackRecord::Knows;

namespace {

class OnItsWay {
public:
    explicit OnItsWay(std::size_t& count) : count_(count) { ++count_; }
    ~OnItsWay() { --count_; }
    OnItsWay(const OnItsWay&) = delete;
    OnItsWay& operator=(const OnItsWay&) = delete;

private:
    std::size_t& count_;
};

}  // namespace

void Resilient::note_ahead() {
    wrote_ = Clock::now();
    ahead_ = true;
    if (parts_.say_ahead) parts_.say_ahead();
}

template <class T, class Call>
Task<T> Resilient::write_away(StoreKey key, Call call, Deadline deadline) {
    const runtime::ScopeTimer timed(counters_, Operation::fallback_write);
    const auto place = co_await admitted(deadline);
    if (!place) {
        count(&AtomicCounters::fallback_refused);
        co_return spared();
    }
    std::optional<OnItsWay> writing(std::in_place, writing_);
    wrote_ = Clock::now();
    update();
    tell_episode();
    Task<T> task = call();
    auto answer = co_await std::move(task);
    // Only of a commit the outcome may be unknown; with any other error nothing was written, and nothing has to be told.
    if (answer || answer.error().code == Errc::deadline_exceeded) note_ahead();
    writing.reset();
    update();
    unknowns_.remove(key);
    if (answer) count(&AtomicCounters::fallback_writes);
    co_return answer;
}

Task<CreateStatus> Resilient::create(StoreKey key, std::string record, Millis ttl,
                                     Deadline deadline) {
    if (!started_) co_await start();
    if (!away(Need::change)) {
        const Attempt first = attempt(Need::change, deadline);
        std::string copy = record;
        auto reply = co_await parts_.hot->create(key, std::move(copy), ttl, first.until);
        heard(first, reply);
        if (reply || !falls_back(reply.error())) co_return reply;
    }
    auto call = [this, key, &record, ttl, deadline] {
        return parts_.database->create(key, std::move(record), ttl, deadline);
    };
    co_return co_await write_away<CreateStatus>(key, call, deadline);
}

Task<SaveReply> Resilient::save(StoreKey key, std::uint64_t expected_generation, std::string record,
                                Millis ttl, Deadline deadline) {
    if (!started_) co_await start();
    listen_to_host();
    // Here it has all the time there is; `vouch` does it where the connection turns out to be another one.
    if (!away(Need::change) && has_copy(record) && co_await may_be_older(key, deadline)) {
        const auto seen = co_await load(key, deadline);
        if (!seen) co_return seen.error();
    }
    bool waited = false;
    bool hot = !away(Need::change);
    if (hot && may_be_ahead()) {
        // What is ahead of the hot store is saved where it is: there it meets the generation it was loaded from.
        const auto kept = co_await ask(key, deadline);
        if (!kept) co_return kept.error();
        if (kept->knows == Knows::ended) co_return SaveReply{SaveStatus::gone, {}};
        const bool here = kept->knows == Knows::found && kept->ahead && is_record(kept->bytes) &&
                          generation_of(kept->bytes) >= expected_generation;
        hot = !here;
        // It is asked for nothing here, but whether it could have taken it counts.
        if (!hot) static_cast<void>(co_await takes_changes());
    }
    if (hot) {
        const Attempt first = attempt(Need::change, deadline);
        std::string copy = record;
        auto reply =
            co_await parts_.hot->save(key, expected_generation, std::move(copy), ttl, first.until);
        waited = first.waited();
        heard(first, reply);
        if (reply) {
            const bool behind =
                reply->status == SaveStatus::gone ||
                (reply->status == SaveStatus::conflict && is_record(reply->current) &&
                 generation_of(reply->current) < expected_generation);
            if (!behind) co_return reply;
            co_return co_await save_behind(key, expected_generation, std::move(record), ttl,
                                           std::move(*reply), deadline);
        }
        if (!falls_back(reply.error())) co_return reply;
    }
    auto call = [this, key, expected_generation, &record, ttl, deadline] {
        return parts_.database->save(key, expected_generation, record, ttl, deadline);
    };
    auto kept = co_await write_away<SaveReply>(key, call, deadline);
    if (kept || !waited || away(Need::change)) co_return kept;
    co_return co_await save_again(key, expected_generation, std::move(record), ttl, deadline);
}

/// The database cannot say, and the hot store was only slow: it gets the rest of the time. It may have applied the save
/// already, which it knows by the operation as long as nobody saved since; one that did made the next generation.
Task<SaveReply> Resilient::save_again(StoreKey key, std::uint64_t expected_generation,
                                      std::string record, Millis ttl, Deadline deadline) {
    auto reply =
        co_await parts_.hot->save(key, expected_generation, std::move(record), ttl, deadline);
    if (!reply || reply->status != SaveStatus::conflict) co_return reply;
    if (is_record(reply->current) && generation_of(reply->current) == expected_generation + 1)
        co_return reply;
    co_return Error{Errc::deadline_exceeded,
                    "the outcome of a save that came late to Redis is unknown"};
}

/// The hot store holds less than what the caller loaded: it lost it, or it came from here.
Task<SaveReply> Resilient::save_behind(StoreKey key, std::uint64_t expected_generation,
                                       std::string record, Millis ttl, SaveReply reply,
                                       Deadline deadline) {
    const bool believed = reply.status == SaveStatus::gone && !may_be_ahead() && unanswered_;
    auto kept = co_await ask(key, deadline);
    if (!kept) {
        if (!believed || co_await may_be_missing(deadline)) co_return kept.error();
        co_return reply;
    }
    if (kept->knows == Knows::ended) co_return SaveReply{SaveStatus::gone, {}};
    const bool found = kept->knows == Knows::found;
    if (found && !is_record(kept->bytes))
        co_return SaveReply{SaveStatus::moved, std::move(kept->bytes)};
    // Neither knows it: it is over, whoever ended it.
    if (!found && reply.status == SaveStatus::gone) co_return reply;
    if (found && generation_of(kept->bytes) > expected_generation)
        co_return SaveReply{SaveStatus::conflict, std::move(kept->bytes)};
    std::vector<async::RestoreItem> items;
    items.push_back({key, std::move(record), ttl, kept->sequence});
    const auto replies = co_await parts_.target->restore(
        std::move(items), settings_.lifetimes.clock_skew_max, deadline);
    if (!replies) co_return replies.error();
    switch (replies->front().status) {
    case RestoreStatus::restored:
        count(&AtomicCounters::fallback_restored);
        co_return SaveReply{SaveStatus::saved, {}};
    case RestoreStatus::newer:
        co_return SaveReply{SaveStatus::conflict, replies->front().current};
    case RestoreStatus::outdated:
        co_return Error{Errc::conflict, "an ending in the same shard overtook this save"};
    case RestoreStatus::ended:
    case RestoreStatus::skewed:
    case RestoreStatus::tied:
        break;
    }
    co_return SaveReply{SaveStatus::gone, {}};
}

Task<TouchStatus> Resilient::touch(StoreKey key, Millis ttl, Deadline deadline) {
    if (!started_) co_await start();
    if (!away(Need::small)) {
        const Attempt first = attempt(Need::small, deadline);
        auto reply = co_await parts_.hot->touch(key, ttl, first.until);
        heard(first, reply);
        if (!reply && !falls_back(reply.error())) co_return reply;
        if (reply && *reply == TouchStatus::touched) co_return reply;
        if (reply) {
            const Open open{may_be_ahead(), false, parts_.hot->connection_number()};
            const auto stands = co_await complete(key, std::nullopt, open, deadline);
            if (!stands) co_return stands.error();
            if (!*stands || !is_record(**stands)) co_return TouchStatus::gone;
            const auto again = co_await parts_.hot->touch(key, ttl, deadline);
            if (again && *again == TouchStatus::touched) co_return TouchStatus::touched;
            // It does not take the record back now (out of memory): the database has it.
        }
    }
    auto call = [this, key, ttl, deadline] { return parts_.database->touch(key, ttl, deadline); };
    co_return co_await write_away<TouchStatus>(key, call, deadline);
}

/// Whether the hot store was not told yet of what stands here under `key`. Asked before something is written here: each write has
/// to be told, and as long as there is a new one the fallback is not over.
Task<bool> Resilient::is_ahead(StoreKey key, Deadline deadline) {
    if (!may_be_ahead()) co_return false;
    unknowns_.remove(key);  // another host may have written it since
    const auto kept = co_await ask(key, deadline);
    if (!kept) co_return kept.error();
    co_return kept->ahead;
}

Task<bool> Resilient::erase(StoreKey key, std::string note, Millis note_ttl, Deadline deadline) {
    if (!started_) co_await start();
    auto call = [this, key, &note, note_ttl, deadline] {
        return parts_.database->erase(key, note, note_ttl, life(), deadline);
    };
    if (!away(Need::small)) {
        const Attempt first = attempt(Need::small, deadline);
        std::string copy = note;
        auto reply = co_await parts_.hot->erase(key, std::move(copy), note_ttl, first.until);
        heard(first, reply);
        if (!reply && !falls_back(reply.error())) co_return reply;
        if (reply) {
            const auto waits = co_await is_ahead(key, deadline);
            if (!waits) co_return waits.error();
            if (!*waits) co_return reply;
            // It must not be put back later.
            auto here = co_await write_away<bool>(key, call, deadline);
            if (!here) co_return here;
            co_return *reply || *here;
        }
    }
    co_return co_await write_away<bool>(key, call, deadline);
}

Task<async::EndReply> Resilient::end(async::EndOrder order, Deadline deadline) {
    if (!started_) co_await start();
    if (order.hold || away(Need::small)) co_return co_await end_away(std::move(order), deadline);
    const Attempt first = attempt(Need::small, deadline, order.replayed);
    async::EndOrder copy = order;
    auto reply = co_await parts_.hot->end(std::move(copy), first.until);
    heard(first, reply);
    if (!reply && falls_back(reply.error()))
        co_return co_await end_away(std::move(order), deadline);
    // SQL does not know of this ending: what is ahead here has to go by itself.
    if (!reply || !may_be_ahead() || order.sequence > 0 || order.whole_user) co_return reply;
    if (order.keys.size() == 1) {
        const auto waits = co_await is_ahead(order.keys.front(), deadline);
        if (!waits) co_return waits.error();
        if (!*waits) co_return reply;
    }
    const auto here = co_await end_away(std::move(order), deadline);
    if (!here) co_return here.error();
    reply->removed = std::max(reply->removed, here->removed);
    co_return reply;
}

Task<async::EndReply> Resilient::end_away(async::EndOrder order, Deadline deadline) {
    if (order.replayed) {
        async::EndReply held;
        held.held = true;
        co_return held;
    }
    const StoreKey key = order.keys.empty() ? StoreKey{order.shard, {}} : order.keys.front();
    const bool archived = order.sequence > 0;
    auto call = [this, &order, deadline] {
        return parts_.database->end(std::move(order), life(), deadline);
    };
    auto reply = co_await write_away<async::EndReply>(key, call, deadline);
    if (reply || archived) compare_due_ = true;
    // The archive has it, and the hot store may still show what it ended.
    if (!reply && archived) {
        note_ahead();
        update();
    }
    co_return reply;
}

}  // namespace vedfolnir::resilient
