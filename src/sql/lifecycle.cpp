#include "sql/lifecycle.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/batch.hpp"
#include "sql/failure.hpp"
#include "sql/listings.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace vedfolnir::sql {
namespace {

std::vector<async::SessionRow> read_sessions(const Rows& rows) {
    std::vector<async::SessionRow> sessions;
    sessions.reserve(rows.size());
    for (const auto& row : rows) sessions.push_back(read_session(row).row);
    return sessions;
}

std::optional<StoredSession> first_session(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return read_session(rows.front());
}

std::optional<StoredSession> find_session(Connection& db, const Handle& handle) {
    return first_session(
        db.query("session_by_handle", session_columns, {{"handle", handle.text()}}));
}

/// Whoever begins or ends sessions of a shard holds its row from here to the commit, so that none of them decides on
/// what another is changing. Ascending, so that two of them never wait for each other.
void lock_shards(Connection& db, const std::set<std::uint8_t>& shards) {
    if (db.alone()) return;
    for (const std::int64_t shard : shards)
        static_cast<void>(db.query_locked("shard_sequence", 1, {{"shard", shard}}));
}

void lock_shards(Connection& db, const async::LoginOrder& login) {
    std::set<std::uint8_t> shards{login.row.user.shard()};
    if (login.replaced) shards.insert(login.replaced->key.shard);
    lock_shards(db, shards);
}

/// An earlier attempt of this operation was committed: its answer is read back, nothing is written.
bool was_written(Connection& db, const OperationId& operation) {
    const auto rows = db.query("audit_operation_seen", 1, {{"operation", hex(operation)}});
    return !rows.empty() && rows.front().cell(0).has_value();
}

void raise_epoch(Connection& db, const UserTag& user, std::uint64_t epoch, TimePoint now) {
    const Params params{
        {"user_tag", hex(user.bytes)}, {"epoch", number(epoch)}, {"now", millis(now)}};
    if (db.execute("user_epoch_raise", params) == 0) db.execute("user_epoch_insert", params);
}

bool is_revoked(Connection& db, const StoreKey& key) {
    return !db.query("revocation_of_key", 1, {{"store_key", key.text()}}).empty();
}

/// Takes the order's sequences and writes its revocations.
void revoke(Connection& db, async::EndOrder& order, const async::AuditEvent& event,
            TimePoint until) {
    const std::int64_t shard = order.shard;
    db.execute("shard_advance",
               {{"shard", shard}, {"count", number(runtime::sequences_needed(order))}});
    const auto last = db.query("shard_sequence", 1, {{"shard", shard}}).at(0).integer(0);
    runtime::assign_sequences(order, static_cast<std::uint64_t>(last));
    for (const auto& revocation : runtime::revocations_of(order)) {
        std::optional<std::string> key;
        if (revocation.key) key = revocation.key->text();
        db.execute("revocation_add", {{"shard", shard},
                                      {"sequence", number(revocation.sequence)},
                                      {"store_key", std::move(key)},
                                      {"user_tag", hex(revocation.user.bytes)},
                                      {"epoch", number(revocation.epoch)},
                                      {"at_ms", millis(event.at)},
                                      {"until_ms", millis(until)},
                                      {"operation", hex(event.operation)}});
    }
}

void close_session(Connection& db, const Handle& handle, const async::AuditEvent& event,
                   EndReason reason) {
    db.execute("session_close", {{"handle", handle.text()},
                                 {"ended_ms", millis(event.at)},
                                 {"reason", std::string(to_string(reason))},
                                 {"operation", hex(event.operation)}});
}

/// Ends what the login replaces, or frees its row for the new key.
std::optional<async::EndOrder> replace(Connection& db, const async::LoginOrder& login,
                                       std::vector<NewEvent>& events) {
    if (!login.replaced) return std::nullopt;
    const auto& replaced = *login.replaced;
    const auto found = find_session(db, replaced.handle);
    if (!found) {
        // This archive never knew the session (it was restored, say): its key is revoked all the
        // same.
        auto order = runtime::replacement_order(replaced, replaced.key,
                                                replaced.same_user ? login.row.user : UserTag{});
        revoke(db, order, login.event, login.row.absolute_expiry);
        return order;
    }
    auto order = runtime::replacement_order(replaced, found->row.key, found->row.user);
    if (found->row.ended)
        return order;  // revoked when it ended; the hot store may delete once more
    revoke(db, order, login.event, found->row.absolute_expiry);
    if (!runtime::keeps_row(login)) {
        close_session(db, found->row.handle, login.event, EndReason::replaced);
        events.push_back({runtime::replaced_event(login.event, found->row)});
    }
    return order;
}

Params session_params(const async::SessionRow& row, TimePoint begun, std::uint64_t epoch) {
    return {{"handle", row.handle.text()},
            {"store_key", row.key.text()},
            {"user_id", row.user_id},
            {"user_tag", hex(row.user.bytes)},
            {"created_ms", millis(row.created)},
            {"authenticated_ms", millis(row.authenticated)},
            {"absolute_expiry_ms", millis(row.absolute_expiry)},
            {"idle_limit_s", std::int64_t{row.idle_limit.count()}},
            {"device", row.device},
            {"place", row.place},
            {"platform", row.platform},
            {"epoch", number(epoch)},
            {"begun_ms", millis(begun)}};
}

/// The sequences that an earlier attempt took, put back into the orders it must have made of them.
void restore_sequences(Connection& db, const OperationId& operation,
                       std::vector<async::EndOrder>& orders) {
    for (const auto& row : db.query("revocations_by_operation", revocation_columns,
                                    {{"operation", hex(operation)}})) {
        const auto revocation = read_revocation(row);
        for (auto& order : orders) {
            if (order.shard != revocation.shard) continue;
            if (order.sequence == 0) order.previous_sequence = revocation.sequence - 1;
            order.sequence = revocation.sequence;
            order.epoch = std::max(order.epoch, revocation.epoch);
        }
    }
}

/// What a login of an earlier attempt replaced, from the revocations it left.
async::EndOrder repeated_replacement(Connection& db, const OperationId& operation,
                                     const async::Replaced& replaced) {
    async::EndOrder order;
    for (const auto& row : db.query("revocations_by_operation", revocation_columns,
                                    {{"operation", hex(operation)}})) {
        const auto revocation = read_revocation(row);
        if (!revocation.key) continue;
        order.shard = revocation.shard;
        order.user = revocation.user;
        order.keys.push_back(*revocation.key);
        if (order.sequence == 0) order.previous_sequence = revocation.sequence - 1;
        order.sequence = revocation.sequence;
    }
    if (!order.keys.empty()) return order;
    // Nothing was revoked then, because the replaced session had ended before.
    const auto old = find_session(db, replaced.handle);
    return runtime::replacement_order(replaced, old ? old->row.key : replaced.key,
                                      old ? old->row.user : UserTag{});
}

/// What a login of an earlier attempt was granted. Throws where its session did not stay as it was.
async::LoginGrant repeated_login(Connection& db, const OperationId& operation,
                                 const async::LoginOrder& login) {
    const auto found = find_session(db, login.row.handle);
    if (!found || found->row.key != login.row.key) {
        throw Failure(Errc::conflict,
                      "this login was written before, and another one took its place");
    }
    if (found->row.ended) {
        throw Failure(Errc::denied, "this login was written before, and its session has ended");
    }
    async::LoginGrant grant;
    grant.epoch = found->epoch;
    if (login.replaced) grant.end_replaced = repeated_replacement(db, operation, *login.replaced);
    return grant;
}

bool began_after(const async::EndRequest& request, const StoredSession& session) {
    if (!request.late || request.user_id.empty()) return false;
    return request.keep ? session.begun > request.event.at : session.epoch >= request.granted_epoch;
}

std::vector<StoredSession> sessions_of(Connection& db, const async::EndRequest& request) {
    const auto rows =
        request.key
            ? db.query("session_by_key", session_columns, {{"store_key", request.key->text()}})
        : request.handle
            ? db.query("session_by_handle", session_columns, {{"handle", request.handle->text()}})
            : db.query("sessions_open_by_user", session_columns, {{"user_id", request.user_id}});
    std::vector<StoredSession> sessions;
    sessions.reserve(rows.size());
    for (const auto& row : rows) sessions.push_back(read_session(row));
    return sessions;
}

void lock_shards(Connection& db, const async::EndRequest& request) {
    if (db.alone()) return;
    std::set<std::uint8_t> shards;
    if (request.key) shards.insert(request.key->shard);
    if (!request.user_id.empty()) shards.insert(request.user.shard());
    // A session stays in its user's shard, so this look tells enough.
    for (const auto& session : sessions_of(db, request)) shards.insert(session.row.key.shard);
    lock_shards(db, shards);
}

std::vector<async::SessionRow> sessions_to_end(Connection& db, const async::EndRequest& request) {
    std::vector<async::SessionRow> sessions;
    for (auto& session : sessions_of(db, request)) {
        const auto& row = session.row;
        const bool over = row.ended || row.absolute_expiry <= request.event.at;
        if (over || row.key == request.keep || began_after(request, session)) continue;
        sessions.push_back(std::move(session.row));
    }
    return sessions;
}

async::EndReceipt receipt_of(const async::EndRequest& request,
                             const std::vector<async::SessionRow>& sessions) {
    async::EndReceipt receipt;
    receipt.orders = runtime::plan_end(request, sessions);
    receipt.sessions = static_cast<std::uint32_t>(sessions.size());
    for (const auto& session : sessions) receipt.keys.push_back(session.key);
    return receipt;
}

/// A key that no row holds, of a session whose owner the caller knows: this archive lost it (it was restored, say).
bool ends_unknown(Connection& db, const async::EndRequest& request) {
    return request.key && !request.user.anonymous() &&
           db.query("session_by_key", session_columns, {{"store_key", request.key->text()}})
               .empty() &&
           !is_revoked(db, *request.key);
}

async::EndReceipt repeated_ending(Connection& db, const OperationId& operation,
                                  const async::EndRequest& request) {
    const auto ended = read_sessions(
        db.query("sessions_ended_by_operation", session_columns, {{"operation", hex(operation)}}));
    auto receipt = receipt_of(request, ended);
    if (request.key && ended.empty()) receipt.orders = {runtime::unknown_key_order(request)};
    restore_sequences(db, operation, receipt.orders);
    return receipt;
}

/// Adds to `events` what is to be written.
async::EndReceipt end_sessions(Connection& db, const async::EndRequest& request,
                               std::vector<NewEvent>& events) {
    lock_shards(db, request);
    if (request.event.operation && was_written(db, *request.event.operation)) {
        return repeated_ending(db, *request.event.operation, request);
    }
    const auto sessions = sessions_to_end(db, request);
    auto receipt = receipt_of(request, sessions);
    TimePoint until = request.until;
    for (const auto& session : sessions) {
        close_session(db, session.handle, request.event, request.reason);
        until = std::max(until, session.absolute_expiry);
    }
    auto ended = runtime::events_of(request, sessions);
    if (ends_unknown(db, request)) {
        receipt.orders = {runtime::unknown_key_order(request)};
        ended = {request.event};
    }
    for (auto& order : receipt.orders) {
        if (order.whole_user && !order.keep) {
            const auto current = user_epoch(db, order.user);
            order.epoch = request.late ? std::max(current, request.granted_epoch)
                                       : std::max(current, request.epoch_floor) + 1;
            // Of two endings that SQL was not asked about, the later one may have come here first.
            if (order.epoch > current) raise_epoch(db, order.user, order.epoch, request.event.at);
        }
        revoke(db, order, request.event, until);
    }
    std::int64_t part = 0;
    for (auto& event : ended) events.push_back({std::move(event), part++});
    return receipt;
}

NewEvent expired_event_of(const Handle& handle, TimePoint ended, std::string user_id) {
    auto event = runtime::expired_event();
    event.at = ended;
    event.handle = handle;
    event.user_id = std::move(user_id);
    return {std::move(event)};
}

std::string gone_rows(const std::vector<async::Gone>& gone) {
    Batch batch;
    for (const async::Gone& session : gone) {
        batch.next_row();
        batch.add("handle", session.handle.text());
        batch.add("store_key", session.key.text());
    }
    return batch.json();
}

}  // namespace

