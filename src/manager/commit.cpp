#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "model/codec.hpp"
#include "model/merge.hpp"
#include "policy/lifetime.hpp"
#include "web/set_cookie.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

using runtime::AtomicCounters;

/// A conflict means that somebody else made progress; this many in a row mean something is wrong.
constexpr int save_attempts_max = 32;

bool differs(const model::Entries& a, const model::Entries& b, const std::string& key) {
    const auto in_a = a.find(key);
    const auto in_b = b.find(key);
    if (in_a == a.end() || in_b == b.end()) return (in_a == a.end()) != (in_b == b.end());
    return in_a->second != in_b->second;
}

CommitOutcome nothing_written(AtomicCounters& counters) {
    AtomicCounters::raise(counters.commits_dropped);
    CommitOutcome outcome;
    outcome.result.action = CommitAction::dropped;
    return outcome;
}

}  // namespace

/// What a commit of this state amounts to. A refusal is audited.
Result<policy::CommitPlan> Core::plan_of(const SessionState& state, const TraceId& trace) {
    const policy::Usage usage{.base = *state.base,
                              .current = state.current(),
                              .loaded = state.loaded.has_value(),
                              .user_before = state.loaded
                                                 ? std::string_view(state.loaded->user_id())
                                                 : std::string_view(),
                              .cleared = state.cleared && state.loaded,
                              .login_marked = state.login_marked,
                              .written_after_logout = state.written_after_logout,
                              .written = &state.written};
    auto plan = policy::plan_commit(usage, *identity_);
    if (plan) return plan;
    auto event = event_of("identity.conflict", system_now(),
                          state.loaded ? std::optional(state.loaded->header.handle) : std::nullopt,
                          std::string(usage.user_before), "user");
    event.detail = json_object({{"reason", plan.error().detail}}, trace);
    note_event(std::move(event));
    return plan;
}

Task<CommitOutcome> Core::async_commit(ConstStatePtr state, RequestContext request,
                                       Deadline deadline) {
    auto plan = plan_of(*state, request.trace);
    if (!plan) co_return plan.error();
    // An id that rotated moments ago: this request runs without a session. Only a login makes a new one.
    if (state->reason == LoadReason::rotated && plan->plan != policy::Plan::login)
        co_return CommitOutcome{};
    if (plan->plan == policy::Plan::nothing && !state->loaded) co_return CommitOutcome{};

    // What ends something takes a number from SQL, and it must be one that no mark has passed.
    if (plan->plan == policy::Plan::login || plan->plan == policy::Plan::end)
        co_await ready(deadline);
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    Commit commit{std::move(state), std::move(request), std::move(*plan), *time, deadline};
    switch (commit.plan.plan) {
    case policy::Plan::nothing:
        co_return co_await commit_nothing(std::move(commit));
    case policy::Plan::create:
        co_return co_await commit_create(std::move(commit));
    case policy::Plan::save:
        co_return co_await commit_save(std::move(commit));
    case policy::Plan::login:
        co_return co_await commit_login(std::move(commit));
    case policy::Plan::end:
        co_return co_await commit_end(std::move(commit));
    }
    co_return Error{Errc::internal, "a commit plan of unknown kind"};
}

CommitOutcome Core::dropped(const Commit& commit) {
    denied_.deny(commit.state->loaded->key, commit.state->loaded->header.absolute_expiry,
                 commit.now);
    return nothing_written(settings_.counters);
}

/// A session whose record is gone is over, unless the hot store may have lost it. Not denied: it may come back from a copy.
Task<CommitOutcome> Core::commit_gone(const Commit& commit) {
    if (!compared() && !database_answers()) co_await ready(commit.deadline);
    if (!trusts(commit.state->loaded->key.shard) && !database_answers()) co_return may_be_lost();
    co_return nothing_written(settings_.counters);
}

std::optional<Seconds> Core::max_age_cap(const model::RecordHeader& header, TimePoint now) const {
    return std::chrono::duration_cast<Seconds>(header.absolute_expiry - now);
}

CookieOptions Core::cookie_options(const Commit& commit, const model::Entries& entries) const {
    CookieOptions options = settings_.options.cookie;
    if (!options.max_age) options.max_age = commit.request.cookie_max_age;
    if (!options.max_age && policy::is_permanent(entries))
        options.max_age = commit.request.permanent_max_age;
    return options;
}

