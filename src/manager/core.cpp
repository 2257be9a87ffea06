#include "manager/core.hpp"

#include "manager/describe.hpp"
#include "model/session_id.hpp"
#include "policy/lifetime.hpp"
#include "web/cookie.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {

using runtime::AtomicCounters;

namespace {

Error no_fallback() {
    return {Errc::unsupported, "There is no database fallback here.",
            "SESSION_FALLBACK is off, or the sessions are not in Redis"};
}

}  // namespace

Core::Core(CoreSettings settings, Ports ports)
    : settings_(std::move(settings)),
      ports_(std::move(ports)),
      identity_(std::make_shared<const IdentityOptions>(settings_.options.identity)),
      denied_(settings_.options.endings.denied_max),
      epochs_(settings_.options.endings.epochs_max) {
    if (!ports_.recovery) return;
    // The loop stops before the core goes, so that nobody calls this afterwards.
    ports_.recovery->on_return([this](Deadline deadline) { return compare_marks(deadline); });
}

Deadline Core::store_deadline(Deadline deadline) const {
    return std::min(deadline, deadline_in(settings_.options.redis.request_timeout));
}

Task<TimePoint> Core::now(Deadline deadline) { return ports_.store->now(store_deadline(deadline)); }

StatePtr Core::fresh_state() const {
    auto state = std::make_shared<SessionState>();
    state->identity = identity_;
    state->limits = settings_.options.limits;
    return state;
}

void Core::note_ambiguous(const RequestContext& request) {
    auto event = event_of("cookie.ambiguous", system_now(), std::nullopt, {}, "user");
    event.detail = json_object({{"client", request.client_address}}, request.trace);
    boost::asio::post(settings_.executor,
                      [self = shared_from_this(), event = std::move(event)]() mutable {
                          self->note_event(std::move(event));
                      });
}

/// Somebody tries ids, or this process lacks a key that others have: only who runs it can tell. Any thread.
void Core::say_foreign_cookie() const {
    if (!foreign_cookie_.due()) return;
    settings_.report(
        "a cookie was refused: none of this process's keys made it",
        {Errc::key_unavailable,
         "forged, or of a key that was retired or is missing here (counted as cookies_forged; "
         "said every few minutes at most): where users of other processes are concerned, give "
         "all of them one key ring"});
}

/// Nothing here changes the record: to a process that has its key it is as good as before.
void Core::note_unreadable(const StoreKey& key, const std::string& bytes, TimePoint now,
                           const TraceId& trace) {
    AtomicCounters::raise(settings_.counters.records_unreadable);
    const auto header = model::parse_header(bytes);
    const bool no_key = header && header->sealed && !settings_.ring.has(header->key_id);
    const std::string key_id = header ? std::to_string(header->key_id) : "none";
    auto event = event_of("record.unreadable", now, std::nullopt, {}, "system");
    event.detail = json_object({{"store_key", key.text()},
                                {"key_id", key_id},
                                {"reason", no_key ? "key_missing" : "does_not_open"}},
                               trace);
    note_event(std::move(event));
    if (!unreadable_.due()) return;
    settings_.report(
        "a stored session cannot be opened; its user has to log in again here",
        {Errc::key_unavailable,
         no_key ? "it is sealed with key " + key_id +
                      ", which this process does not have: unless that key was retired, give "
                      "this process the key ring of the others"
                : "it is sealed with key " + key_id +
                      ": damaged, or another key of this id is in use elsewhere"});
}

/// The store key of the session that the request names; else `state` says why there is none.
std::optional<StoreKey> Core::read_cookie(const RequestContext& request, SessionState& state) {
    auto& counters = settings_.counters;
    const auto cookie = web::find_cookie(request.cookie_header, settings_.options.cookie.name);
    if (cookie.state == web::CookieState::absent) return std::nullopt;
    if (cookie.state == web::CookieState::ambiguous) {
        AtomicCounters::raise(counters.cookies_ambiguous);
        state.reason = LoadReason::ambiguous;
        note_ambiguous(request);
        return std::nullopt;
    }
    const auto id = model::SessionId::parse(cookie.value);
    if (!id) {
        AtomicCounters::raise(counters.cookies_malformed);
        state.reason = LoadReason::malformed;
        return std::nullopt;
    }
    if (!settings_.ring.verify(*id)) {
        AtomicCounters::raise(counters.cookies_forged);
        state.reason = LoadReason::forged;
        say_foreign_cookie();
        return std::nullopt;
    }
    state.cookie_value = cookie.value;
    return crypto::store_key_of(*id);
}

