#include "resilient/resilient.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace vedfolnir::resilient {
namespace asio = boost::asio;
using async::CreateStatus;
using async::FallbackRecord;
using async::RestoreStatus;
using async::SaveReply;
using async::SaveStatus;
using async::Task;
using async::TouchStatus;
using runtime::AtomicCounters;
using Clock = std::chrono::steady_clock;
using Knows = FallbackRecord::Knows;

namespace {

double chance() {
    static thread_local std::minstd_rand engine{std::random_device{}()};
    return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

bool is_record(const std::string& bytes) {
    return bytes.size() >= model::offset::body && !model::parse_note(bytes);
}

std::uint64_t generation_of(const std::string& record) {
    return model::get_be<std::uint64_t>(record, model::offset::generation);
}

/// By generation, then by the hybrid logical clock.
bool newer(const std::string& a, const std::string& b) {
    const auto version = [](const std::string& record) {
        return std::pair(generation_of(record),
                         model::get_be<std::uint64_t>(record, model::offset::clock));
    };
    return version(a) > version(b);
}

Error spared() {
    return {Errc::store_unavailable, "too many calls wait for SQL in place of Redis"};
}

Error left_alone() {
    Error error{Errc::store_unavailable, "Redis is not asked now: SQL stands in for it"};
    error.outage = Outage::all;
    return error;
}

/// Times a call of the database in place of the hot store, its wait for a place included. `counters` may be null.
class Timed {
public:
    Timed(AtomicCounters* counters, Operation operation)
        : counters_(counters), operation_(operation) {}
    ~Timed() {
        if (counters_ == nullptr) return;
        const auto took =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since_);
        counters_->timings[static_cast<std::size_t>(operation_)].add(
            static_cast<std::uint64_t>(took.count()));
    }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

private:
    AtomicCounters* counters_;
    Operation operation_;
    Steady since_ = Clock::now();
};

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
    return std::shared_ptr<Resilient>(
        new Resilient(std::move(executor), std::move(parts), std::move(settings), counters));
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

/// What another process of this host wrote to the database is read there from its answer on.
void Resilient::listen_to_host() {
    if (!parts_.heard_ahead || !parts_.heard_ahead()) return;
    ahead_ = true;
    unknowns_.clear();  // what it wrote may be just what was unknown here
    wrote_ = Clock::now();
    next_poll_ = {};
    update();
    wake();
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

template <class T, class Call>
Task<T> Resilient::write_away(StoreKey key, Call call, Deadline deadline) {
    const Timed timed(counters_, Operation::fallback_write);
    const auto place = co_await admitted(deadline);
    if (!place) {
        count(&AtomicCounters::fallback_refused);
        co_return spared();
    }
    // From here on reads ask the database as well: whether the call commits is not known before it answers.
    ahead_ = true;
    wrote_ = Clock::now();
    update();
    tell_episode();
    Task<T> task = call();
    auto answer = co_await std::move(task);
    wrote_ = Clock::now();
    ahead_ = true;
    if (parts_.say_ahead) parts_.say_ahead();
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
    bool waited = false;
    bool hot = !away(Need::change);
    if (hot && ahead_) {
        // What is ahead of the hot store is saved where it is: there it meets the generation it was loaded from.
        const auto kept = co_await ask(key, deadline);
        if (!kept) co_return kept.error();
        if (kept->knows == Knows::ended) co_return SaveReply{SaveStatus::gone, {}};
        hot = !(kept->knows == Knows::found && kept->ahead && is_record(kept->bytes) &&
                generation_of(kept->bytes) >= expected_generation);
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
    const bool believed = reply.status == SaveStatus::gone && !ahead_ && unanswered_;
    auto kept = co_await ask(key, deadline);
    if (!kept && believed) co_return reply;
    if (!kept) co_return kept.error();
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
            const auto stands = co_await complete(key, std::nullopt, ahead_, deadline);
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
    if (!ahead_) co_return false;
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
    if (away(Need::small)) co_return co_await end_away(std::move(order), deadline);
    const Attempt first = attempt(Need::small, deadline, order.replayed);
    async::EndOrder copy = order;
    auto reply = co_await parts_.hot->end(std::move(copy), first.until);
    heard(first, reply);
    if (!reply && falls_back(reply.error()))
        co_return co_await end_away(std::move(order), deadline);
    // SQL does not know of this ending: what is ahead here has to go by itself.
    if (!reply || !ahead_ || order.sequence > 0 || order.whole_user) co_return reply;
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
    auto call = [this, &order, deadline] {
        return parts_.database->end(std::move(order), life(), deadline);
    };
    auto reply = co_await write_away<async::EndReply>(key, call, deadline);
    if (reply) compare_due_ = true;
    co_return reply;
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

Task<std::uint64_t> Resilient::epoch_of(UserTag user, Deadline deadline) {
    if (!started_) co_await start();
    if (!away(Need::read)) {
        const Attempt first = attempt(Need::read, deadline);
        const auto epoch = co_await parts_.hot->epoch_of(user, first.until);
        heard(first, epoch);
        if (epoch || !falls_back(epoch.error())) co_return epoch;
    }
    co_return co_await parts_.archive->epoch_of(user, deadline);
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
