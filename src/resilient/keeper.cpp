// Looks after the state beside the requests: polls the mode, probes a store that failed, and leads it back.
#include "resilient/resilient.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace vedfolnir::resilient {
namespace asio = boost::asio;
using async::Task;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto completion = asio::as_tuple(asio::use_awaitable);

constexpr Millis tick_calm{1000};
/// While something is out of order: as often as probes may fall due.
constexpr Millis tick_busy{50};
constexpr Millis poll_budget{1000};
constexpr Millis compare_budget{5000};
constexpr Millis return_again{1000};
constexpr Millis event_budget{1000};
constexpr std::size_t events_max = 64;
/// An outage that lasts is said again.
constexpr std::chrono::minutes say_outage_again{5};

OperationId random_operation() {
    std::random_device random;
    OperationId id{};
    for (auto& byte : id) byte = static_cast<std::uint8_t>(random());
    return id;
}

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

std::string_view word_of(Outage outage) noexcept {
    switch (outage) {
    case Outage::none:
        return "none";
    case Outage::growth:
        return "growth";
    case Outage::writes:
        return "writes";
    case Outage::all:
        return "all";
    }
    return "unknown";
}

}  // namespace

/// A new process looks how the fallback is switched before it asks a store; it does not wait long for that. Without an answer
/// the watch asks again at once: not to answer so quickly is no outage.
asio::awaitable<void> Resilient::start() {
    started_ = true;
    const auto asked = Clock::now();
    const auto state = co_await parts_.database->state(deadline_in(settings_.options.hot_timeout));
    if (state) {
        next_poll_ = Clock::now() + settings_.options.poll_interval;
        adopt(*state, asked);
    }
    timer_ = std::make_shared<asio::steady_timer>(executor_);
    asio::co_spawn(executor_, keep_watch(weak_from_this(), timer_),
                   runtime::unattended("the watch over the fallback"));
}

void Resilient::wake() {
    if (timer_) timer_->cancel();
}

/// Runs as long as the store lives.
asio::awaitable<void> Resilient::keep_watch(std::weak_ptr<Resilient> of,
                                            std::shared_ptr<asio::steady_timer> timer) {
    for (;;) {
        {
            const auto self = of.lock();
            if (!self) co_return;
            if (Clock::now() >= self->next_poll_) co_await self->poll(poll_budget);
            co_await self->probe();
            co_await self->come_back();
            co_await self->send_events();
            const bool calm = !self->disturbed_ && self->events_.empty();
            const auto next = Clock::now() + (calm ? tick_calm : tick_busy);
            timer->expires_at(std::min(self->next_poll_, next));
        }
        co_await timer->async_wait(completion);
    }
}

/// The last known mode holds while SQL does not answer.
asio::awaitable<void> Resilient::poll(Millis budget) {
    const auto asked = Clock::now();
    const auto state = co_await parts_.database->state(deadline_in(budget));
    next_poll_ = Clock::now() + settings_.options.poll_interval;
    if (state)
        adopt(*state, asked);
    else if (!unanswered_)
        report("how the fallback is switched cannot be read from SQL; it stays as it was",
               state.error());
    unanswered_ = !state;
    update();
}

void Resilient::adopt(const FallbackState& state, Steady asked) {
    const auto before = std::exchange(state_, state);
    // At first contact the manager compares anyway.
    if (polled_ && state.held != before.held) compare_due_ = true;
    polled_ = true;
    if (state.ahead > 0) ahead_ = true;
    // Endings that it was not told are ahead as well, until its marks were compared.
    if (compare_due_) ahead_ = true;
    // While it is led back, what is held may be half told: `make_good` says when it is not ahead any more.
    if (state.ahead == 0 && asked > wrote_ && !compare_due_ && !returning_) ahead_ = false;
    if (counters_ != nullptr) counters_->fallback_ahead = state.ahead;
    if (before.mode == FallbackMode::on && state.mode != FallbackMode::on) {
        // What was left alone has to prove itself, and to be told, before it is trusted.
        reads_.open(Clock::now());
        writes_.open(Clock::now());
        writes_outage_ = Outage::all;
    }
    update();
}

