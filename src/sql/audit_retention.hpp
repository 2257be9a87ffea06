// What removes something from the audit trail: whole partitions, or the key of a subject; never single entries.
#pragma once

#include "sql/audit_trail.hpp"
#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure.

/// An event of the trail about itself.
void write_trail_event(Connection& db, const Auditor& auditor, const std::string& type,
                       const std::string& actor, std::string detail);

/// Removes at most `limit` entries of partitions that were closed before `before`, oldest first; how many it removed. Of a
/// partition that goes, an event is written first; its size, frontier and heads stay. Not of one under a hold; nor, where
/// heads are signed at all, of one whose tree none of them covers; nor, if `archived` is given, of one that is not in it.
[[nodiscard]] std::uint32_t drop_old_partitions(
    Connection& db, const Auditor& auditor, TimePoint before, std::uint32_t limit,
    const std::optional<std::vector<std::uint64_t>>& archived = std::nullopt);

/// Which of them are closed before `before`, still there and under no hold.
[[nodiscard]] std::vector<PartitionState> old_partitions(const TrailState& state, TimePoint before);

struct HoldReceipt {
    std::vector<std::uint64_t> held;
    std::vector<std::uint64_t> dropped;  ///< Their entries were removed before.
};

/// The entries of these partitions stay, whatever their age; a repetition changes the reason (at most 255 bytes). One that
/// is not there yet may be held, too. An event says so.
[[nodiscard]] HoldReceipt hold_partitions(Connection& db, const Auditor& auditor,
                                          const std::vector<std::uint64_t>& partitions,
                                          const std::string& reason, const std::string& actor);
/// Those that were under a hold. An event says so.
[[nodiscard]] std::vector<std::uint64_t> release_partitions(
    Connection& db, const Auditor& auditor, const std::vector<std::uint64_t>& partitions,
    const std::string& actor);

struct ErasureReceipt {
    std::string subject;
    bool had_key = false;  ///< False: nothing was written of this subject since it was last erased.
    std::uint64_t entries = 0;  ///< That name the subject, erased before or now.
};

/// Deletes the subject's key: what the trail says of it is unreadable from here on, and verifies as before. An event says
/// so, by the subject alone. Its figures go, too (statistics.hpp); clocks of hosts may be `clock_skew` apart.
[[nodiscard]] ErasureReceipt erase_subject(Connection& db, const Auditor& auditor,
                                           const UserTag& subject, const std::string& actor,
                                           Seconds clock_skew);

}  // namespace vedfolnir::sql