async::LoginGrant begin_login(Connection& db, const Auditor& auditor,
                              const async::LoginOrder& order) {
    lock_shards(db, order);
    if (order.event.operation && was_written(db, *order.event.operation)) {
        return repeated_login(db, *order.event.operation, order);
    }
    const auto present = find_session(db, order.row.handle);
    if (present && present->row.ended) {
        throw Failure(Errc::denied,
                      "the session to re-authenticate has ended; log in under a new handle");
    }
    if (present && !runtime::keeps_row(order)) {
        throw Failure(Errc::conflict, "a session of this handle exists already");
    }
    async::LoginGrant grant;
    grant.epoch = user_epoch(db, order.row.user);
    if (grant.epoch < order.epoch_floor) {
        grant.epoch = order.epoch_floor;
        raise_epoch(db, order.row.user, grant.epoch, order.event.at);
    }
    std::vector<NewEvent> events;
    grant.end_replaced = replace(db, order, events);
    db.execute(present ? "session_rekey" : "session_insert",
               session_params(order.row, order.event.at, grant.epoch));
    events.push_back({order.event});
    write_events(db, auditor, events);
    return grant;
}

bool confirm_login(Connection& db, const Handle& handle, const StoreKey& key) {
    return db.execute("session_confirm", {{"handle", handle.text()}, {"store_key", key.text()}}) >
           0;
}

