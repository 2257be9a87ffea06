// The one way into the audit trail: every event becomes a sealed, hashed leaf of the open partition's tree.
#pragma once

#include "audit/personal.hpp"
#include "audit/tree.hpp"
#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace vedfolnir::sql {

/// What writing events takes beside the database. Borrows for the call.
struct Auditor {
    const audit::Sealer& sealer;
    TimePoint now{};  ///< Chooses the partition.
};

struct NewEvent {
    async::AuditEvent event;
    std::int64_t part = 0;  ///< Numbers the events of one operation.
};

/// The partition that is written to.
struct OpenTrail {
    std::uint64_t partition = 0;  ///< 0: nothing was ever written.
    std::uint64_t first_id = 1;
    audit::Frontier tree;
};

// Each runs inside the caller's transaction and throws Failure.

/// Writes `events` in this order, as one step of the tree, and locks the trail until the commit: call it last.
void write_events(Connection& db, const Auditor& auditor, const std::vector<NewEvent>& events);

/// Whether the keys of subjects open with this ring: that of the events that concern nobody (operators' and our own), and where
/// there is none yet, any of a few others. Empty: there is no key.
[[nodiscard]] std::optional<bool> trail_opens(Connection& db, const audit::Sealer& sealer);

/// Locks the open partition until the commit.
[[nodiscard]] OpenTrail lock_trail(Connection& db);
/// As it is in the transaction's snapshot.
[[nodiscard]] OpenTrail read_trail(Connection& db);

}  // namespace vedfolnir::sql
