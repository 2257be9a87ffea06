// Endings of sessions: SQL first, then the hot store; what either does not take.
#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "runtime/fail_point.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

using runtime::AtomicCounters;
namespace asio = boost::asio;

/// Rows closed in one transaction: few enough to stay far below the statement timeout.
constexpr std::uint32_t expired_batch = 500;

/// It ended, as far as this process and Redis go.
Error not_durable(const Error& why) {
    return {
        Errc::audit_unavailable,
        "The session is over here, but this could not be written down and may not last. Please end it again.",
        why.detail};
}

}  // namespace

/// Applies endings to the hot store in the order of their sequences; how many records went. What it does not take is
/// tried again later.
Task<std::uint32_t> Core::apply(std::vector<async::EndOrder> orders, Deadline deadline) {
    Result<std::uint32_t> removed = 0;
    for (async::EndOrder& order : orders) {
        if (removed) {
            const auto applied = co_await apply_one(order, deadline);
            removed = applied ? Result<std::uint32_t>(*removed + *applied) : applied;
        }
        if (!removed) apply_later(std::move(order));
    }
    co_return removed;
}

/// Closes a gap by the ordered replay of the shard.
Task<std::uint32_t> Core::apply_one(async::EndOrder order, Deadline deadline) {
    async::EndOrder copy = order;
    const auto reply = co_await ports_.store->end(std::move(copy), store_deadline(deadline));
    if (!reply) co_return reply.error();
    if (!reply->gap) co_return reply->removed;
    const auto replayed = co_await replay(order.shard, reply->mark, deadline);
    if (replayed && replayed->taken && replayed->mark >= order.sequence) co_return reply->removed;
    if (!replayed) settings_.report("the replay of a shard did not finish", replayed.error());
    // The record is gone, but only the mark keeps a copy from before from being put back: until it is raised, all ask SQL.
    order.hold = true;
    const auto held = co_await ports_.store->end(std::move(order), store_deadline(deadline));
    if (!held) co_return held.error();
    if (!held->held)
        co_return Error{Errc::store_unavailable,
                        "endings before it could not be applied to the hot store yet"};
    co_return reply->removed;
}

/// SQL says that this session ended: a record that stands there all the same does not count, and goes.
asio::awaitable<void> Core::remove_ended(StoreKey key, UserTag user, Deadline deadline) {
    async::EndOrder order;
    order.shard = key.shard;
    order.keys = {key};
    order.user = user;
    std::vector<async::EndOrder> orders;
    orders.push_back(std::move(order));
    const auto removed = co_await apply(std::move(orders), deadline);
    if (!removed)
        settings_.report("an ended session could not be removed from the hot store yet",
                         removed.error());
}

/// The store's time where it is known, else the host's: an ending does not wait for a clock.
asio::awaitable<TimePoint> Core::ending_time(Deadline deadline) {
    const auto time = co_await now(deadline);
    co_return time ? *time : system_now();
}

/// A denial outlives every record it can concern.
TimePoint Core::denied_until(TimePoint time) const {
    return time + settings_.options.lifetimes.absolute + settings_.options.lifetimes.clock_skew_max;
}