async::EndReceipt end_sessions(Connection& db, const Auditor& auditor,
                               const async::EndRequest& request) {
    std::vector<NewEvent> events;
    auto receipt = end_sessions(db, request, events);
    write_events(db, auditor, events);
    return receipt;
}

std::uint32_t raise_sequences(Connection& db, const Auditor& auditor,
                              const std::vector<std::uint64_t>& marks,
                              const async::AuditEvent& event) {
    const auto sequences = list_sequences(db);
    std::uint32_t raised = 0;
    for (std::size_t shard = 0; shard < std::min(marks.size(), sequences.size()); ++shard) {
        if (marks[shard] <= sequences[shard]) continue;
        db.execute("shard_advance", {{"shard", static_cast<std::int64_t>(shard)},
                                     {"count", number(marks[shard] - sequences[shard])}});
        auto [low, high] = tags_of_shard(static_cast<std::uint8_t>(shard));
        db.execute("records_drop_copies", {{"low", std::move(low)}, {"high", std::move(high)}});
        ++raised;
    }
    if (raised > 0) write_events(db, auditor, {{event}});
    return raised;
}

std::uint32_t close_expired(Connection& db, const Auditor& auditor, TimePoint now,
                            std::uint32_t limit) {
    // Names what this call closes, also where another one works beside it.
    const auto operation = hex(new_operation());
    if (db.execute("sessions_close_expired",
                   {{"now", millis(now)},
                    {"page", std::int64_t{limit}},
                    {"reason", std::string(to_string(EndReason::expired))},
                    {"operation", operation}}) == 0)
        return 0;
    std::vector<NewEvent> events;
    for (const auto& row : db.query("sessions_closed_by", 3, {{"operation", operation}}))
        events.push_back(
            expired_event_of(read_handle(row, 1), moment(row.integer(0)), row.text(2)));
    write_events(db, auditor, events);
    return static_cast<std::uint32_t>(events.size());
}

