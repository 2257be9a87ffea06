#include "resilient/resilient.hpp"

#include "resilient/shared.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace vedfolnir::resilient {
namespace asio = boost::asio;
using async::FallbackRecord;
using async::Task;
using runtime::AtomicCounters;
using Clock = std::chrono::steady_clock;
using Knows = FallbackRecord::Knows;

namespace {

double chance() {
    static thread_local std::minstd_rand engine{std::random_device{}()};
    return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

Error left_alone() {
    Error error{Errc::store_unavailable, "Redis is not asked now: SQL stands in for it"};
    error.outage = Outage::all;
    return error;
}

/// Stands in the gauge of calls that wait for a place. `counters` may be null.
class Waiting {
public:
    explicit Waiting(AtomicCounters* counters) : counters_(counters) {
        if (counters_ != nullptr) counters_->fallback_queue.fetch_add(1, std::memory_order_relaxed);
    }
    ~Waiting() {
        if (counters_ != nullptr) counters_->fallback_queue.fetch_sub(1, std::memory_order_relaxed);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    AtomicCounters* counters_;
};

}  // namespace

std::shared_ptr<Resilient> Resilient::make(asio::any_io_executor executor, Parts parts,
                                           Settings settings, AtomicCounters* counters) {
    std::shared_ptr<Resilient> made(
        new Resilient(std::move(executor), std::move(parts), std::move(settings), counters));
    if (made->settings_.keeps_copies) {
        made->parts_.target->vouched_by(
            [weak = std::weak_ptr(made)](StoreKey key, Deadline deadline) {
                return vouch(weak.lock(), key, deadline);
            });
    }
    return made;
}

Resilient::Resilient(asio::any_io_executor executor, Parts parts, Settings settings,
                     AtomicCounters* counters)
    : executor_(executor),
      parts_(std::move(parts)),
      settings_(std::move(settings)),
      counters_(counters),
      reads_(settings_.breaker, chance),
      writes_(settings_.breaker, chance),
      bulkhead_(std::make_shared<Bulkhead>(std::move(executor), settings_.options.calls_max,
                                           settings_.options.queue_max)),
      unknowns_(settings_.options.unknown_for) {}

void Resilient::count(Count which, std::uint64_t by) const {
    if (counters_ != nullptr) AtomicCounters::raise(counters_->*which, by);
}

void Resilient::listen(std::weak_ptr<async::ChangeListener> listener) {
    listener_ = listener;
    parts_.feed->listen(std::move(listener));
}

/// What was answered from here may not be kept: the hot store would not tell when it changes.
void Resilient::tell_changed(const StoreKey& key) const {
    if (const auto hears = listener_.lock()) hears->changed(key);
}

Millis Resilient::life() const {
    return settings_.lifetimes.absolute + settings_.lifetimes.clock_skew_max;
}

bool Resilient::away(Need need) const noexcept {
    if (returning_ && need == Need::small) return false;  // what it missed is being told
    if (state_.mode != FallbackMode::automatic) return state_.mode == FallbackMode::on;
    // Who reads here must find here what he wrote.
    if (!reads_.closed()) return true;
    if (need == Need::read || writes_.closed()) return false;
    return need == Need::change || writes_outage_ != Outage::growth;
}

Resilient::Attempt Resilient::attempt(Need need, Deadline deadline, bool patient) const {
    const auto now = Clock::now();
    // Without a database to go to, the hot store may take its time.
    if (state_.mode == FallbackMode::off || patient) return {need, deadline, now};
    return {need, std::min(deadline, now + settings_.options.hot_timeout), now};
}

void Resilient::failed(const Attempt& of, const Error& error) {
    // A caller who had hardly any time left proves nothing.
    const bool hurried = of.until - of.began < settings_.options.hot_timeout / 2;
    const bool late = error.code == Errc::deadline_exceeded || of.waited();
    if (late && hurried) return;
    if (falls_back(error)) say_outage(error);
    noticed(of, error.outage);
}

void Resilient::noticed(const Attempt& of, Outage outage) {
    const auto now = Clock::now();
    const bool closed = reads_.closed() && writes_.closed();
    if (of.need == Need::read || outage == Outage::all) reads_.record(outage == Outage::none, now);
    if (of.need != Need::read || outage == Outage::all) {
        // What works without memory says nothing about what needs it.
        const bool tells = of.need == Need::change || outage != Outage::none;
        if (outage != Outage::none) writes_outage_ = outage;
        if (tells) writes_.record(outage == Outage::none, now);
    }
    if (closed && !(reads_.closed() && writes_.closed())) update();
}

bool Resilient::falls_back(const Error& error) const noexcept {
    return state_.mode != FallbackMode::off && error.outage != Outage::none;
}

Error Resilient::unknown_here() const {
    std::string why = "does not answer: " + failure_.detail;
    if (failure_.detail.empty()) why = "has to be compared with SQL before it is asked again";
    if (state_.mode == FallbackMode::on) why = "is left alone (vedfolnir fallback on)";
    return {Errc::store_unavailable, "SQL keeps no copy of this session, and Redis " + why};
}

asio::awaitable<std::optional<Bulkhead::Place>> Resilient::admitted(Deadline deadline) {
    const Waiting waiting(counters_);
    co_return co_await bulkhead_->enter(deadline);
}

Task<FallbackRecord> Resilient::ask_admitted(StoreKey key, Deadline deadline) {
    const auto place = co_await admitted(deadline);
    if (!place) {
        count(&AtomicCounters::fallback_refused);
        co_return spared();
    }
    co_return co_await parts_.database->load(key, deadline);
}

Task<FallbackRecord> Resilient::ask(StoreKey key, Deadline deadline) {
    if (unknowns_.contains(key, Clock::now())) co_return FallbackRecord{};
    const auto self = shared_from_this();
    SingleFlight::Read read = [self, key, deadline] { return self->ask_admitted(key, deadline); };
    auto answer = co_await flights_.run(key, std::move(read), deadline);
    if (answer && answer->knows == Knows::unknown) unknowns_.add(key, Clock::now());
    co_return answer;
}

/// What another process of this host wrote to the database is read there from its answer on.
void Resilient::listen_to_host() {
    if (!parts_.heard_ahead || !parts_.heard_ahead()) return;
    ahead_ = true;
    // It may be an ending that only the archive took: of that one the database's count of held endings says nothing.
    compare_due_ = true;
    unknowns_.clear();  // what it wrote may be just what was unknown here
    wrote_ = Clock::now();
    next_poll_ = {};
    update();
    wake();
}

Task<std::vector<async::IndexEntry>> Resilient::list_user(UserTag user, Deadline deadline) {
    if (!started_) co_await start();
    if (!away(Need::read)) {
        const Attempt first = attempt(Need::read, deadline);
        auto listed = co_await parts_.hot->list_user(user, first.until);
        heard(first, listed);
        if (listed || !falls_back(listed.error())) co_return listed;
    }
    co_return co_await parts_.database->list_user(user, deadline);
}

Task<async::AppliedEpoch> Resilient::epoch_of(UserTag user, Deadline deadline) {
    if (!started_) co_await start();
    if (!away(Need::read)) {
        const Attempt first = attempt(Need::read, deadline);
        const auto epoch = co_await parts_.hot->epoch_of(user, first.until);
        heard(first, epoch);
        if (epoch || !falls_back(epoch.error())) co_return epoch;
    }
    const auto epoch = co_await parts_.archive->epoch_of(user, deadline);
    if (!epoch) co_return epoch.error();
    co_return async::AppliedEpoch{*epoch, true};
}

Task<std::vector<bool>> Resilient::epochs_told(Deadline deadline) {
    if (!returning_ && away(Need::read)) co_return left_alone();
    co_return co_await parts_.hot->epochs_told(deadline);
}

Task<bool> Resilient::tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) {
    if (!returning_ && away(Need::change)) co_return left_alone();
    co_return co_await parts_.hot->tell_epochs(std::move(pages), deadline);
}

/// False where it takes no change, and so no ending either.
Task<bool> Resilient::doubt_epochs(std::uint8_t shard, Deadline deadline) {
    if (!returning_ && away(Need::small)) co_return false;
    auto noted = co_await parts_.hot->doubt_epochs(shard, deadline);
    if (!noted && falls_back(noted.error())) co_return false;
    co_return noted;
}

Task<std::vector<std::uint64_t>> Resilient::marks(Deadline deadline) {
    if (!started_) co_await start();
    if (!returning_ && away(Need::read)) co_return left_alone();
    const Attempt first = attempt(Need::read, deadline, returning_);
    auto marks = co_await parts_.hot->marks(first.until);
    heard(first, marks);
    co_return marks;
}

Task<bool> Resilient::attest(Deadline deadline) {
    if (!returning_ && away(Need::read)) co_return left_alone();
    co_return co_await parts_.hot->attest(deadline);
}

Task<std::vector<bool>> Resilient::lost_nothing(Deadline deadline) {
    if (!returning_ && away(Need::read)) co_return left_alone();
    co_return co_await parts_.hot->lost_nothing(deadline);
}

Task<bool> Resilient::same_server(Deadline deadline) {
    if (away(Need::read)) co_return true;
    co_return co_await parts_.hot->same_server(deadline);
}

Task<TimePoint> Resilient::now(Deadline deadline) {
    if (!started_) co_await start();
    if (const auto time = parts_.feed->time_at(Clock::now()); time && away(Need::read))
        co_return *time;
    if (!away(Need::read)) {
        const Attempt first = attempt(Need::read, deadline);
        auto time = co_await parts_.hot->now(first.until);
        // Mostly answered without a command, which proves nothing.
        if (!time) heard(first, time);
        if (time || !falls_back(time.error())) co_return time;
    }
    co_return co_await parts_.database->now(deadline);
}

}  // namespace vedfolnir::resilient
