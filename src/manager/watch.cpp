// What a process learns without being asked: endings that others wrote to SQL or into this host's journal.
#include "manager/core.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;

/// How long an ending in the journal of this host can go unseen by its other processes.
constexpr Millis journal_look{250};
constexpr Millis news_budget{2'000};
constexpr Millis poll_budget{2'000};
constexpr Millis replay_budget{60'000};
constexpr std::uint32_t poll_batch = 100;
/// So many polls in a row that SQL did not answer are an outage, worth an entry of its own.
constexpr int failed_polls_min = 2;
/// An announced ending that nobody wrote for so long was left by its announcer.
constexpr Millis announcer_patience{60'000};

}  // namespace

void Core::start() {
    if (settings_.options.endings.poll_interval <= Millis{0}) return;
    asio::co_spawn(
        settings_.executor, [self = shared_from_this()] { return self->watch(); },
        runtime::unattended("the watch over endings in SQL"));
}

asio::awaitable<void> Core::watch() {
    const Millis poll_interval = settings_.options.endings.poll_interval;
    asio::steady_timer pause(settings_.executor);
    Deadline poll_at = deadline_in(poll_interval);
    Deadline emergencies_at{};
    for (;;) {
        pause.expires_after(std::min(journal_look, poll_interval));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        if (ports_.journal && ports_.journal->changed())
            static_cast<void>(co_await take_news(deadline_in(news_budget)));
        if (std::chrono::steady_clock::now() >= emergencies_at) {
            co_await look_at_emergencies();
            emergencies_at = deadline_in(poll_interval / 2);
        }
        if (std::chrono::steady_clock::now() < poll_at) continue;
        static_cast<void>(co_await poll());
        poll_at = deadline_in(poll_interval);
    }
}

/// One look at SQL: what ended elsewhere, and whether what waits can go.
asio::awaitable<bool> Core::poll() {
    const auto sequences = co_await ports_.archive->sequences(deadline_in(poll_budget));
    if (!sequences) {
        Error why = sequences.error();
        co_await note_failed_poll(std::move(why));
        co_return false;
    }
    if (std::exchange(failed_polls_, 0) >= failed_polls_min && ports_.journal)
        settings_.report(
            "SQL answers again",
            {Errc::audit_unavailable, "entries of the journal that go there now: " +
                                          std::to_string(ports_.journal->waiting().entries)});
    // Reading may work where writing does not: then what waits finds out.
    if (!ports_.journal || ports_.journal->waiting().entries == 0) ask_archive_at_ = {};
    if (seen_.empty()) seen_ = *sequences;
    for (std::size_t shard = 0; shard < std::min(seen_.size(), sequences->size()); ++shard) {
        if ((*sequences)[shard] > seen_[shard]) {
            const auto learned = co_await learn(static_cast<std::uint8_t>(shard));
            if (!learned) co_return false;
        }
        // A database restored from before them counts anew.
        seen_[shard] = (*sequences)[shard];
    }
    if (ports_.journal && ports_.journal->waiting().entries > 0)
        co_await replay_journal(deadline_in(replay_budget));
    // Unreachable is no news to those who ask it anyway.
    static_cast<void>(co_await ports_.store->same_server(store_deadline(deadline_in(poll_budget))));
    if (!compared() && ports_.store->connection_number() > 0) {
        next_synchronisation_ = {};
        co_await ready(deadline_in(poll_budget));
    }
    tell_later();
    co_return true;
}

Task<bool> Core::know_emergencies(Deadline deadline) {
    if (!ports_.mass_ending) co_return true;
    const auto announced = co_await ports_.mass_ending->announced(deadline);
    if (!announced) co_return announced.error();
    announced_.add(*announced);
    co_return true;
}

/// An outage is for `poll` to note; what is announced stays so.
asio::awaitable<void> Core::look_at_emergencies() {
    if (!ports_.mass_ending) co_return;
    std::vector<async::Emergency> known = announced_.all();
    const auto announced = co_await ports_.mass_ending->announced(deadline_in(poll_budget));
    if (!announced) co_return;
    announced_.add(*announced);
    const auto written = written_of(std::move(known), *announced);
    // Its revocations have to be known before the announcement is forgotten.
    if (!written.empty() && !co_await poll()) co_return;
    for (const async::Emergency& each : written) announced_.forget(each.operation);
    if (announced->empty() || writing_emergency_) co_return;
    const TimePoint time = co_await ending_time(deadline_in(poll_budget));
    for (const async::Emergency& each : *announced) {
        if (each.taken + announcer_patience > time) continue;
        writing_emergency_ = true;
        asio::co_spawn(
            settings_.executor, [self = shared_from_this(), each] { return self->take_over(each); },
            runtime::unattended("an ending of many that its announcer left"));
        co_return;
    }
}

/// The endings of one shard since the last look.
Task<bool> Core::learn(std::uint8_t shard) {
    for (;;) {
        const auto ended = co_await ports_.archive->revocations(shard, seen_[shard], poll_batch,
                                                                deadline_in(poll_budget));
        if (!ended) co_return ended.error();
        const TimePoint time = co_await ending_time(deadline_in(poll_budget));
        const TimePoint until = denied_until(time);
        for (const async::Revocation& revocation : *ended) {
            if (revocation.key) denied_.deny(*revocation.key, until, time);
            if (revocation.epoch > 0) epochs_.raise(revocation.user, revocation.epoch, until, time);
            seen_[shard] = revocation.sequence;
        }
        if (ended->size() < poll_batch) co_return true;
    }
}

/// An outage of SQL is an event of the audit, also where nobody logs in or out meanwhile.
asio::awaitable<void> Core::note_failed_poll(Error why) {
    ++failed_polls_;
    ask_archive_at_ = deadline_in(settings_.options.endings.poll_interval);
    if (failed_polls_ < failed_polls_min || !ports_.journal) co_return;
    if (failed_polls_ == failed_polls_min)
        settings_.report("SQL does not answer; logins and endings go into the journal", why);
    if (ports_.journal->waiting().entries > 0) co_return;
    std::vector<async::Deferred> nothing;  // the journal begins with an event of its own
    static_cast<void>(co_await write_down(std::move(nothing), deadline_in(news_budget)));
}

}  // namespace vedfolnir::manager