Task<Ending> Core::end_session(Name name, EndReason reason, std::string actor, Deadline deadline,
                               TraceId trace) {
    const TimePoint time = co_await ending_time(deadline);
    const TimePoint until = denied_until(time);
    const UserTag user = name.user_id.empty() ? UserTag{} : settings_.ring.user_tag(name.user_id);
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) co_return operation.error();
    async::EndRequest request;
    request.key = name.key;
    request.user_id = {};
    request.user = user;
    request.reason = reason;
    request.until = until;
    request.event = event_of("session.ended", time, name.handle, name.user_id, std::move(actor));
    request.event.operation = *operation;
    request.event.detail = json_object({{"reason", to_string(reason)}}, trace);
    denied_.deny(name.key, until, time);
    runtime::fail_point("end.denied");
    auto receipt = co_await end_in_archive(request, deadline);
    if (receipt) runtime::fail_point("end.recorded");

    async::EndOrder undocumented;  // what the hot store is told when SQL has no sequence for it
    undocumented.shard = name.key.shard;
    undocumented.keys = {name.key};
    undocumented.user = user;
    if (!receipt) {
        settings_.report("an ending is pending: SQL did not take it",
                         traced(receipt.error(), trace));
        if (ports_.recovery) {
            // A copy in SQL, which does not know of this ending, must not bring the record back.
            undocumented.note = model::pack_note({.until = time});
            undocumented.note_ttl = until - time;
        }
        co_return co_await end_undocumented(std::move(request), std::move(undocumented), deadline);
    }
    if (receipt->orders.empty()) {
        const auto applied =
            co_await ports_.store->end(std::move(undocumented), store_deadline(deadline));
        if (!applied) co_return applied.error();
        if (applied->removed == 0 && !applied->held) co_return Ending::absent;
        AtomicCounters::raise(settings_.counters.endings);
        settings_.counters.count_ended(reason);
        co_return Ending::ended;
    }
    AtomicCounters::raise(settings_.counters.endings);
    settings_.counters.count_ended(reason);
    const auto applied = co_await apply(std::move(receipt->orders), deadline);
    if (!applied) {
        settings_.report("an ending is durable in SQL but not yet in the hot store",
                         traced(applied.error(), trace));
        AtomicCounters::raise(settings_.counters.endings_pending);
        co_return Ending::pending;
    }
    runtime::fail_point("end.applied");
    co_return Ending::ended;
}

/// An ending that SQL did not take: denied here already, then durable in the journal, then gone from Redis. Where the
/// journal takes nothing either, it ends all the same, and the caller hears that this may not last.
Task<Ending> Core::end_undocumented(async::EndRequest request, async::EndOrder order,
                                    Deadline deadline) {
    settings_.counters.count_ended(request.reason);
    std::vector<async::Deferred> entries;
    entries.emplace_back(std::move(request));
    const auto written = co_await write_down(std::move(entries), deadline);
    std::vector<async::EndOrder> orders;
    orders.push_back(std::move(order));
    const auto applied = co_await apply(std::move(orders), deadline);
    if (!applied)
        settings_.report("an ending reached neither SQL nor the hot store yet", applied.error());
    if (!written) co_return not_durable(written.error());
    AtomicCounters::raise(settings_.counters.endings_pending);
    co_return Ending::pending;
}

/// The same for all sessions of a user. Their epoch goes beyond the one in Redis, so that logins from now on are told
/// apart, also by the replay. SQL may know of endings that Redis does not; those it counted, and the time is beyond any
/// such number.
Task<EndUserOutcome> Core::end_user_undocumented(async::EndRequest request, std::uint64_t hot_epoch,
                                                 Deadline deadline) {
    const TimePoint time = request.event.at;
    async::EndOrder order;
    order.shard = request.user.shard();
    order.user = request.user;
    order.whole_user = true;
    order.keep = request.keep;
    std::vector<async::Deferred> entries;
    if (!request.keep) {
        const auto known = epochs_.of(request.user, time);
        const auto beyond_counted = static_cast<std::uint64_t>(time.time_since_epoch().count());
        request.granted_epoch = std::max({known.value_or(0), hot_epoch, beyond_counted}) + 1;
        order.epoch = request.granted_epoch;
        epochs_.raise(request.user, request.granted_epoch, request.until, time);
    }
    const EndReason reason = request.reason;
    // By their keys as well: the epoch says nothing of those that stay, and SQL may not know them all.
    const auto listed = co_await ports_.store->list_user(request.user, store_deadline(deadline));
    for (const auto& entry : listed ? *listed : std::vector<async::IndexEntry>{}) {
        if (entry.key == request.keep) continue;
        denied_.deny(entry.key, request.until, time);
        if (!request.keep) continue;
        const auto operation = crypto::random_operation(settings_.random);
        if (!operation) co_return operation.error();
        async::EndRequest one = request;
        one.user_id = {};
        one.keep.reset();
        one.key = entry.key;
        one.event.handle = entry.handle;
        one.event.operation = *operation;
        entries.emplace_back(std::move(one));
    }
    entries.emplace_back(std::move(request));
    const auto written = co_await write_down(std::move(entries), deadline);
    std::vector<async::EndOrder> orders;
    orders.push_back(std::move(order));
    const auto applied = co_await apply(std::move(orders), deadline);
    if (!applied)
        settings_.report("an ending reached neither SQL nor the hot store yet", applied.error());
    if (applied) settings_.counters.count_ended(reason, *applied);
    if (!written) co_return not_durable(written.error());
    AtomicCounters::raise(settings_.counters.endings_pending);
    co_return EndUserOutcome{Ending::pending, applied ? *applied : 0};
}