std::uint32_t close_gone(Connection& db, const Auditor& auditor, std::vector<async::Gone>& gone,
                         TimePoint now) {
    const auto operation = hex(new_operation());
    const auto batch = gone_rows(gone);
    db.execute("sessions_close_gone", {{"batch", batch},
                                       {"now", millis(now)},
                                       {"reason", std::string(to_string(EndReason::expired))},
                                       {"operation", operation}});
    std::map<Handle, UserTag> users;
    std::set<Handle> open;
    std::vector<NewEvent> events;
    for (const auto& row :
         db.query("sessions_gone", 5, {{"batch", batch}, {"operation", operation}})) {
        const auto handle = read_handle(row, 0);
        users.emplace(handle, read_tag(row, 1));
        if (row.integer(2) != 0) open.insert(handle);
        if (row.cell(3))
            events.push_back(expired_event_of(handle, moment(row.integer(3)), row.text(4)));
    }
    std::erase_if(gone, [&](const async::Gone& session) { return open.contains(session.handle); });
    for (async::Gone& session : gone) {
        const auto known = users.find(session.handle);
        if (known != users.end()) session.user = known->second;
    }
    write_events(db, auditor, events);
    return static_cast<std::uint32_t>(events.size());
}

bool record_change(Connection& db, const Auditor& auditor, const Handle& handle,
                   const std::string& platform, const async::AuditEvent& event) {
    if (event.operation && was_written(db, *event.operation)) return true;
    const auto session = first_session(
        db.query_locked("session_by_handle", session_columns, {{"handle", handle.text()}}));
    if (!session || session->row.ended) return false;
    db.execute("session_set_platform", {{"handle", handle.text()}, {"platform", platform}});
    auto entry = event;
    entry.handle = handle;
    entry.user_id = session->row.user_id;
    write_events(db, auditor, {{std::move(entry)}});
    return true;
}

namespace {

/// One replay, entry by entry.
struct Replayer {
    Connection& db;
    async::ReplayReceipt receipt{};
    /// Written at the end: who writes events holds up all other writers.
    std::vector<NewEvent> events{};
    std::set<OperationId> taken{};

