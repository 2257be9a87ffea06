// What removes something from the audit trail: whole partitions, never single entries.
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

}  // namespace vedfolnir::sql
