// A commit that signs somebody in: SQL, then the end of what it replaces, then the record under its new id.
#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "policy/lifetime.hpp"
#include "runtime/fail_point.hpp"
#include "web/set_cookie.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

using runtime::AtomicCounters;

/// How long requests already under way with the old id run without a session after a login.
constexpr Millis rotation_note_time{10'000};

constexpr std::size_t device_bytes_max = 200;
constexpr std::size_t place_bytes_max = 45;  // the longest text of an IPv6 address

}  // namespace

async::LoginOrder Core::login_order(const Commit& commit, const StoreKey& key, Handle handle,
                                    OperationId operation, bool replaces) const {
    const auto& loaded = commit.state->loaded;
    const bool was_authenticated = replaces && loaded && loaded->authenticated();
    const bool same_user = was_authenticated && loaded->user_id() == commit.plan.user;
    async::LoginOrder order;
    order.row = {.handle = handle,
                 .key = key,
                 .user_id = commit.plan.user,
                 .user = settings_.ring.user_tag(commit.plan.user),
                 .created = same_user ? loaded->header.created : commit.now,
                 .authenticated = commit.now,
                 .absolute_expiry = commit.now + settings_.options.lifetimes.absolute,
                 .idle_limit = Seconds{0},
                 .device = shortened(commit.request.user_agent, device_bytes_max),
                 .place = shortened(commit.request.client_address, place_bytes_max),
                 .platform = text_of(commit.plan.entries, identity_->audited),
                 .ended = std::nullopt,
                 .end_reason = {},
                 .confirmed = false};
    if (was_authenticated)
        order.replaced = async::Replaced{loaded->key, loaded->header.handle, same_user};
    const std::string type = commit.state->remembered ? "session.remembered"
                             : same_user              ? "session.reauthenticated"
                                                      : "session.created";
    order.event = event_of(type, commit.now, handle, commit.plan.user, "user");
    order.event.operation = operation;
    order.event.detail = json_object({{"device", order.row.device}, {"place", order.row.place}},
                                     commit.request.trace);
    return order;
}

/// Puts a note without successor in the place of a record whose id rotated: requests already under way with the old
/// id run without a session for a moment, and set no cookie over the new one.
Task<bool> Core::leave_note(StoreKey key, const Commit& commit) {
    std::string note = model::pack_note({.until = commit.now + rotation_note_time});
    commit.state->count_command();
    co_return co_await ports_.store->erase(key, std::move(note), rotation_note_time,
                                           store_deadline(commit.deadline));
}

/// Ends the authenticated session that a login replaces, in one step: all ids it had, each leaving a note.
Task<std::uint32_t> Core::end_replaced(async::EndOrder order, const Commit& commit) {
    const StoreKey& seen = commit.state->loaded->key;
    if (std::ranges::find(order.keys, seen) == order.keys.end()) {
        // The row lies in another shard than what this request loaded: the secret that names users was changed.
        const auto noted = co_await leave_note(seen, commit);
        if (!noted) co_return noted.error();
    }
    order.note = model::pack_note({.until = commit.now + rotation_note_time});
    order.note_ttl = rotation_note_time;
    std::vector<async::EndOrder> orders;
    orders.push_back(std::move(order));
    commit.state->count_command();
    co_return co_await apply(std::move(orders), commit.deadline);
}

/// What SQL keeps of a new session at once, so that a hot store which loses it a moment later costs nobody a login.
std::optional<async::Snapshot> Core::copy_of(const StoreKey& key, const std::string& record,
                                             Millis ttl) const {
    auto kept = ports_.copy ? ports_.copy(key, record) : std::nullopt;
    if (!kept) return std::nullopt;
    return async::Snapshot{key, std::move(*kept), ttl};
}

/// A late request whose session ended meanwhile. Who authenticated in it begins a new session (empty: try again, under
/// a new handle). A cleared and refilled session, or one whose `_fresh` rose, is no proof of that: it changes nothing.
std::optional<CommitOutcome> Core::login_after_end(const Commit& commit) {
    if (commit.state->login_marked) return std::nullopt;
    return dropped(commit);
}

