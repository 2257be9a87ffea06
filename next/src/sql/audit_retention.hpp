// What removes something from the audit trail: archived partitions, erased subjects; and what forbids it.
#pragma once

#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <string>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure.

/// From now on the partition's entries stand in an archive; an event says so. They are removed by `purge_dropped`.
/// False, and nothing written, if a hold forbids it or it is dropped already.
[[nodiscard]] bool drop_partition(Connection& db, const Auditor& auditor, std::uint64_t partition,
                                  const std::string& actor);
/// Removes at most `limit` entries of dropped partitions; how many it removed.
[[nodiscard]] std::uint64_t purge_dropped(Connection& db, std::uint32_t limit);

/// Entries of the partition stay, whatever their age. A repetition changes the reason.
void hold_partition(Connection& db, const Auditor& auditor, std::uint64_t partition,
                    const std::string& reason, const std::string& actor);
/// False: there was no hold.
[[nodiscard]] bool release_partition(Connection& db, const Auditor& auditor,
                                     std::uint64_t partition, const std::string& actor);

struct ErasureReceipt {
    std::string subject;
    bool had_key = false;       ///< False: nothing was ever written of this subject, or it was erased before.
    std::uint64_t entries = 0;  ///< That name the subject, in the database.
};

/// Deletes the subject's key: what the trail says of it is unreadable from here on. An event says so, by the subject alone.
[[nodiscard]] ErasureReceipt erase_subject(Connection& db, const Auditor& auditor,
                                           const UserTag& subject, const std::string& actor);

}  // namespace vedfolnir::sql