Task<Ending> Core::async_end(EndCommand command, Deadline deadline) {
    co_await ready(deadline);
    const auto name = co_await resolve(command.name, command.owner, deadline);
    if (!name) co_return name.error();
    if (!*name) co_return Ending::absent;
    co_return co_await end_session(**name, command.reason, command.actor, deadline, command.trace);
}

Task<EndUserOutcome> Core::async_end_user(EndUserCommand command, Deadline deadline) {
    co_await ready(deadline);
    const TimePoint time = co_await ending_time(deadline);
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) co_return operation.error();
    async::EndRequest request;
    request.user_id = command.user_id;
    request.user = settings_.ring.user_tag(command.user_id);
    request.reason = command.reason;
    if (command.keep) {
        const auto kept = co_await resolve(command.keep->text(), command.user_id, deadline);
        if (!kept) co_return kept.error();
        if (!*kept)
            co_return Error{Errc::denied, "The session to keep is not one of this user.", {}};
        request.keep = (*kept)->key;
    }
    request.event = event_of("session.ended", time, std::nullopt, command.user_id, command.actor);
    request.event.operation = *operation;
    request.event.detail =
        json_object({{"reason", to_string(command.reason)}, {"scope", "user"}}, command.trace);

    const UserTag user = request.user;
    const TimePoint until = denied_until(time);
    request.until = until;
    // Where Redis does not answer, SQL's own number is all there is.
    if (const auto hot = co_await ports_.store->epoch_of(user, store_deadline(deadline)); hot)
        request.epoch_floor = hot->epoch;
    auto receipt = co_await end_in_archive(request, deadline);
    if (!receipt) {
        settings_.report("an ending of all sessions is pending: SQL did not take it",
                         traced(receipt.error(), command.trace));
        const auto hot_epoch = request.epoch_floor;
        co_return co_await end_user_undocumented(std::move(request), hot_epoch, deadline);
    }
    for (const StoreKey& key : receipt->keys) denied_.deny(key, until, time);
    for (const async::EndOrder& order : receipt->orders) {
        if (order.epoch > 0) epochs_.raise(order.user, order.epoch, until, time);
    }
    AtomicCounters::raise(settings_.counters.endings, receipt->sessions);
    settings_.counters.count_ended(command.reason, receipt->sessions);
    const std::uint32_t count = receipt->sessions;
    const auto applied = co_await apply(std::move(receipt->orders), deadline);
    if (!applied) {
        settings_.report("endings are durable in SQL but not yet in the hot store",
                         traced(applied.error(), command.trace));
        co_return EndUserOutcome{Ending::pending, count};
    }
    const std::uint32_t ended = std::max(count, *applied);
    co_return EndUserOutcome{ended > 0 ? Ending::ended : Ending::absent, ended};
}

Task<std::uint64_t> Core::async_close_expired(Deadline deadline) {
    const TimePoint time = co_await ending_time(deadline);
    std::uint64_t total = 0;
    for (;;) {
        const auto closed = co_await ports_.archive->close_expired(time, expired_batch, deadline);
        if (!closed && total == 0) co_return closed.error();
        // What was closed so far is closed; whoever asks next goes on with the rest.
        if (!closed) settings_.report("not all expired sessions were closed", closed.error());
        if (closed) total += *closed;
        if (!closed || *closed < expired_batch) co_return total;
    }
}

}  // namespace vedfolnir::manager