/// A cookie with a Max-Age must move with its session, throttled like a touch (S11).
void Core::resend_cookie(const Commit& commit, CommitOutcome& outcome) const {
    const CookieOptions cookie = cookie_options(commit, *outcome.entries);
    const SessionState& state = *commit.state;
    if (state.cookie_value.empty()) return;
    const bool due = cookie.max_age && policy::touch_due(state.loaded->header,
                                                         settings_.options.lifetimes, commit.now);
    if (!due && !commit.request.cookie_again) return;
    outcome.result.set_cookie =
        web::set_cookie(cookie, state.cookie_value, max_age_cap(state.loaded->header, commit.now));
}

Task<CommitOutcome> Core::commit_nothing(Commit commit) {
    const Loaded& loaded = *commit.state->loaded;
    CommitOutcome outcome{{}, loaded, commit.state->base, {}};
    const Lifetimes& lifetimes = settings_.options.lifetimes;
    if (commit.request.passive || !policy::touch_due(loaded.header, lifetimes, commit.now))
        co_return outcome;

    const Millis ttl = policy::time_to_live(loaded.header, lifetimes, commit.now);
    commit.state->count_command();
    const auto touched =
        co_await ports_.store->touch(loaded.key, ttl, store_deadline(commit.deadline));
    if (!touched) co_return touched.error();
    if (*touched == async::TouchStatus::gone) co_return co_await commit_gone(commit);
    AtomicCounters::raise(settings_.counters.touches);
    outcome.result.action = CommitAction::touched;
    resend_cookie(commit, outcome);
    co_return outcome;
}

Task<CommitOutcome> Core::commit_create(Commit commit) {
    const ManagerOptions& options = settings_.options;
    for (int attempt = 0; attempt < mint_attempts_max; ++attempt) {
        std::array<std::uint8_t, 1> shard{};
        if (auto filled = settings_.random.fill(shard); !filled) co_return filled.error();
        const auto id = settings_.ring.mint(shard[0], settings_.random);
        if (!id) co_return id.error();
        const auto handle = crypto::random_handle(settings_.random);
        if (!handle) co_return handle.error();
        const auto operation = crypto::random_operation(settings_.random);
        if (!operation) co_return operation.error();

        model::RecordHeader header;
        header.last_seen = commit.now;
        header.handle = *handle;
        header.created = commit.now;
        header.absolute_expiry = commit.now + options.lifetimes.absolute;
        header.clock = model::next_clock(0, commit.now);
        header.operation = *operation;
        const StoreKey key = crypto::store_key_of(*id);
        const std::string payload = model::encode_payload({}, commit.plan.entries);
        if (auto fits = model::check_size(commit.plan.entries, payload.size(), options.limits);
            !fits)
            co_return fits.error();
        auto record = crypto::seal_record(settings_.ring, settings_.random, key, header, payload,
                                          options.plain_records);
        if (!record) co_return record.error();
        const Millis ttl = policy::time_to_live(header, options.lifetimes, commit.now);
        commit.state->count_command();
        const auto created = co_await ports_.store->create(key, std::move(*record), ttl,
                                                           store_deadline(commit.deadline));
        if (!created) co_return created.error();
        if (*created != async::CreateStatus::created) continue;

        AtomicCounters::raise(settings_.counters.creates);
        CommitOutcome outcome{
            {},
            Loaded{key, header, std::make_shared<const model::ManagerFields>()},
            std::make_shared<const model::Entries>(std::move(commit.plan.entries)),
            id->cookie_value()};
        keep_opened(*outcome.loaded, outcome.entries);
        outcome.result.action = CommitAction::created;
        outcome.result.set_cookie =
            web::set_cookie(cookie_options(commit, *outcome.entries), outcome.cookie_value,
                            max_age_cap(header, commit.now));
        co_return outcome;
    }
    co_return collision();
}

/// SQL first: the row and the event of an audited change are durable before the session shows it.
Task<bool> Core::record_audited_changes(const Commit& commit, OperationId operation) {
    const Loaded& loaded = *commit.state->loaded;
    if (loaded.header.user.anonymous()) co_return true;
    const bool audited = std::ranges::any_of(identity_->audited, [&](const std::string& key) {
        return differs(*commit.state->base, commit.plan.entries, key);
    });
    if (!audited) co_return true;
    const std::string before = text_of(*commit.state->base, identity_->audited);
    const std::string after = text_of(commit.plan.entries, identity_->audited);
    auto event = event_of("session.platform_switched", commit.now, loaded.header.handle,
                          loaded.user_id(), "user");
    event.operation = operation;
    event.detail = json_object({{"from", before}, {"to", after}}, commit.request.trace);
    async::PlatformChange change{loaded.header.handle, after, std::move(event)};
    co_return co_await change_platform(std::move(change), commit.deadline);
}