StatePtr Core::begin_load(const RequestContext& request) {
    AtomicCounters::raise(settings_.counters.loads);
    StatePtr state = fresh_state();
    const auto key = read_cookie(request, *state);
    if (key && !load_near(*state, *key)) state->pending = key;
    return state;
}

namespace {

/// A record of the near cache, opened once for all its readers.
struct OpenedMemo final : runtime::NearRecord::Memo {
    explicit OpenedMemo(OpenRecord opened_) : opened(std::move(opened_)) {}
    OpenRecord opened;
};

/// What the memo takes of memory. Two control blocks go with what is shared.
std::size_t bytes_of(const OpenRecord& opened) noexcept {
    constexpr std::size_t own = sizeof(OpenedMemo) + sizeof(model::ManagerFields) +
                                sizeof(model::Entries) + 4 * sizeof(std::max_align_t);
    const auto& [user_id, device, place] = *opened.manager;
    return own + user_id.size() + device.size() + place.size() + model::heap_bytes(*opened.entries);
}

const OpenedMemo& keep_memo(runtime::NearCache& near,
                            const std::shared_ptr<const runtime::NearRecord>& record,
                            OpenRecord opened) {
    const std::size_t bytes = bytes_of(opened);
    return static_cast<const OpenedMemo&>(
        near.keep(record, std::make_unique<const OpenedMemo>(std::move(opened)), bytes));
}

}  // namespace

bool Core::load_near(SessionState& state, const StoreKey& key) const {
    // Over a connection whose marks were not compared with SQL, only the store's own way is open (R5).
    if (!ports_.near || !compared()) return false;
    const auto steady = std::chrono::steady_clock::now();
    const auto record = ports_.near->find(key, steady);
    const auto time = ports_.near->time_at(steady);
    if (!record || !time) return false;
    const auto* memo = static_cast<const OpenedMemo*>(record->memo());
    if (memo == nullptr) {
        auto opened = open(key, record->bytes());
        if (!opened) return false;
        memo = &keep_memo(*ports_.near, record, std::move(*opened));
    }
    // Anything but a live session is for the store to say: it may know better than what is kept here.
    const auto reason = judge_opened(state, key, memo->opened, *time);
    if (reason != LoadReason::found) return false;
    state.reason = reason;
    AtomicCounters::raise(settings_.counters.loads_found);
    AtomicCounters::raise(settings_.counters.near_hits);
    return true;
}

std::optional<OpenRecord> Core::open(const StoreKey& key, const std::string& bytes) const {
    const ManagerOptions& options = settings_.options;
    auto opened =
        crypto::open_record(settings_.ring, key, bytes, options.limits, options.plain_records);
    if (!opened) return std::nullopt;
    return OpenRecord{
        opened->header,
        std::make_shared<const model::ManagerFields>(std::move(opened->payload.manager)),
        std::make_shared<const model::Entries>(std::move(opened->payload.entries))};
}

void Core::keep_opened(const Loaded& written, const SharedEntries& entries) const {
    if (!ports_.near) return;
    const auto record = ports_.near->find(written.key, std::chrono::steady_clock::now());
    if (!record) return;
    // The header is the stored one: `last_seen` is the store's time.
    const auto header = model::parse_header(record->bytes());
    if (!header || header->operation != written.header.operation) return;
    keep_memo(*ports_.near, record, OpenRecord{*header, written.manager, entries});
}

bool Core::nothing_to_commit(const SessionState& state, const RequestContext& request) const {
    if (!state.untouched()) return false;
    if (!state.loaded || request.passive) return true;
    if (!ports_.near) return false;
    const auto time = ports_.near->time_at(std::chrono::steady_clock::now());
    return time && !policy::touch_due(state.loaded->header, settings_.options.lifetimes, *time);
}

