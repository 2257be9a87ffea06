#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "runtime/fail_point.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace vedfolnir::manager {
namespace {

using runtime::AtomicCounters;
namespace asio = boost::asio;

constexpr std::uint32_t replay_batch = 100;
/// Rows closed in one transaction: few enough to stay far below the statement timeout.
constexpr std::uint32_t expired_batch = 500;
constexpr Millis synchronise_again{5'000};
/// What the first request over a connection may spend on comparing marks with SQL: so much, and no more than half of its
/// time, since it has come for something else.
constexpr Millis synchronise_budget{1'000};

/// It ended, as far as this process and Redis go.
Error not_durable(const Error& why) {
    return {
        Errc::audit_unavailable,
        "The session is over here, but this could not be written down and may not last. Please end it again.",
        why.detail};
}

/// How many of the first `endings` one order can name: those of single sessions go together, that of a user alone. A hot store
/// that lost all has to hear of every ending that is kept.
std::size_t of_one_order(std::span<const async::Revocation> endings) {
    const auto user = std::ranges::find_if(endings, [](const auto& ending) { return !ending.key; });
    return std::max<std::size_t>(1, static_cast<std::size_t>(user - endings.begin()));
}

async::EndOrder replay_order(std::span<const async::Revocation> endings, std::uint64_t mark) {
    const async::Revocation& first = endings.front();
    async::EndOrder order;
    order.shard = first.shard;
    // Of several users: then the records say whose they are.
    if (endings.size() == 1) order.user = first.user;
    order.whole_user = !first.key;
    order.epoch = first.epoch;
    for (const async::Revocation& ending : endings)
        if (ending.key) order.keys.push_back(*ending.key);
    order.previous_sequence = mark;
    order.sequence = endings.back().sequence;
    order.replayed = true;
    return order;
}

/// Enough that Redis does not wait for SQL, nor SQL for Redis; fewer than the late answers that open a breaker, since all that is
/// under way is late where there was not the time.
constexpr std::size_t shards_at_once = 4;

/// What the coroutines that catch up share with the one that waits for them.
struct CatchingUp {
    struct Shard {
        std::uint8_t shard;
        std::uint64_t mark;
        std::uint64_t sequence;
    };
    CatchingUp(const asio::any_io_executor& executor, Deadline deadline)
        : all_done(executor, deadline) {}
    asio::steady_timer all_done;
    std::vector<Shard> behind;
    std::size_t running = 0;
    bool taken = true;
    std::optional<Error> failed;
};

/// Who kept the endings of both stores from being compared: SQL's errors have codes of their own.
std::string_view not_compared_because(const Error& error) {
    const bool sql = error.code == Errc::audit_unavailable || error.code == Errc::bad_options;
    return sql ? "SQL did not answer: its endings are compared with the hot store's again in 5 s"
               : "the hot store did not answer: its endings are compared with SQL's again in 5 s";
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
    const std::uint8_t shard = order.shard;
    const auto reply = co_await ports_.store->end(std::move(order), store_deadline(deadline));
    if (!reply) co_return reply.error();
    if (!reply->gap) co_return reply->removed;
    const auto replayed = co_await replay(shard, reply->mark, deadline);
    // The ending itself was applied; only the mark stands behind, and the next contact tries again.
    if (!replayed) settings_.report("the replay of a shard did not finish", replayed.error());
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

void Core::deny_revoked(const async::Revocation& revocation) {
    const TimePoint now = system_now();
    if (revocation.key) denied_.deny(*revocation.key, denied_until(now), now);
    if (revocation.epoch > 0)
        epochs_.raise(revocation.user, revocation.epoch, denied_until(now), now);
}

Task<Core::Replayed> Core::replay(std::uint8_t shard, std::uint64_t mark, Deadline deadline) {
    bool taken = true;
    for (;;) {
        const auto batch =
            co_await ports_.archive->revocations(shard, mark, replay_batch, deadline);
        if (!batch) co_return batch.error();
        for (std::span<const async::Revocation> rest(*batch); !rest.empty();) {
            const auto together = rest.first(of_one_order(rest));
            rest = rest.subspan(together.size());
            async::EndOrder order = replay_order(together, mark);
            const auto reply =
                co_await ports_.store->end(std::move(order), store_deadline(deadline));
            if (!reply) co_return reply.error();
            // The hot store reads but takes no change: what it still shows is refused here.
            if (reply->held)
                for (const async::Revocation& revocation : together) deny_revoked(revocation);
            taken = taken && !reply->held;
            mark = together.back().sequence;
        }
        if (batch->size() < replay_batch) co_return Replayed{mark, taken};
    }
}

/// Brings a shard whose mark is behind up to the sequence that SQL has reached.
Task<bool> Core::catch_up(std::uint8_t shard, std::uint64_t mark, std::uint64_t sequence,
                          Deadline deadline) {
    const auto reached = co_await replay(shard, mark, deadline);
    if (!reached) co_return reached.error();
    if (!reached->taken || reached->mark >= sequence) co_return reached->taken;
    // SQL lost the last endings itself (`raise_sequences`): there is nothing more to apply.
    async::EndOrder order;
    order.shard = shard;
    order.previous_sequence = reached->mark;
    order.sequence = sequence;
    order.replayed = true;
    const auto reply = co_await ports_.store->end(std::move(order), store_deadline(deadline));
    if (!reply) co_return reply.error();
    co_return !reply->held;
}

Task<bool> Core::catch_up_all(std::vector<std::uint64_t> marks,
                              std::vector<std::uint64_t> sequences, Deadline deadline) {
    const auto joint = std::make_shared<CatchingUp>(settings_.executor, deadline);
    for (std::size_t shard = 0; shard < std::min(sequences.size(), marks.size()); ++shard) {
        if (marks[shard] < sequences[shard])
            joint->behind.push_back(
                {static_cast<std::uint8_t>(shard), marks[shard], sequences[shard]});
    }
    joint->running = std::min(joint->behind.size(), shards_at_once);
    for (std::size_t i = joint->running; i > 0; --i) {
        asio::co_spawn(
            settings_.executor,
            [self = shared_from_this(), joint, deadline]() -> asio::awaitable<void> {
                while (!joint->behind.empty() && !joint->failed) {
                    const auto next = joint->behind.back();
                    joint->behind.pop_back();
                    const auto caught_up =
                        co_await self->catch_up(next.shard, next.mark, next.sequence, deadline);
                    if (!caught_up) joint->failed = caught_up.error();
                    joint->taken = joint->taken && caught_up && *caught_up;
                }
                if (--joint->running == 0) joint->all_done.cancel();
            },
            runtime::unattended("telling Redis of endings"));
    }
    if (joint->running > 0)
        co_await joint->all_done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (joint->failed) co_return *joint->failed;
    if (joint->running > 0)
        co_return Error{Errc::deadline_exceeded, "telling Redis of endings took too long"};
    co_return joint->taken;
}

Task<bool> Core::synchronise(std::vector<std::uint64_t> marks, Deadline deadline) {
    const auto connection = ports_.store->connection_number();
    const auto sequences = co_await ports_.archive->sequences(deadline);
    if (!sequences) co_return sequences.error();
    const auto emergencies = co_await know_emergencies(deadline);
    if (!emergencies) co_return emergencies.error();
    const auto opening = ports_.archive->opening_number();
    if (seen_.empty()) seen_ = *sequences;
    const TimePoint now = co_await ending_time(deadline);
    const auto taken = co_await catch_up_all(marks, *sequences, deadline);
    if (!taken) co_return taken.error();
    bool older = false;
    for (std::size_t shard = 0; shard < std::min(sequences->size(), marks.size()); ++shard)
        older = older || marks[shard] > (*sequences)[shard];
    if (older) {
        const auto raised = co_await raise_sequences(std::move(marks), now, deadline);
        if (!raised) co_return raised.error();
    }
    // Read once, and learned from then on: there may be more of them than can be read before somebody gets an answer.
    const bool learned =
        compared_opening_ == opening && settings_.options.endings.poll_interval > Millis{0};
    if (!learned) {
        const Lifetimes& lifetimes = settings_.options.lifetimes;
        // One more than there is room for, so that the table knows whether it is complete.
        const auto limit = static_cast<std::uint32_t>(settings_.options.endings.epochs_max + 1);
        const auto raised = co_await ports_.archive->epochs(
            now - lifetimes.absolute - lifetimes.clock_skew_max, limit, deadline);
        if (!raised) co_return raised.error();
        for (const async::UserEpoch& epoch : *raised)
            epochs_.raise(epoch.user, epoch.epoch, denied_until(epoch.raised), now);
    }
    compared_opening_ = opening;
    compared_ = connection;
    if (*taken && ports_.store->connection_number() == connection) co_await attest_store();
    co_return *taken;
}

/// So that this Redis is believed while SQL is away, as long as it is the same one.
asio::awaitable<void> Core::attest_store() {
    const auto attested = co_await ports_.store->attest(
        store_deadline(deadline_in(settings_.options.redis.request_timeout)));
    if (!attested)
        settings_.report("that Redis was compared could not be noted there", attested.error());
}

Task<bool> Core::compare_marks(Deadline deadline) {
    auto marks = co_await ports_.store->marks(deadline);
    if (!marks) co_return marks.error();
    co_return co_await synchronise(std::move(*marks), deadline);
}

/// SQL was lost, or restored from before its last endings: from now on it takes numbers that no mark has passed.
Task<bool> Core::raise_sequences(std::vector<std::uint64_t> marks, TimePoint now,
                                 Deadline deadline) {
    auto event = event_of("sql.older_than_marks", now, std::nullopt, {}, "system");
    const auto raised =
        co_await ports_.archive->raise_sequences(std::move(marks), std::move(event), deadline);
    if (!raised) co_return raised.error();
    if (*raised > 0)
        settings_.report("SQL knows fewer endings than Redis applied: was it restored?",
                         {Errc::audit_unavailable,
                          "sequences of " + std::to_string(*raised) +
                              " shards were raised to their marks; what only SQL knew since the "
                              "backup is lost"});
    co_return true;
}

bool Core::compared() const noexcept {
    return compared_ == ports_.store->connection_number() &&
           compared_opening_ == ports_.archive->opening_number();
}

asio::awaitable<void> Core::ready(Deadline deadline) {
    if (compared()) co_return;
    if (synchronising_) {
        co_await synchronising_->async_wait(asio::as_tuple(asio::use_awaitable));
        co_return;
    }
    // What is known of this connection stays as it is until the next attempt.
    const auto connection = ports_.store->connection_number();
    if (judged_ == connection && std::chrono::steady_clock::now() < next_synchronisation_)
        co_return;
    const auto now = std::chrono::steady_clock::now();
    const Deadline until = std::min(deadline_in(synchronise_budget), now + (deadline - now) / 2);
    // Where SQL does not answer, the store is asked after that.
    synchronising_ = std::make_shared<asio::steady_timer>(
        co_await asio::this_coro::executor, until + settings_.options.redis.request_timeout);
    co_await judge_store(until);
    std::exchange(synchronising_, nullptr)->cancel();
}

/// Compares the hot store with SQL; where SQL is away, asks the store itself whether it can have lost anything.
asio::awaitable<void> Core::judge_store(Deadline deadline) {
    if (!journal_read_) static_cast<void>(co_await take_news(deadline));
    auto marks = co_await ports_.store->marks(store_deadline(deadline));
    // A store that does not answer has nothing to be compared, and says so to the caller as well.
    if (!marks) co_return;
    const auto connection = ports_.store->connection_number();
    if (std::chrono::steady_clock::now() >= ask_archive_at_) {
        const auto done = co_await synchronise(std::move(*marks), deadline);
        if (done) co_return;
        settings_.report(not_compared_because(done.error()), done.error());
        static_cast<void>(defers(done.error()));
    }
    next_synchronisation_ = deadline_in(synchronise_again);
    const auto whole = co_await ports_.store->lost_nothing(
        store_deadline(deadline_in(settings_.options.redis.request_timeout)));
    if (!whole) {
        settings_.report("whether Redis lost endings could not be found out", whole.error());
        co_return;
    }
    whole_ = *whole;
    judged_ = connection;
}

/// Whether what the store holds of this shard may be believed: compared with SQL, or by a store that lost nothing since
/// it was.
bool Core::trusts(std::uint8_t shard) const {
    if (compared()) return true;
    return judged_ == ports_.store->connection_number() && shard < whole_.size() && whole_[shard] &&
           (journal_read_ || !ports_.journal);
}

bool Core::database_answers() const noexcept {
    return ports_.recovery &&
           (ports_.recovery->reads_database() || ports_.store->connection_number() == 0);
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
        request.epoch_floor = *hot;
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
