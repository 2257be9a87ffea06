#include "runtime/archive_rules.hpp"
#include "sql/lifecycle.hpp"
#include "sql/lifecycle_steps.hpp"
#include "sql/listings.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::sql {
namespace {

std::vector<async::SessionRow> read_sessions(const Rows& rows) {
    std::vector<async::SessionRow> sessions;
    sessions.reserve(rows.size());
    for (const auto& row : rows) sessions.push_back(read_session(row).row);
    return sessions;
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

}  // namespace

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

async::EndReceipt end_sessions(Connection& db, const Auditor& auditor,
                               const async::EndRequest& request) {
    std::vector<NewEvent> events;
    auto receipt = end_sessions(db, request, events);
    write_events(db, auditor, events);
    return receipt;
}

}  // namespace vedfolnir::sql