/// What stands under `key`, from a store whose marks were compared with SQL since it was connected to (R5).
Task<Core::LoadAnswer> Core::load_compared(StoreKey key, const SessionState& asking,
                                           Deadline deadline) {
    for (bool again = false;; again = true) {
        if (!compared() && !database_answers()) co_await ready(deadline);
        const Asked asked = ask_about(key.shard);
        asking.count_command();
        auto bytes = co_await ports_.store->load(key, store_deadline(deadline));
        if (!bytes) co_return bytes.error();
        if (!again && is_outdated(asked)) continue;
        co_return LoadAnswer{std::move(*bytes), believes(asked)};
    }
}

Task<StatePtr> Core::async_load(StatePtr state, Deadline deadline) {
    auto& counters = settings_.counters;
    const StoreKey key = *std::exchange(state->pending, std::nullopt);
    const auto answer = co_await load_compared(key, *state, deadline);
    if (!answer) {
        AtomicCounters::raise(counters.loads_unknown);
        co_return answer.error();
    }
    const auto& bytes = answer->bytes;
    const auto time = co_await now(deadline);
    if (!time) {
        AtomicCounters::raise(counters.loads_unknown);
        co_return time.error();
    }
    if (!bytes && !answer->trusted) {
        AtomicCounters::raise(counters.loads_unknown);
        co_return may_be_lost();
    }
    if (!bytes) {
        state->reason = LoadReason::missing;
        co_return state;
    }
    if (!epochs_.complete(*time)) {
        const auto known = co_await know_epoch(bytes, *time, deadline);
        if (!known) {
            AtomicCounters::raise(counters.loads_unknown);
            co_return known.error();
        }
    }
    state->reason = judge_record(*state, key, *bytes, *time);
    if (state->reason == LoadReason::found && state->loaded->authenticated() && !answer->trusted) {
        AtomicCounters::raise(counters.loads_unknown);
        co_return may_be_lost();
    }
    if (state->reason == LoadReason::found) AtomicCounters::raise(counters.loads_found);
    if (state->reason == LoadReason::unreadable) note_unreadable(key, *bytes, *time, state->trace);
    co_return state;
}

/// The table of minimum epochs forgets what exceeds its bound: then SQL is asked for the user of this record.
Task<bool> Core::know_epoch(std::optional<std::string> bytes, TimePoint now, Deadline deadline) {
    if (!bytes || epochs_.complete(now)) co_return true;
    const auto header = model::parse_header(*bytes);
    if (!header || header->user.anonymous() || epochs_.of(header->user, now)) co_return true;
    const auto epoch = co_await ports_.archive->epoch_of(header->user, deadline);
    if (!epoch) co_return epoch.error();
    epochs_.learn(header->user, *epoch, now);
    co_return true;
}

LoadReason Core::judge_record(SessionState& state, const StoreKey& key, const std::string& bytes,
                              TimePoint now) const {
    if (const auto note = model::parse_note(bytes)) {
        return now < note->until ? LoadReason::rotated : LoadReason::missing;
    }
    const auto opened = open(key, bytes);
    if (!opened) return LoadReason::unreadable;
    return judge_opened(state, key, *opened, now);
}

LoadReason Core::judge_opened(SessionState& state, const StoreKey& key, const OpenRecord& opened,
                              TimePoint now) const {
    const model::RecordHeader& header = opened.header;
    switch (policy::judge(header, settings_.options.lifetimes, now)) {
    case policy::Life::alive:
        break;
    case policy::Life::implausible:
        return LoadReason::unreadable;
    case policy::Life::idle_expired:
    case policy::Life::absolute_expired:
        return LoadReason::expired;
    }
    if (denied_.denies(key, now)) return LoadReason::ended;
    if (announced_.refuses(header, *opened.manager)) return LoadReason::ended;
    if (!header.user.anonymous()) {
        // Not known: whoever can wait has asked SQL before (`know_epoch`); nobody else may accept it.
        const auto minimum = epochs_.of(header.user, now);
        if (!minimum || header.epoch < *minimum) return LoadReason::ended;
    }
    state.loaded = Loaded{key, header, opened.manager};
    state.base = opened.entries;
    return LoadReason::found;
}