void Resilient::update() {
    const bool reads = away(Need::read);
    const bool writes = away(Need::change);
    const bool disturbed = reads || writes || may_be_ahead();
    if (disturbed != disturbed_.load(std::memory_order_relaxed)) {
        disturbed_.store(disturbed, std::memory_order_release);
        // What is on its way now may not be kept, in either direction.
        if (const auto hears = listener_.lock()) hears->changed_all();
        unknowns_.clear();
        if (disturbed) wake();
    }
    if ((reads || writes) == active_) return;
    active_ = reads || writes;
    if (counters_ != nullptr) counters_->fallback_active = active_ ? 1 : 0;
    if (!active_ && std::exchange(told_, false)) tell_return();
    wake();
}

/// The first request that the database serves makes it an episode: a command that only looks is none.
void Resilient::tell_episode() {
    if (!active_ || std::exchange(told_, true)) return;
    episode_ = {};
    const bool forced = state_.mode == FallbackMode::on;
    std::string why(forced ? "mode" : word_of(away(Need::read) ? Outage::all : writes_outage_));
    note_event("fallback.began", "{\"reason\":\"" + why + "\"}");
    if (forced)
        return report("SQL stands in for Redis (fallback.began)",
                      {Errc::store_unavailable, "vedfolnir fallback on, by " + state_.actor});
    report("SQL stands in for Redis (fallback.began)", failure_);
}

void Resilient::tell_return() {
    note_event("fallback.ended", episode_.json());
    report("Redis serves sessions again (fallback.ended)",
           {Errc::store_unavailable, episode_.json()});
    say_outage_at_ = {};
}

void Resilient::say_outage(const Error& why) {
    failure_ = why;
    if (Clock::now() < say_outage_at_) return;
    say_outage_at_ = Clock::now() + say_outage_again;
    report("Redis fails, and sessions go on in SQL", why);
}

/// Where only a command looks, nothing goes on in SQL.
void Resilient::probe_failed(const Error& why) {
    if (told_ && why.outage != Outage::none) say_outage(why);
}

asio::awaitable<void> Resilient::probe() {
    if (state_.mode != FallbackMode::automatic) co_return;
    if (reads_.probe_due(Clock::now())) {
        const auto answer =
            co_await parts_.target->probe(false, deadline_in(settings_.options.hot_timeout));
        reads_.probed(answer.has_value(), Clock::now());
        if (!answer) probe_failed(answer.error());
    }
    if (writes_.probe_due(Clock::now())) {
        const auto answer =
            co_await parts_.target->probe(true, deadline_in(settings_.options.hot_timeout));
        if (!answer && answer.error().outage != Outage::none)
            writes_outage_ = answer.error().outage;
        writes_.probed(answer.has_value(), Clock::now());
        if (!answer) probe_failed(answer.error());
    }
    update();
}

/// First the endings, then what was written meanwhile, then trust: in this order nothing ended is ever shown.
asio::awaitable<void> Resilient::come_back() {
    if (state_.mode == FallbackMode::on || !settings_.options.leads_back) co_return;
    const auto now = Clock::now();
    const bool forced_off = state_.mode == FallbackMode::off;
    const auto usable = [&](const Breaker& breaker) {
        return breaker.closed() || breaker.ready(now) || forced_off;
    };
    // Reads alone may come back while changes are refused; what ended is denied by the comparison then.
    if (!usable(reads_) || now < return_at_) co_return;
    const bool all = usable(writes_);
    const bool opening = !reads_.closed() || (all && !writes_.closed());
    const bool telling = all && (ahead_ || opening);
    const bool comparing = (compare_due_ && now >= compare_at_) || opening;
    if (!telling && !comparing) co_return;
    if (!opening && telling && !co_await takes_changes()) co_return;

    returning_ = true;
    const bool good = co_await make_good(comparing, telling);
    returning_ = false;
    if (!good) {
        return_at_ = Clock::now() + return_again;
        reads_.probed(false, Clock::now());
        writes_.probed(false, Clock::now());
        co_return;
    }
    if (opening) reads_.close(Clock::now());
    if (opening && all) {
        writes_.close(Clock::now());
        writes_outage_ = Outage::none;
    }
    update();
}

