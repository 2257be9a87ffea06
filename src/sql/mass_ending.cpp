#include "sql/mass_ending.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/audit_writer.hpp"
#include "sql/failure.hpp"
#include "sql/listings.hpp"
#include "sql/rows.hpp"

#include <limits>
#include <map>
#include <set>

namespace vedfolnir::sql {
namespace {

constexpr TimePoint latest{Millis(std::numeric_limits<std::int64_t>::max())};
constexpr std::size_t emergency_columns = 8;

Params scope_params(const EndScope& scope, TimePoint now) {
    return {
        {"now", millis(now)},       {"any_user", std::int64_t{scope.user_id.empty()}},
        {"user_id", scope.user_id}, {"any_place", std::int64_t{scope.place.empty()}},
        {"place", scope.place},     {"begun_before", millis(scope.begun_before.value_or(latest))}};
}

EndReason read_reason(const Row& row, std::size_t column) {
    for (std::size_t i = 0; i < end_reason_count; ++i) {
        if (const auto reason = static_cast<EndReason>(i); row.text(column) == to_string(reason))
            return reason;
    }
    throw Failure(Errc::internal, "an emergency of an unknown reason");
}

async::Emergency read_emergency(const Row& row) {
    async::Emergency emergency;
    emergency.operation = read_handle(row, 0).bytes;
    emergency.announced = moment(row.integer(1));
    emergency.taken = moment(row.integer(2));
    emergency.scope.user_id = row.text(3);
    emergency.scope.place = row.text(4);
    if (const TimePoint before = moment(row.integer(5)); before != latest)
        emergency.scope.begun_before = before;
    emergency.reason = read_reason(row, 6);
    emergency.actor = row.text(7);
    return emergency;
}

Rows emergencies(Connection& db) {
    constexpr std::int64_t page = async::announced_max;
    return db.query("emergencies_list", emergency_columns, {{"page", page}});
}

/// Takes the sequences of one shard and writes its revocations.
void revoke_shard(Connection& db, std::string_view query, std::uint8_t shard, std::size_t count,
                  const async::AuditEvent& event, const Params& more) {
    const std::int64_t number_of_shard = shard;
    const auto sequences = static_cast<std::int64_t>(count);
    db.execute("shard_advance", {{"shard", number_of_shard}, {"count", sequences}});
    auto [low, high] = tags_of_shard(shard);
    Params params{{"shard", number_of_shard},
                  {"count", sequences},
                  {"low", std::move(low)},
                  {"high", std::move(high)},
                  {"operation", hex(event.operation)}};
    params.insert(params.end(), more.begin(), more.end());
    if (db.execute(query, params) != count)
        throw Failure(Errc::internal, "an emergency found another number of sessions to revoke");
}

/// The sessions that the operation ended, by shard and user.
using Ended = std::map<std::uint8_t, std::map<UserTag, std::vector<StoreKey>>>;

Ended ended_by(Connection& db, const async::AuditEvent& event) {
    Ended ended;
    for (const auto& row : db.query("scope_ended", 2, {{"operation", hex(event.operation)}})) {
        const auto user = read_tag(row, 1);
        ended[user.shard()][user].push_back(read_key(row, 0));
    }
    return ended;
}

/// The orders that the hot store must apply, from the revocations that stand: also of an earlier attempt.
async::EndReceipt receipt_of(Connection& db, const Ended& ended, const async::AuditEvent& event) {
    async::EndReceipt receipt;
    for (const auto& [shard, users] : ended) {
        for (const auto& [user, keys] : users) {
            receipt.keys.insert(receipt.keys.end(), keys.begin(), keys.end());
            receipt.sessions += static_cast<std::uint32_t>(keys.size());
        }
    }
    for (const auto& row : db.query("revocations_by_operation", revocation_columns,
                                    {{"operation", hex(event.operation)}})) {
        const auto revocation = read_revocation(row);
        async::EndOrder order;
        order.shard = revocation.shard;
        order.user = revocation.user;
        order.whole_user = !revocation.key.has_value();
        if (revocation.key) order.keys.push_back(*revocation.key);
        order.epoch = revocation.epoch;
        order.previous_sequence = revocation.sequence - 1;
        order.sequence = revocation.sequence;
        receipt.orders.push_back(std::move(order));
    }
    return receipt;
}

void revoke_users(Connection& db, const Ended& ended, const async::AuditEvent& event,
                  TimePoint until) {
    db.execute("scope_epochs_insert", {{"operation", hex(event.operation)}});
    db.execute("scope_epochs_raise",
               {{"operation", hex(event.operation)}, {"now", millis(event.at)}});
    for (const auto& [shard, users] : ended) {
        revoke_shard(db, "scope_revoke_users", shard, users.size(), event,
                     {{"life", Millis(until - event.at).count()}});
    }
}

void revoke_keys(Connection& db, const Ended& ended, const async::AuditEvent& event) {
    for (const auto& [shard, users] : ended) {
        std::size_t count = 0;
        for (const auto& [user, keys] : users) count += keys.size();
        revoke_shard(db, "scope_revoke_keys", shard, count, event, {});
    }
}

/// One event for all of it, as part 0, then one for each session.
void write_scope_events(Connection& db, const Auditor& auditor, const EndScope& scope,
                        const async::AuditEvent& event) {
    std::vector<NewEvent> events{{event}};
    events.front().event.user_id = scope.user_id;
    for (const auto& row :
         db.query("sessions_closed_by", 3, {{"operation", hex(event.operation)}})) {
        auto ended = event;
        ended.at = moment(row.integer(0));
        ended.type = "session.ended";
        ended.handle = read_handle(row, 1);
        ended.user_id = row.text(2);
        events.push_back({std::move(ended), static_cast<std::int64_t>(events.size())});
    }
    write_events(db, auditor, events);
}

async::EndReceipt end_all(Connection& db, const Auditor& auditor, const EndScope& scope,
                          EndReason reason, const async::AuditEvent& event, TimePoint until) {
    db.execute("emergency_remove", {{"operation", hex(event.operation)}});
    const auto seen = db.query("audit_operation_seen", 1, {{"operation", hex(event.operation)}});
    if (!seen.empty() && seen.front().cell(0)) return receipt_of(db, ended_by(db, event), event);
    // Nobody begins or ends a session meanwhile, so that none slips through.
    if (!db.alone()) static_cast<void>(db.query_locked("shard_sequences", 2));
    Params params = scope_params(scope, event.at);
    params.emplace_back("reason", std::string(to_string(reason)));
    params.emplace_back("operation", hex(event.operation));
    db.execute("scope_close", params);
    const Ended ended = ended_by(db, event);
    if (scope.whole_users())
        revoke_users(db, ended, event, until);
    else
        revoke_keys(db, ended, event);
    db.execute("records_delete_scope", {{"operation", hex(event.operation)}});
    auto receipt = receipt_of(db, ended, event);
    write_scope_events(db, auditor, scope, event);
    return receipt;
}

}  // namespace

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

async::Task<ScopeCount> SqlMassEnding::count(EndScope scope, TimePoint now, Deadline deadline) {
    std::function<ScopeCount(Connection&)> work = [scope = std::move(scope), now](Connection& db) {
        const auto row = db.query("scope_count", 2, scope_params(scope, now)).at(0);
        return ScopeCount{static_cast<std::uint64_t>(row.integer(0)),
                          static_cast<std::uint64_t>(row.integer(1))};
    };
    return database_->read<ScopeCount>(std::move(work), deadline);
}

async::Task<bool> SqlMassEnding::announce(async::Emergency emergency, Deadline deadline) {
    std::function<bool(Connection&)> work = [emergency = std::move(emergency)](Connection& db) {
        const EndScope& scope = emergency.scope;
        if (emergencies(db).size() >= async::announced_max) {
            throw Failure(Errc::audit_unavailable,
                          "the table emergencies is full of endings that are announced and not "
                          "written; a process of the application, or vedfolnir serve, writes them "
                          "(its log says why not): repeat the command then");
        }
        db.execute("emergency_add", {{"operation", hex(emergency.operation)},
                                     {"at", millis(emergency.announced)},
                                     {"user_id", scope.user_id},
                                     {"place", scope.place},
                                     {"begun_before", millis(scope.begun_before.value_or(latest))},
                                     {"reason", std::string(to_string(emergency.reason))},
                                     {"actor", emergency.actor}});
        return true;
    };
    return database_->write<bool>(std::move(work), deadline);
}

async::Task<std::vector<async::Emergency>> SqlMassEnding::announced(Deadline deadline) {
    std::function<std::vector<async::Emergency>(Connection&)> work = [](Connection& db) {
        std::vector<async::Emergency> found;
        for (const Row& row : emergencies(db)) found.push_back(read_emergency(row));
        return found;
    };
    return database_->watch<std::vector<async::Emergency>>(std::move(work), deadline);
}

async::Task<bool> SqlMassEnding::take(async::Emergency seen, TimePoint now, Deadline deadline) {
    std::function<bool(Connection&)> work = [seen = std::move(seen), now](Connection& db) {
        return db.execute("emergency_take", {{"operation", hex(seen.operation)},
                                             {"seen", millis(seen.taken)},
                                             {"now", millis(now)}}) == 1;
    };
    return database_->write<bool>(std::move(work), deadline);
}

async::Task<async::EndReceipt> SqlMassEnding::end_scope(EndScope scope, EndReason reason,
                                                        async::AuditEvent event, TimePoint until,
                                                        Deadline deadline) {
    if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    if (!event.operation) co_return Error{Errc::internal, "an emergency without an operation id"};
    std::function<async::EndReceipt(Connection&)> work =
        [sealer = sealer_, now = database_->now(), scope = std::move(scope), reason,
         event = std::move(event), until](Connection& db) {
            return end_all(db, {*sealer, now}, scope, reason, event, until);
        };
    co_return co_await database_->write_whole<async::EndReceipt>(std::move(work), deadline);
}

}  // namespace vedfolnir::sql
