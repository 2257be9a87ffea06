// What the hot store has applied, compared with SQL: each shard's mark with its sequence, and the replay of what lies between.
#include "manager/core.hpp"
#include "manager/describe.hpp"
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

namespace asio = boost::asio;

constexpr std::uint32_t replay_batch = 100;
constexpr Millis synchronise_again{5'000};
/// What the first request over a connection may spend on comparing marks with SQL: so much, and no more than half of its
/// time, since it has come for something else.
constexpr Millis synchronise_budget{1'000};

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

void Core::deny_revoked(const async::Revocation& revocation) {
    const TimePoint now = system_now();
    if (revocation.key) denied_.deny(*revocation.key, denied_until(now), now);
    if (revocation.epoch > 0)
        epochs_.raise(revocation.user, revocation.epoch, denied_until(now), now);
}

Task<Core::Replayed> Core::replay(std::uint8_t shard, std::uint64_t mark, Deadline deadline) {
    bool taken = true;
    bool takes = true;
    for (;;) {
        const auto batch =
            co_await ports_.archive->revocations(shard, mark, replay_batch, deadline);
        if (!batch) co_return batch.error();
        if (!batch->empty() && batch->front().sequence != mark + 1) {
            const auto noted = co_await doubt_epochs(shard, deadline);
            if (!noted) co_return noted.error();
            takes = takes && *noted;
        }
        for (std::span<const async::Revocation> rest(*batch); !rest.empty();) {
            const auto together = rest.first(of_one_order(rest));
            rest = rest.subspan(together.size());
            bool held = !takes;
            if (takes) {
                async::EndOrder order = replay_order(together, mark);
                const auto reply =
                    co_await ports_.store->end(std::move(order), store_deadline(deadline));
                if (!reply) co_return reply.error();
                held = reply->held;
            }
            // The hot store reads but takes no change: what it still shows is refused here.
            if (held)
                for (const async::Revocation& revocation : together) deny_revoked(revocation);
            taken = taken && !held;
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
    // SQL lost the last endings itself (`raise_sequences`), or retention took them: there is nothing more to apply.
    const auto noted = co_await doubt_epochs(shard, deadline);
    if (!noted || !*noted) co_return noted;
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

/// Of one server: they say nothing of another, which was connected to meanwhile.
Task<Core::Marks> Core::read_marks(Deadline deadline) {
    for (bool again = false;; again = true) {
        const auto before = ports_.store->connection_number();
        auto marks = co_await ports_.store->marks(deadline);
        if (!marks) co_return marks.error();
        const auto connection = ports_.store->connection_number();
        if (before == 0 || connection == before) co_return Marks{connection, std::move(*marks)};
        if (again)
            co_return Error{Errc::store_unavailable,
                            "the connection to Redis broke while its marks were read"};
    }
}

Task<bool> Core::synchronise(Marks of, Deadline deadline) {
    auto& marks = of.marks;
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
    compared_ = of.connection;
    if (*taken && ports_.store->connection_number() == of.connection) co_await attest_store();
    if (*taken) co_await begin_telling();
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
    auto marks = co_await read_marks(deadline);
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
    auto marks = co_await read_marks(store_deadline(deadline));
    // A store that does not answer has nothing to be compared, and says so to the caller as well.
    if (!marks) co_return;
    const auto connection = marks->connection;
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

Core::Asked Core::ask_about(std::uint8_t shard) const {
    return {shard, ports_.store->connection_number(), trusts(shard), database_answers()};
}

bool Core::is_outdated(const Asked& asked) const {
    return asked.connection != ports_.store->connection_number() ||
           asked.trusted != trusts(asked.shard);
}

bool Core::believes(const Asked& asked) const {
    return (asked.trusted && !is_outdated(asked)) || (asked.database && database_answers());
}

bool Core::database_answers() const noexcept {
    return ports_.recovery &&
           (ports_.recovery->reads_database() || ports_.store->connection_number() == 0);
}

}  // namespace vedfolnir::manager
