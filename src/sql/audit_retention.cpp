#include "sql/audit_retention.hpp"

#include "sql/audit_trail.hpp"
#include "sql/rows.hpp"
#include "sql/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::sql {
namespace {

/// From now on its entries count as removed; `remove_entries` does it in batches.
void drop_partition(Connection& db, const Auditor& auditor, const PartitionState& partition) {
    db.execute("audit_partition_drop",
               {{"partition_id", number(partition.partition)}, {"now", millis(auditor.now)}});
    async::AuditEvent event;
    event.at = auditor.now;
    event.type = "audit.dropped";
    event.actor = "system";
    event.detail =
        fmt::format(R"({{"partition":{},"entries":{}}})", partition.partition, partition.size);
    write_events(db, auditor, {{std::move(event)}});
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

std::uint32_t drop_old_partitions(Connection& db, const Auditor& auditor, TimePoint before,
                                  std::uint32_t limit) {
    std::uint32_t removed = 0;
    for (const auto& partition : read_state(db).partitions) {
        if (removed >= limit) break;
        if (partition.open || partition.hold) continue;
        if (!partition.dropped) {
            if (!partition.closed || *partition.closed >= before) continue;
            drop_partition(db, auditor, partition);
        }
        removed += remove_entries(db, partition, limit - removed);
    }
    return removed;
}

ErasureReceipt erase_subject(Connection& db, const Auditor& auditor, const UserTag& subject,
                             const std::string& actor) {
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
    forget_in_statistics(db, subject, auditor.now);
    async::AuditEvent event;
    event.at = auditor.now;
    event.type = "audit.erased";
    event.actor = actor;
    event.detail =
        fmt::format(R"({{"subject":"{}","entries":{}}})", receipt.subject, receipt.entries);
    write_events(db, auditor, {{std::move(event)}});
    return receipt;
}

}  // namespace vedfolnir::sql
