// What removes something from the audit trail: whole partitions, or the key of a subject; never single entries.
#pragma once

#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <string>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure.

/// Removes at most `limit` entries of partitions that were closed before `before`, oldest first; how many it removed. Of a
/// partition that goes, an event is written first; its size, frontier and heads stay. Not of one under a hold.
[[nodiscard]] std::uint32_t drop_old_partitions(Connection& db, const Auditor& auditor,
                                                TimePoint before, std::uint32_t limit);

struct ErasureReceipt {
    std::string subject;
    bool had_key = false;  ///< False: nothing was written of this subject since it was last erased.
    std::uint64_t entries = 0;  ///< That name the subject, erased before or now.
};

/// Deletes the subject's key: what the trail says of it is unreadable from here on, and verifies as before. An event says
/// so, by the subject alone. Its figures go, too (statistics.hpp).
[[nodiscard]] ErasureReceipt erase_subject(Connection& db, const Auditor& auditor,
                                           const UserTag& subject, const std::string& actor);

}  // namespace vedfolnir::sql