    /// False, and counted, if an earlier entry or replay (or the call itself, whose answer was lost) wrote this operation.
    bool is_new(const async::AuditEvent& event) {
        const bool known = event.operation && (!taken.insert(*event.operation).second ||
                                               was_written(db, *event.operation));
        ++(known ? receipt.repeated : receipt.written);
        return !known;
    }

    void must_apply(async::EndOrder order) {
        receipt.keys.insert(receipt.keys.end(), order.keys.begin(), order.keys.end());
        receipt.orders.push_back(std::move(order));
    }

    /// A session that ended before its login came here: its key stays dead.
    void revoke_login(const async::LoginOrder& login) {
        async::EndOrder order;
        order.shard = login.row.key.shard;
        order.keys.push_back(login.row.key);
        order.user = login.row.user;
        if (!is_revoked(db, login.row.key))
            revoke(db, order, login.event, login.row.absolute_expiry);
        must_apply(std::move(order));
    }

    void operator()(const async::LoginOrder& login) {
        if (!is_new(login.event)) return;
        const auto present = find_session(db, login.row.handle);
        const bool moved_on = present && (present->row.ended || !runtime::keeps_row(login));
        const bool over =
            is_revoked(db, login.row.key) || login.granted_epoch < user_epoch(db, login.row.user);
        if (auto replaced = replace(db, login, events)) must_apply(std::move(*replaced));
        if (!moved_on)
            db.execute(present ? "session_rekey" : "session_insert",
                       session_params(login.row, login.event.at, login.granted_epoch));
        events.push_back({login.event});
        if (!moved_on && !over) return;
        if (!moved_on)
            db.execute("session_close", {{"handle", login.row.handle.text()},
                                         {"ended_ms", millis(login.event.at)},
                                         {"reason", std::string(runtime::ended_unrecorded)},
                                         {"operation", hex(login.event.operation)}});
        revoke_login(login);
    }

    void operator()(const async::LoginConfirmed& confirmed) {
        if (confirm_login(db, confirmed.handle, confirmed.key)) return;
        async::EndOrder order;
        order.shard = confirmed.key.shard;
        order.keys.push_back(confirmed.key);
        order.user = confirmed.user;
        must_apply(std::move(order));
    }

    void operator()(const async::EndRequest& request) {
        // An entry before this one put its orders into the receipt.
        const bool repeated = request.event.operation && taken.contains(*request.event.operation);
        static_cast<void>(is_new(request.event));
        if (repeated) return;
        auto ended = end_sessions(db, request, events);
        receipt.keys.insert(receipt.keys.end(), ended.keys.begin(), ended.keys.end());
        for (auto& order : ended.orders) must_apply(std::move(order));
    }

    void operator()(const async::PlatformChange& change) {
        if (!is_new(change.event)) return;
        const auto session = find_session(db, change.handle);
        if (session && !session->row.ended)
            db.execute("session_set_platform",
                       {{"handle", change.handle.text()}, {"platform", change.platform}});
        events.push_back({change.event});
    }

    void operator()(const async::AuditEvent& event) {
        if (is_new(event)) events.push_back({event});
    }
};

/// All that the entries can touch, so that they are locked in the one order that all writers keep.
std::set<std::uint8_t> shards_of(const std::vector<async::Deferred>& entries) {
    std::set<std::uint8_t> shards;
    for (const auto& entry : entries) {
        if (const auto* login = std::get_if<async::LoginOrder>(&entry)) {
            shards.insert(login->row.key.shard);
            shards.insert(login->row.user.shard());
            if (login->replaced) shards.insert(login->replaced->key.shard);
        } else if (const auto* ending = std::get_if<async::EndRequest>(&entry)) {
            if (ending->key) shards.insert(ending->key->shard);
            shards.insert(ending->user.shard());
        }
    }
    return shards;
}

}  // namespace

async::ReplayReceipt replay(Connection& db, const Auditor& auditor,
                            const std::vector<async::Deferred>& entries) {
    lock_shards(db, shards_of(entries));
    Replayer replayer{db};
    for (const auto& entry : entries) std::visit(replayer, entry);
    write_events(db, auditor, replayer.events);
    return std::move(replayer.receipt);
}

std::uint32_t append_events(Connection& db, const Auditor& auditor,
                            const std::vector<async::AuditEvent>& events) {
    std::vector<NewEvent> fresh;
    for (const auto& event : events) {
        if (event.operation && was_written(db, *event.operation)) continue;
        fresh.push_back({event});
    }
    write_events(db, auditor, fresh);
    return static_cast<std::uint32_t>(events.size());
}

}  // namespace vedfolnir::sql
