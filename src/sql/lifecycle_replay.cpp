#include "runtime/archive_rules.hpp"
#include "sql/lifecycle.hpp"
#include "sql/lifecycle_steps.hpp"
#include "sql/listings.hpp"

#include <set>
#include <utility>
#include <variant>

namespace vedfolnir::sql {
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

}  // namespace vedfolnir::sql