Task<CommitOutcome> Core::commit_save(Commit commit) {
    const ManagerOptions& options = settings_.options;
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) co_return operation.error();
    Loaded loaded = *commit.state->loaded;
    SharedEntries base = commit.state->base;
    model::Entries ours = commit.plan.entries;
    std::string payload = model::encode_payload(*loaded.manager, ours);
    // What cannot be stored is refused before SQL hears of it.
    if (auto fits = model::check_size(ours, payload.size(), options.limits); !fits)
        co_return fits.error();
    const auto live = co_await record_audited_changes(commit, *operation);
    if (!live) co_return live.error();
    if (!*live) {
        co_await remove_ended(loaded.key, loaded.header.user, commit.deadline);
        co_return dropped(commit);
    }

    for (int attempt = 0; attempt < save_attempts_max; ++attempt) {
        model::RecordHeader header = loaded.header;
        header.generation += 1;
        header.last_seen = commit.now;
        header.clock = model::next_clock(loaded.header.clock, commit.now);
        header.operation = *operation;
        auto record = crypto::seal_record(settings_.ring, settings_.random, loaded.key, header,
                                          payload, options.plain_records);
        if (!record) co_return record.error();
        const Millis ttl = policy::time_to_live(header, options.lifetimes, commit.now);
        commit.state->count_command();
        auto reply =
            co_await ports_.store->save(loaded.key, loaded.header.generation, std::move(*record),
                                        ttl, store_deadline(commit.deadline));
        if (!reply) co_return reply.error();
        if (reply->status == async::SaveStatus::saved) {
            AtomicCounters::raise(settings_.counters.saves);
            loaded.header = header;
            CommitOutcome outcome{
                {}, std::move(loaded), std::make_shared<const model::Entries>(std::move(ours)), {}};
            outcome.result.action = CommitAction::saved;
            keep_opened(*outcome.loaded, outcome.entries);
            resend_cookie(commit, outcome);
            co_return outcome;
        }
        if (reply->status == async::SaveStatus::gone) co_return co_await commit_gone(commit);
        if (reply->status != async::SaveStatus::conflict) co_return dropped(commit);

        auto theirs = crypto::open_record(settings_.ring, loaded.key, reply->current,
                                          options.limits, options.plain_records);
        // Another session under this key, or one that does not open: nothing of ours belongs into it.
        if (!theirs || theirs->header.handle != loaded.header.handle) co_return dropped(commit);
        auto merged = model::merge(*base, ours, theirs->payload.entries);
        AtomicCounters::raise(settings_.counters.merges);
        AtomicCounters::raise(settings_.counters.conflicts_same_key, merged.same_key_conflicts);
        loaded.header = theirs->header;
        loaded.manager =
            std::make_shared<const model::ManagerFields>(std::move(theirs->payload.manager));
        base = std::make_shared<const model::Entries>(std::move(theirs->payload.entries));
        ours = std::move(merged.entries);
        payload = model::encode_payload(*loaded.manager, ours);
        if (auto fits = model::check_size(ours, payload.size(), options.limits); !fits)
            co_return fits.error();
        if (std::chrono::steady_clock::now() >= commit.deadline) break;
    }
    co_return Error{Errc::conflict, "the record kept changing until the deadline"};
}

Task<CommitOutcome> Core::commit_end(Commit commit) {
    const Loaded& loaded = *commit.state->loaded;
    CommitOutcome outcome;
    if (!loaded.authenticated()) {
        commit.state->count_command();
        const auto erased = co_await ports_.store->erase(loaded.key, std::string(), Millis{0},
                                                         store_deadline(commit.deadline));
        if (!erased) co_return erased.error();
        denied_.deny(loaded.key, loaded.header.absolute_expiry, commit.now);
        outcome.result.ending = Ending::ended;
    } else {
        commit.state->count_command();
        Name name{loaded.key, loaded.user_id(), loaded.header.handle};
        const auto ending = co_await end_session(std::move(name), EndReason::logout, "user",
                                                 commit.deadline, commit.request.trace);
        if (!ending) co_return ending.error();
        outcome.result.ending = *ending;
    }
    outcome.result.set_cookie = web::clear_cookie(settings_.options.cookie);
    if (!commit.plan.entries.empty()) {
        auto next = co_await commit_create(commit);
        // The ending stands whatever becomes of the new anonymous session.
        if (!next) {
            settings_.report("the anonymous session after a logout could not be created",
                             traced(next.error(), commit.request.trace));
        } else {
            next->result.ending = outcome.result.ending;
            outcome = std::move(*next);
        }
    }
    outcome.result.action = CommitAction::ended;
    co_return outcome;
}

}  // namespace vedfolnir::manager
