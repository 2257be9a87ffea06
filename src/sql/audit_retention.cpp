#include "sql/audit_retention.hpp"

#include "audit/tree.hpp"
#include "sql/rows.hpp"
#include "sql/statistics.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace vedfolnir::sql {
namespace {

namespace json = boost::json;

/// From now on its entries count as removed; `remove_entries` does it in batches.
void drop_partition(Connection& db, const Auditor& auditor, const PartitionState& partition) {
    db.execute("audit_partition_drop",
               {{"partition_id", number(partition.partition)}, {"now", millis(auditor.now)}});
    write_trail_event(
        db, auditor, "audit.dropped", "system",
        fmt::format(R"({{"partition":{},"entries":{}}})", partition.partition, partition.size));
}

/// Its tree, as it is kept, has a head.
bool is_covered(Connection& db, const PartitionState& partition) {
    const auto head = covering_head(db, partition);
    const auto tree = audit::Frontier::parse(partition.size, partition.frontier);
    return head && tree && head->head.root == tree->root();
}

using Partitions = std::optional<std::vector<std::uint64_t>>;

/// Nobody lists any: all are.
bool is_among(const Partitions& listed, const PartitionState& partition) {
    return !listed || std::ranges::count(*listed, partition.partition) > 0;
}

/// Of those that may go.
std::set<std::uint64_t> covered_partitions(Connection& db, TimePoint before,
                                           const Partitions& archived) {
    std::set<std::uint64_t> covered;
    for (const auto& partition : old_partitions(read_state(db), before)) {
        if (is_among(archived, partition) && is_covered(db, partition))
            covered.insert(partition.partition);
    }
    return covered;
}

std::uint32_t remove_entries(Connection& db, const PartitionState& partition, std::uint32_t limit) {
    const auto last = partition.first_id + partition.size - 1;
    const auto next = db.query("audit_first_between", 1,
                               {{"first", number(partition.first_id)}, {"last", number(last)}});
    if (next.empty() || !next.front().cell(0)) return 0;
    const auto first = static_cast<std::uint64_t>(next.front().integer(0));
    const auto until = std::min(last, first + limit - 1);
    return static_cast<std::uint32_t>(
        db.execute("audit_events_remove", {{"first", number(first)}, {"last", number(until)}}));
}

}  // namespace

void write_trail_event(Connection& db, const Auditor& auditor, const std::string& type,
                       const std::string& actor, std::string detail) {
    async::AuditEvent event;
    event.at = auditor.now;
    event.type = type;
    event.actor = actor;
    event.detail = std::move(detail);
    write_events(db, auditor, {{std::move(event)}});
}

std::vector<PartitionState> old_partitions(const TrailState& state, TimePoint before) {
    std::vector<PartitionState> old;
    std::ranges::copy_if(state.partitions, std::back_inserter(old), [&](const auto& partition) {
        return !partition.open && !partition.dropped && !partition.hold && partition.closed &&
               *partition.closed < before;
    });
    return old;
}

std::uint32_t drop_old_partitions(Connection& db, const Auditor& auditor, TimePoint before,
                                  std::uint32_t limit,
                                  const std::optional<std::vector<std::uint64_t>>& archived) {
    // Of partitions that are closed, whose heads are never removed: whoever writes an event need not wait for this.
    const auto covered = covered_partitions(db, before, archived);
    // Before what decides is read: nobody adds a hold meanwhile.
    static_cast<void>(lock_trail(db));
    const auto state = read_state(db);
    const bool heads_are_signed = last_head(db).has_value();
    std::vector<PartitionState> going;
    std::ranges::copy_if(state.partitions, std::back_inserter(going),
                         [](const auto& partition) { return partition.dropped.has_value(); });
    for (auto& partition : old_partitions(state, before)) {
        if (!is_among(archived, partition)) continue;
        if (heads_are_signed && !covered.contains(partition.partition)) continue;
        going.push_back(std::move(partition));
    }
    std::uint32_t removed = 0;
    for (const auto& partition : going) {
        if (removed >= limit) break;
        if (!partition.dropped) drop_partition(db, auditor, partition);
        removed += remove_entries(db, partition, limit - removed);
    }
    return removed;
}

HoldReceipt hold_partitions(Connection& db, const Auditor& auditor,
                            const std::vector<std::uint64_t>& partitions, const std::string& reason,
                            const std::string& actor) {
    // Retention takes the same lock: it sees the hold, or the hold sees what it dropped.
    static_cast<void>(lock_trail(db));
    const auto state = read_state(db);
    HoldReceipt receipt;
    for (const auto partition : partitions) {
        const auto found =
            std::ranges::find(state.partitions, partition, &PartitionState::partition);
        if (found != state.partitions.end() && found->dropped) {
            receipt.dropped.push_back(partition);
            continue;
        }
        db.execute("audit_hold_remove", {{"partition_id", number(partition)}});
        db.execute("audit_hold_add", {{"partition_id", number(partition)},
                                      {"reason", reason},
                                      {"now", millis(auditor.now)}});
        receipt.held.push_back(partition);
    }
    if (!receipt.held.empty())
        write_trail_event(db, auditor, "audit.held", actor,
                          json::serialize(json::object{
                              {"partitions", json::value_from(receipt.held)}, {"reason", reason}}));
    return receipt;
}

std::vector<std::uint64_t> release_partitions(Connection& db, const Auditor& auditor,
                                              const std::vector<std::uint64_t>& partitions,
                                              const std::string& actor) {
    static_cast<void>(lock_trail(db));
    std::vector<std::uint64_t> released;
    for (const auto partition : partitions) {
        if (db.execute("audit_hold_remove", {{"partition_id", number(partition)}}) > 0)
            released.push_back(partition);
    }
    if (!released.empty())
        write_trail_event(
            db, auditor, "audit.released", actor,
            json::serialize(json::object{{"partitions", json::value_from(released)}}));
    return released;
}

ErasureReceipt erase_subject(Connection& db, const Auditor& auditor, const UserTag& subject,
                             const std::string& actor, Seconds clock_skew) {
    // Nobody adds up figures meanwhile. Before the trail, as where retention locks both.
    static_cast<void>(db.query_locked("job_fence_of", 1, {{"job", std::string("retention")}}));
    // Nobody seals anything under the key meanwhile.
    static_cast<void>(lock_trail(db));
    ErasureReceipt receipt;
    receipt.subject = hex(subject.bytes);
    const Params params{{"subject", receipt.subject}};
    receipt.entries =
        static_cast<std::uint64_t>(db.query("audit_subject_count", 1, params).at(0).integer(0));
    // Overwritten before it goes: the freed place in the file does not keep it.
    db.execute("audit_subject_blank",
               {{"subject", receipt.subject}, {"blank", std::string(80, '0')}});
    receipt.had_key = db.execute("audit_subject_remove", params) > 0;
    forget_in_statistics(db, subject, auditor.now + clock_skew);
    write_trail_event(
        db, auditor, "audit.erased", actor,
        fmt::format(R"({{"subject":"{}","entries":{}}})", receipt.subject, receipt.entries));
    return receipt;
}

}  // namespace vedfolnir::sql
