#include "sql/lifecycle_steps.hpp"

#include "runtime/archive_rules.hpp"

#include <utility>

namespace vedfolnir::sql {

std::optional<StoredSession> first_session(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return read_session(rows.front());
}

std::optional<StoredSession> find_session(Connection& db, const Handle& handle) {
    return first_session(
        db.query("session_by_handle", session_columns, {{"handle", handle.text()}}));
}

void lock_shards(Connection& db, const std::set<std::uint8_t>& shards) {
    if (db.alone()) return;
    for (const std::int64_t shard : shards)
        static_cast<void>(db.query_locked("shard_sequence", 1, {{"shard", shard}}));
}

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

}  // namespace vedfolnir::sql