Task<std::optional<Core::Name>> Core::resolve(std::string name, std::string owner,
                                              Deadline deadline) {
    using Answer = std::optional<Name>;
    if (const auto id = model::SessionId::parse(name)) {
        if (!settings_.ring.verify(*id)) co_return Answer{};
        const StoreKey key = crypto::store_key_of(*id);
        if (!owner.empty()) {
            const auto owned = co_await owns(owner, key, deadline);
            if (!owned) co_return owned.error();
            if (!*owned) co_return Answer{};
        }
        co_return Answer{Name{key, owner}};
    }
    const auto handle = Handle::parse(name);
    if (!handle) co_return Answer{};
    async::SessionQuery query;
    query.handle = *handle;
    query.only_live = false;
    query.now = system_now();
    const auto rows = co_await ask_rows(query, deadline);
    if (rows && !rows->empty()) {
        if (!owner.empty() && rows->front().user_id != owner) co_return Answer{};
        co_return Answer{Name{rows->front().key, rows->front().user_id, *handle}};
    }
    if (!owner.empty()) {
        // A login that waits in a journal, or all of them while SQL is away: the owner's index knows the handle as well.
        const auto entries = co_await ports_.store->list_user(settings_.ring.user_tag(owner),
                                                              store_deadline(deadline));
        if (!entries) co_return entries.error();
        const auto found = std::ranges::find(*entries, *handle, &async::IndexEntry::handle);
        if (found != entries->end()) co_return Answer{Name{found->key, owner, *handle}};
    }
    if (!rows) co_return rows.error();  // the index may have lost it
    co_return Answer{};
}

/// SQL says whose session it is; of what SQL does not know, and while it is away, the record does.
Task<bool> Core::owns(std::string owner, StoreKey key, Deadline deadline) {
    async::SessionQuery query;
    query.key = key;
    query.only_live = false;
    query.now = system_now();
    const auto rows = co_await ask_rows(query, deadline);
    if (rows && !rows->empty()) co_return rows->front().user_id == owner;
    const auto bytes = co_await ports_.store->load(key, store_deadline(deadline));
    if (!bytes) co_return bytes.error();
    if (const auto record = *bytes ? open(key, **bytes) : std::nullopt)
        co_return record->manager->user_id == owner;
    if (!rows) co_return rows.error();
    co_return false;
}

Task<std::optional<StatePtr>> Core::async_load_named(std::string name, Deadline deadline) {
    using Answer = std::optional<StatePtr>;
    const auto resolved = co_await resolve(name, std::string(), deadline);
    if (!resolved) co_return resolved.error();
    if (!*resolved) co_return Answer{};
    StatePtr state = fresh_state();
    if (model::SessionId::parse(name)) state->cookie_value = name;
    state->pending = (*resolved)->key;
    auto loaded = co_await async_load(std::move(state), deadline);
    if (!loaded) co_return loaded.error();
    if ((*loaded)->reason != LoadReason::found) co_return Answer{};
    co_return Answer{std::move(*loaded)};
}

Task<bool> Core::async_touch_named(std::string name, Deadline deadline) {
    const auto state = co_await async_load_named(std::move(name), deadline);
    if (!state) co_return state.error();
    if (!*state) co_return false;
    const Loaded& loaded = *(**state)->loaded;
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    const Millis ttl = policy::time_to_live(loaded.header, settings_.options.lifetimes, *time);
    const auto touched = co_await ports_.store->touch(loaded.key, ttl, store_deadline(deadline));
    if (!touched) co_return touched.error();
    AtomicCounters::raise(settings_.counters.touches);
    co_return *touched == async::TouchStatus::touched;
}

Task<FallbackStatus> Core::async_fallback_status(Deadline deadline) {
    if (!ports_.recovery) co_return no_fallback();
    co_return co_await ports_.recovery->status(deadline);
}

Task<FallbackStatus> Core::async_set_fallback(FallbackMode mode, std::string actor,
                                              Deadline deadline) {
    if (!ports_.recovery) co_return no_fallback();
    co_return co_await ports_.recovery->set_mode(mode, std::move(actor), deadline);
}

Task<bool> Core::async_try_sql(Deadline deadline) {
    co_return co_await ports_.archive->try_write(deadline);
}

Task<bool> Core::async_ping(Deadline deadline) {
    const auto hot = co_await ports_.store->marks(store_deadline(deadline));
    if (!hot) co_return hot.error();
    const auto sql = co_await ports_.archive->sequences(deadline);
    if (!sql) co_return sql.error();
    co_return true;
}

}  // namespace vedfolnir::manager