/// Before it is told something although no breaker is open: it may be ill, and nobody has noticed yet.
asio::awaitable<bool> Resilient::takes_changes() {
    const auto answer =
        co_await parts_.target->probe(true, deadline_in(settings_.options.hot_timeout));
    if (answer) co_return true;
    const Attempt tried = attempt(Need::change, Deadline::max());
    heard(tried, answer);
    return_at_ = Clock::now() + return_again;
    co_return false;
}

asio::awaitable<bool> Resilient::make_good(bool comparing, bool telling) {
    // What is heard from here on may not be part of it, neither of the comparison nor of the records.
    const auto began = Clock::now();
    if (comparing && compare_) {
        compare_due_ = false;  // what is held from here on asks for the next one
        const auto taken = co_await compare_(deadline_in(compare_budget));
        compare_at_ = Clock::now() + return_again;
        if (!taken || !*taken) compare_due_ = true;
        if (!taken)
            report("Redis is back, but its endings cannot be compared with SQL", taken.error());
        if (!taken || (telling && !*taken)) co_return false;
    }
    if (!telling) co_return true;
    const auto told = co_await reconcile();
    if (!told) {
        report("what was written to SQL while Redis was away is not in Redis yet", told.error());
        co_return false;
    }
    episode_.add(*told);
    if (!told_ && told->all() > 0) note_event("fallback.reconciled", told->json());
    // Requests that were on their way, here or elsewhere, write ahead until the breakers close, and are told next time.
    if (wrote_ < began && !compare_due_) ahead_ = false;
    next_poll_ = {};
    co_return true;
}

void Resilient::report(std::string_view what, const Error& error) const {
    if (settings_.report) settings_.report(what, error);
}

void Resilient::note_event(std::string_view type, std::string detail) {
    if (events_.size() >= events_max) {
        count(&runtime::AtomicCounters::audit_dropped);
        return;
    }
    async::AuditEvent event;
    event.at = wall_clock();
    event.type = std::string(type);
    event.actor = "system";
    event.detail = std::move(detail);
    event.operation = random_operation();
    events_.push_back(std::move(event));
}

/// In order; what SQL does not take now waits here. A repetition is known by its operation id.
asio::awaitable<void> Resilient::send_events() {
    while (!events_.empty()) {
        std::vector<async::AuditEvent> batch{events_.front()};
        const auto sent =
            co_await parts_.archive->append(std::move(batch), deadline_in(event_budget));
        if (!sent) {
            if (!std::exchange(events_wait_, true))
                report("audit events of the fallback wait for SQL", sent.error());
            co_return;
        }
        events_wait_ = false;
        events_.pop_front();
    }
}

/// An ending has reached the hot store when the mark of its shard has reached the ending's number.
Task<FallbackStatus> Resilient::seen_here(FallbackState state, Deadline deadline) {
    FallbackStatus seen{std::move(state), away(Need::read), away(Need::change)};
    if (seen.state.mode == FallbackMode::on) co_return seen;
    const auto sequences = co_await parts_.archive->sequences(deadline);
    if (!sequences) co_return sequences.error();
    const auto marks = co_await parts_.hot->marks(
        std::min(deadline, deadline_in(settings_.options.poll_interval)));
    if (!marks) co_return seen;
    std::uint64_t waiting = 0;
    for (std::size_t shard = 0; shard < std::min(marks->size(), sequences->size()); ++shard) {
        if ((*sequences)[shard] > (*marks)[shard]) waiting += (*sequences)[shard] - (*marks)[shard];
    }
    seen.endings_waiting = waiting;
    co_return seen;
}

Task<FallbackStatus> Resilient::status(Deadline deadline) {
    if (!started_) co_await start();
    const auto asked = Clock::now();
    auto state = co_await parts_.database->state(deadline);
    if (!state) co_return state.error();
    adopt(*state, asked);
    co_return co_await seen_here(std::move(*state), deadline);
}

Task<FallbackStatus> Resilient::set_mode(FallbackMode mode, std::string actor, Deadline deadline) {
    if (!started_) co_await start();
    const auto asked = Clock::now();
    auto state = co_await parts_.database->set_mode(mode, std::move(actor), deadline);
    if (!state) co_return state.error();
    adopt(*state, asked);
    co_return co_await seen_here(std::move(*state), deadline);
}

}  // namespace vedfolnir::resilient
