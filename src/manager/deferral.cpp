// While SQL cannot be asked: what it must know goes into the journal, and from there into SQL once it answers again.
#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "runtime/archive_rules.hpp"
#include "runtime/fail_point.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;

/// For so long nobody waits for a database that just failed to answer; the journal takes what comes.
constexpr Millis ask_again{1'000};
/// How long a login or an ending waits for what must be written before it, if SQL takes that.
constexpr Millis replay_first{500};
constexpr Millis replay_look{25};
constexpr Millis replay_budget{60'000};
/// After so long a process notes how far it came, and reads what was appended.
constexpr Millis turn_budget{1'000};
constexpr Millis batch_budget{5'000};
constexpr Millis closing_budget{2'000};
/// What the journal, a file of this host, needs at most after SQL was waited for.
constexpr Millis write_down_budget{250};
constexpr std::size_t replay_batch_max = 100;

/// SQL could not be asked, or not say: as opposed to a refusal.
bool is_away(const Error& error) {
    return error.code == Errc::audit_unavailable || error.code == Errc::deadline_exceeded ||
           error.code == Errc::bad_options;
}

/// The event that ends a journal has a name of its own, derived from the journal's.
OperationId closing_operation(OperationId file) {
    for (auto& byte : file) byte = static_cast<std::uint8_t>(~byte);
    return file;
}

}  // namespace

/// Whether SQL is to be asked now. Not while it was away a moment ago, and not while entries wait that must be written
/// before.
asio::awaitable<bool> Core::asks_archive(Deadline deadline) {
    if (!ports_.journal) co_return true;  // nobody else would take it
    if (std::chrono::steady_clock::now() < ask_archive_at_) co_return false;
    if (ports_.journal->changed()) static_cast<void>(co_await take_news(deadline));
    if (ports_.journal->waiting().entries == 0) co_return true;
    const bool began = start_replay();
    const Deadline until = std::min(deadline, deadline_in(replay_first));
    const bool empty = co_await outlasts_journal(began, until);
    co_return empty;
}

/// In the background, so that no request's deadline cuts a batch off. False: this process replays already.
bool Core::start_replay() {
    if (replaying_) return false;
    asio::co_spawn(
        settings_.executor,
        [self = shared_from_this()] { return self->replay_journal(deadline_in(replay_budget)); },
        runtime::unattended("the replay of the journal"));
    return true;
}

/// Whether all that waited is in SQL by `deadline`. Whoever does not wait appends, and a journal that is appended to as fast as
/// it is replayed would never end: so everybody waits while SQL takes entries. While it does not, only who asked it (`began`).
asio::awaitable<bool> Core::outlasts_journal(bool began, Deadline deadline) {
    asio::steady_timer pause(settings_.executor);
    while (ports_.journal->waiting().entries > 0) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= deadline || now < ask_archive_at_) co_return false;
        const bool taken = ask_archive_at_ == Deadline{};
        if (!replaying_ && !(ports_.journal->waiting().others_replay && start_replay()))
            co_return false;
        if (replaying_ && !taken && !began) co_return false;
        pause.expires_at(std::min(deadline, deadline_in(replay_look)));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        if (ports_.journal->changed()) static_cast<void>(co_await take_news(deadline));
    }
    co_return true;
}

/// True: this goes into the journal instead.
bool Core::defers(const Error& error) {
    if (!ports_.journal || !is_away(error)) return false;
    ask_archive_at_ = deadline_in(ask_again);
    return true;
}

Deadline Core::archive_deadline(Deadline deadline) const {
    if (!ports_.journal) return deadline;
    const auto left = deadline - std::chrono::steady_clock::now();
    return deadline -
           std::clamp<Deadline::duration>(left / 2, Deadline::duration{0}, write_down_budget);
}

Task<std::vector<async::SessionRow>> Core::ask_rows(async::SessionQuery query, Deadline deadline) {
    if (ports_.journal && std::chrono::steady_clock::now() < ask_archive_at_)
        co_return Error{Errc::audit_unavailable, "SQL did not answer a moment ago"};
    const Deadline limit = archive_deadline(deadline);
    auto rows = co_await ports_.archive->sessions(std::move(query), limit);
    // One that is refused at once, or that has too many readers, may well take what is written.
    if (!rows && std::chrono::steady_clock::now() >= limit) static_cast<void>(defers(rows.error()));
    co_return rows;
}

Task<bool> Core::write_down(std::vector<async::Deferred> entries, Deadline deadline) {
    if (!ports_.journal)
        co_return Error{Errc::audit_unavailable, "SQL is away, and this manager keeps no journal"};
    auto written = co_await ports_.journal->append(std::move(entries), deadline);
    note_waiting();
    if (!written) settings_.report("the journal took no entry", written.error());
    if (written) runtime::fail_point("journal.written");
    co_return written;
}

void Core::note_waiting() {
    const auto waiting = ports_.journal->waiting();
    settings_.counters.journal_entries = waiting.entries;
    settings_.counters.journal_since_ms =
        static_cast<std::uint64_t>(waiting.since ? waiting.since->time_since_epoch().count() : 0);
}

/// The user's epoch by Redis alone. Only from one that lost none: a login of a lower epoch than SQL's would be over as soon as
/// SQL hears of it.
Task<std::uint64_t> Core::known_epoch(UserTag user, Deadline deadline) {
    for (bool again = false;; again = true) {
        if (!compared() && !database_answers()) co_await ready(deadline);
        const Asked asked = ask_about(user.shard());
        const auto hot = co_await ports_.store->epoch_of(user, store_deadline(deadline));
        if (!hot) co_return hot.error();
        if (!again && is_outdated(asked)) continue;
        if (!hot->complete || !believes(asked))
            co_return Error{
                Errc::audit_unavailable, "You cannot log in at the moment. Please try again.",
                "SQL is away, and Redis lost data, or may have: whether all sessions of this user "
                "were ended before, only SQL knows. Logins go on when it answers"};
        co_return hot->epoch;
    }
}

/// The row and event of a login: in SQL, or in the journal of this host. An offline grant rests on Redis' epoch.
Task<Core::Granted> Core::grant_login(async::LoginOrder order, Deadline deadline) {
    if (co_await asks_archive(deadline)) {
        auto grant = co_await ports_.archive->begin_login(order, archive_deadline(deadline));
        if (grant) co_return Granted{std::move(*grant), false};
        if (!defers(grant.error())) co_return grant.error();
        settings_.report("a login goes into the journal: SQL did not take it", grant.error());
    }
    if (auto prepared = runtime::prepare(order); !prepared) co_return prepared.error();
    const auto hot = co_await known_epoch(order.row.user, deadline);
    if (!hot) co_return hot.error();
    const auto known = epochs_.of(order.row.user, order.event.at);
    order.granted_epoch = std::max({*hot, known.value_or(0), order.epoch_floor});
    Granted granted;
    granted.deferred = true;
    granted.grant.epoch = order.granted_epoch;
    if (const auto& replaced = order.replaced)
        granted.grant.end_replaced = runtime::replacement_order(
            *replaced, replaced->key, replaced->same_user ? order.row.user : UserTag{});
    std::vector<async::Deferred> entries;
    entries.emplace_back(std::move(order));
    const auto written = co_await write_down(std::move(entries), deadline);
    if (!written) co_return written.error();
    co_return granted;
}

Task<bool> Core::confirm_login(async::LoginConfirmed confirmed, std::optional<async::Snapshot> copy,
                               bool deferred, Deadline deadline) {
    if (!deferred)
        co_return co_await ports_.archive->confirm_login(confirmed.handle, confirmed.key,
                                                         std::move(copy), deadline);
    std::vector<async::Deferred> entries;
    entries.emplace_back(confirmed);
    co_return co_await write_down(std::move(entries), deadline);
}

Task<bool> Core::change_platform(async::PlatformChange change, Deadline deadline) {
    if (co_await asks_archive(deadline)) {
        const auto live = co_await ports_.archive->record_change(
            change.handle, change.platform, change.event, archive_deadline(deadline));
        if (live || !defers(live.error())) co_return live;
        settings_.report("a change goes into the journal: SQL did not take it", live.error());
    }
    if (auto prepared = runtime::prepare(change); !prepared) co_return prepared.error();
    std::vector<async::Deferred> entries;
    entries.emplace_back(std::move(change));
    co_return co_await write_down(std::move(entries), deadline);
}

/// SQL's receipt; an Error where SQL did not take it. Then it is for the journal.
Task<async::EndReceipt> Core::end_in_archive(async::EndRequest request, Deadline deadline) {
    if (!co_await asks_archive(deadline))
        co_return Error{Errc::audit_unavailable, "SQL is away, or earlier entries wait for it"};
    auto receipt = co_await ports_.archive->end(std::move(request), archive_deadline(deadline));
    if (!receipt) static_cast<void>(defers(receipt.error()));
    co_return receipt;
}

/// What others wrote down, and what a process before this one left: endings hold here from now on.
Task<bool> Core::take_news(Deadline deadline) {
    if (!ports_.journal) co_return true;
    const auto news = co_await ports_.journal->news(deadline);
    note_waiting();
    if (!news) {
        settings_.report("the journal could not be read", news.error());
        co_return news.error();
    }
    const TimePoint time = co_await ending_time(deadline);
    for (const async::Deferred& entry : *news) heed(entry, time);
    journal_read_ = true;
    co_return true;
}

void Core::heed(const async::Deferred& entry, TimePoint time) {
    const TimePoint until = denied_until(time);
    if (const auto* login = std::get_if<async::LoginOrder>(&entry); login && login->replaced)
        denied_.deny(login->replaced->key, until, time);
    const auto* ending = std::get_if<async::EndRequest>(&entry);
    if (ending == nullptr) return;
    if (ending->key) denied_.deny(*ending->key, until, time);
    if (ending->granted_epoch > 0) epochs_.raise(ending->user, ending->granted_epoch, until, time);
}

/// As far as this host's journal can be replayed by `deadline`. One at a time in this process, and one process at a time.
asio::awaitable<void> Core::replay_journal(Deadline deadline) {
    if (!ports_.journal || replaying_) co_return;
    replaying_ = true;
    bool more = true;
    while (more && std::chrono::steady_clock::now() < deadline) {
        const Deadline end = std::min(deadline, deadline_in(turn_budget));
        more = co_await replay_turn(end);
    }
    note_waiting();
    replaying_ = false;
}

/// True: SQL took something, and more waits.
asio::awaitable<bool> Core::replay_turn(Deadline deadline) {
    auto turn = co_await ports_.journal->begin_replay(deadline_in(closing_budget));
    if (!turn) {
        settings_.report("the journal could not be replayed", turn.error());
        co_return false;
    }
    if (!*turn) co_return false;
    const auto done = co_await replay_entries((*turn)->entries, deadline);
    const bool all = done == (*turn)->entries.size();
    if (done > 0 && all) co_await note_replayed((*turn)->position + done, (*turn)->file);
    runtime::fail_point("replay.noted");
    async::ReplayTurn ending = std::move(**turn);
    const auto ended =
        co_await ports_.journal->end_replay(std::move(ending), done, deadline_in(closing_budget));
    if (!ended) settings_.report("the replayed journal could not be removed", ended.error());
    note_waiting();
    co_return done > 0 && ended && !*ended && ask_archive_at_ == Deadline{};
}

/// How many of `entries` are in SQL now. No batch begins after `deadline`.
asio::awaitable<std::uint64_t> Core::replay_entries(std::vector<async::Deferred> entries,
                                                    Deadline deadline) {
    std::size_t done = 0;
    while (done < entries.size() && std::chrono::steady_clock::now() < deadline) {
        const auto count = std::min(replay_batch_, entries.size() - done);
        const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(done);
        std::vector<async::Deferred> batch(begin, begin + static_cast<std::ptrdiff_t>(count));
        const auto until = deadline_in(batch_budget);
        auto receipt = co_await ports_.archive->replay(std::move(batch), until);
        if (receipt) {
            ask_archive_at_ = {};
            runtime::fail_point("replay.recorded");
            co_await apply_replayed(std::move(*receipt), until);
            runtime::fail_point("replay.applied");
            done += count;
            replay_batch_ = std::min(replay_batch_ + 1 + replay_batch_ / 4, replay_batch_max);
            continue;
        }
        if (is_away(receipt.error())) {
            ask_archive_at_ = deadline_in(ask_again);
            // Of a database that is slow now, all of them together might never be taken.
            replay_batch_ = std::max<std::size_t>(1, count / 2);
            break;
        }
        if (count > 1) {
            replay_batch_ = 1;  // one of them cannot be written: which?
            continue;
        }
        Error why = receipt.error();
        const auto refused = co_await refuse_entry(entries[done], std::move(why));
        if (!refused) break;
        ++done;
    }
    co_return done;
}

/// The outage is over: once for each journal, however often a killed process made us begin again. Before the journal goes, so
/// that no kill loses it; what was appended meanwhile follows it in the audit.
asio::awaitable<void> Core::note_replayed(std::uint64_t entries, OperationId file) {
    auto event = event_of("journal.replayed", system_now(), std::nullopt, {}, "system");
    event.operation = closing_operation(file);
    event.detail = json_object({{"entries", std::to_string(entries)}});
    std::vector<async::Deferred> closing;
    closing.emplace_back(std::move(event));
    const auto noted =
        co_await ports_.archive->replay(std::move(closing), deadline_in(batch_budget));
    if (!noted) settings_.report("the end of a replay could not be noted", noted.error());
}

/// What SQL will never take must not keep the rest: kept for the operator, and told in the audit.
Task<bool> Core::refuse_entry(async::Deferred entry, Error why) {
    settings_.report("SQL refuses an entry of the journal; it is kept in journal/refused.jsonl",
                     why);
    auto event = event_of("journal.refused", system_now(), std::nullopt, {}, "system");
    event.detail = json_object({{"reason", why.detail}});
    auto kept = co_await ports_.journal->set_aside(std::move(entry), std::move(why),
                                                   deadline_in(closing_budget));
    // Not before: what could not be kept is refused again, every second.
    if (kept) note_event(std::move(event));
    co_return kept;
}

asio::awaitable<void> Core::apply_replayed(async::ReplayReceipt receipt, Deadline deadline) {
    const TimePoint time = co_await ending_time(deadline);
    const TimePoint until = denied_until(time);
    for (const StoreKey& key : receipt.keys) denied_.deny(key, until, time);
    for (const async::EndOrder& order : receipt.orders) {
        if (order.epoch > 0) epochs_.raise(order.user, order.epoch, until, time);
    }
    const auto applied = co_await apply(std::move(receipt.orders), deadline);
    if (!applied)
        settings_.report("replayed endings are durable in SQL but not yet in the hot store",
                         applied.error());
}

}  // namespace vedfolnir::manager
