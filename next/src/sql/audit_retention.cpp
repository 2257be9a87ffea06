#include "sql/audit_retention.hpp"

#include "sql/audit_trail.hpp"
#include "sql/rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::sql {
namespace {

void write_event(Connection& db, const Auditor& auditor, const char* type, const std::string& actor,
                 std::string detail) {
    async::AuditEvent event;
    event.at = auditor.now;
    event.type = type;
    event.actor = actor;
    event.detail = std::move(detail);
    write_events(db, auditor, {{std::move(event)}});
}

std::string about(std::uint64_t partition) {
    return fmt::format(R"({{"partition":{}}})", partition);
}

}  // namespace

bool drop_partition(Connection& db, const Auditor& auditor, std::uint64_t partition,
                    const std::string& actor) {
    const auto state = read_state(db);
    const auto found = std::ranges::find(state.partitions, partition, &PartitionState::partition);
    if (found == state.partitions.end() || found->open || found->dropped || found->hold)
        return false;
    db.execute("audit_partition_drop",
               {{"partition_id", number(partition)}, {"now", millis(auditor.now)}});
    write_event(db, auditor, "audit.archived", actor,
                fmt::format(R"({{"partition":{},"entries":{}}})", partition, found->size));
    return true;
}

std::uint64_t purge_dropped(Connection& db, std::uint32_t limit) {
    std::uint64_t removed = 0;
    for (const auto& partition : read_state(db).partitions) {
        if (!partition.dropped || removed >= limit) continue;
        const auto last = partition.first_id + partition.size - 1;
        const auto next = db.query("audit_first_between", 1,
                                   {{"first", number(partition.first_id)}, {"last", number(last)}});
        if (next.empty() || !next.front().cell(0)) continue;
        const auto first = static_cast<std::uint64_t>(next.front().integer(0));
        const auto until = std::min(last, first + (limit - removed) - 1);
        removed += db.execute("audit_events_remove",
                              {{"first", number(first)}, {"last", number(until)}});
    }
    return removed;
}

void hold_partition(Connection& db, const Auditor& auditor, std::uint64_t partition,
                    const std::string& reason, const std::string& actor) {
    const Params params{{"partition_id", number(partition)},
                        {"reason", reason},
                        {"now", millis(auditor.now)}};
    db.execute("audit_hold_remove", {{"partition_id", number(partition)}});
    db.execute("audit_hold_add", params);
    write_event(db, auditor, "audit.held", actor, about(partition));
}

bool release_partition(Connection& db, const Auditor& auditor, std::uint64_t partition,
                       const std::string& actor) {
    if (db.execute("audit_hold_remove", {{"partition_id", number(partition)}}) == 0) return false;
    write_event(db, auditor, "audit.released", actor, about(partition));
    return true;
}

ErasureReceipt erase_subject(Connection& db, const Auditor& auditor, const UserTag& subject,
                             const std::string& actor) {
    ErasureReceipt receipt;
    receipt.subject = hex(subject.bytes);
    const auto rows = db.query("audit_subject_count", 1, {{"subject", receipt.subject}});
    receipt.entries = static_cast<std::uint64_t>(rows.at(0).integer(0));
    // Overwritten before it goes: the freed place in the file does not keep it.
    db.execute("audit_subject_blank",
               {{"subject", receipt.subject}, {"blank", std::string(80, '0')}});
    receipt.had_key = db.execute("audit_subject_remove", {{"subject", receipt.subject}}) > 0;
    write_event(db, auditor, "audit.erased", actor,
                fmt::format(R"({{"subject":"{}"}})", receipt.subject));
    return receipt;
}

}  // namespace vedfolnir::sql
