#include "sql/lifecycle.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/failure.hpp"
#include "sql/lifecycle_steps.hpp"
#include "sql/listings.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace vedfolnir::sql {
namespace {

void lock_shards(Connection& db, const async::LoginOrder& login) {
    std::set<std::uint8_t> shards{login.row.user.shard()};
    if (login.replaced) shards.insert(login.replaced->key.shard);
    lock_shards(db, shards);
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

void change_nothing(Connection& db) {
    db.execute("fallback_held_add", {{"count", std::int64_t{0}}});
    db.execute("record_delete", {{"store_key", std::string()}});
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