/// One attempt: SQL, then the end of the replaced session, then the new record. Empty: the id collided, try another.
Task<std::optional<CommitOutcome>> Core::try_login(const Commit& commit, bool first_try) {
    using Answer = std::optional<CommitOutcome>;
    const ManagerOptions& options = settings_.options;
    const auto& loaded = commit.state->loaded;
    const auto user = settings_.ring.user_tag(commit.plan.user);
    const auto id = settings_.ring.mint(user.shard(), settings_.random);
    if (!id) co_return id.error();
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) co_return operation.error();
    const auto fresh_handle = crypto::random_handle(settings_.random);
    if (!fresh_handle) co_return fresh_handle.error();
    const StoreKey key = crypto::store_key_of(*id);
    const bool keeps_handle = first_try && loaded && loaded->user_id() == commit.plan.user;
    const Handle handle = keeps_handle ? loaded->header.handle : *fresh_handle;

    auto order = login_order(commit, key, handle, *operation, first_try);
    if (!first_try) {
        // SQL may have been restored from before the user's sessions were last ended.
        const auto epoch = co_await ports_.store->epoch_of(user, store_deadline(commit.deadline));
        if (!epoch) co_return epoch.error();
        order.epoch_floor = epoch->epoch;
    }
    model::RecordHeader header;
    header.last_seen = commit.now;
    header.handle = handle;
    header.user = user;
    header.created = order.row.created;
    header.authenticated = commit.now;
    header.absolute_expiry = order.row.absolute_expiry;
    header.clock = model::next_clock(loaded ? loaded->header.clock : 0, commit.now);
    header.operation = *operation;
    const model::Payload payload{{commit.plan.user, order.row.device, order.row.place},
                                 commit.plan.entries};
    // Whatever cannot be sealed is refused here, before SQL hears of it.
    const std::string encoded = model::encode_payload(payload.manager, payload.entries);
    if (auto fits = model::check_size(payload.entries, encoded.size(), options.limits); !fits)
        co_return fits.error();

    auto granted = co_await grant_login(order, commit.deadline);
    if (!granted) {
        if (granted.error().code == Errc::conflict) co_return Answer{};
        // The session that would be re-authenticated ended meanwhile.
        if (granted.error().code == Errc::denied && keeps_handle) co_return login_after_end(commit);
        co_return granted.error();
    }
    runtime::fail_point("login.granted");
    async::LoginGrant& grant = granted->grant;
    if (order.replaced)
        denied_.deny(order.replaced->key, loaded->header.absolute_expiry, commit.now);
    if (grant.end_replaced) {
        // Every id the old session had goes now, before there is a new one.
        const auto replaced = co_await end_replaced(std::move(*grant.end_replaced), commit);
        if (!replaced) co_return replaced.error();
        runtime::fail_point("login.replaced");
    }
    header.epoch = grant.epoch;
    auto record = crypto::seal_record(settings_.ring, settings_.random, key, header, encoded,
                                      options.plain_records);
    if (!record) co_return record.error();
    const Millis ttl = policy::time_to_live(header, options.lifetimes, commit.now);
    auto copy = copy_of(key, *record, ttl);
    commit.state->count_command();
    const auto created = co_await ports_.store->create(key, std::move(*record), ttl,
                                                       store_deadline(commit.deadline));
    if (!created) co_return created.error();
    // A stale epoch means that all of this user's sessions were ended meanwhile: log in again under the new epoch.
    if (*created != async::CreateStatus::created) co_return Answer{};
    runtime::fail_point("login.created");
    // Unconfirmed, the row stops counting as live after a minute; the session itself works.
    const async::LoginConfirmed confirmation{handle, key, user};
    const auto confirmed =
        co_await confirm_login(confirmation, copy, granted->deferred, commit.deadline);
    if (!confirmed) {
        settings_.report("a login could not be confirmed in SQL yet",
                         traced(confirmed.error(), commit.request.trace));
        confirm_later(handle, key, user, std::move(copy));
    } else if (!*confirmed) {
        // The session ended, or moved on to another re-authentication's key, after its row was written and before there
        // was a record to delete.
        denied_.deny(key, header.absolute_expiry, commit.now);
        co_await remove_ended(key, user, commit.deadline);
        AtomicCounters::raise(settings_.counters.commits_dropped);
        CommitOutcome outcome;
        outcome.result.action = CommitAction::dropped;
        co_return Answer{std::move(outcome)};
    }
    CommitOutcome outcome{
        {},
        Loaded{key, header, std::make_shared<const model::ManagerFields>(payload.manager)},
        std::make_shared<const model::Entries>(commit.plan.entries),
        id->cookie_value()};
    keep_opened(*outcome.loaded, outcome.entries);
    outcome.result.action = CommitAction::logged_in;
    outcome.result.set_cookie =
        web::set_cookie(cookie_options(commit, *outcome.entries), outcome.cookie_value,
                        max_age_cap(header, commit.now));
    co_return Answer{std::move(outcome)};
}

Task<CommitOutcome> Core::commit_login(Commit commit) {
    for (int attempt = 0; attempt < mint_attempts_max; ++attempt) {
        auto outcome = co_await try_login(commit, attempt == 0);
        if (!outcome) co_return outcome.error();
        if (!*outcome) continue;
        if ((*outcome)->result.action == CommitAction::dropped) co_return std::move(**outcome);
        AtomicCounters::raise(settings_.counters.logins);
        const auto& old = commit.state->loaded;
        if (old) settings_.counters.count_ended(EndReason::replaced);
        if (old && !old->authenticated()) {
            // The anonymous record goes last: a crash before leaves only an anonymous record. Its note hands nobody
            // the new id, least of all whoever planted the old one.
            denied_.deny(old->key, old->header.absolute_expiry, commit.now);
            const auto erased = co_await leave_note(old->key, commit);
            if (!erased) {
                settings_.report("the anonymous record of a login could not be removed yet",
                                 traced(erased.error(), commit.request.trace));
                async::EndOrder order;
                order.shard = old->key.shard;
                order.keys = {old->key};
                apply_later(std::move(order));
            }
        }
        co_return std::move(**outcome);
    }
    co_return collision();
}

}  // namespace vedfolnir::manager
