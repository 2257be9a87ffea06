// The audit trail as a whole: its partitions, heads and entries, for proving, verifying and retention.
#pragma once

#include "audit/head.hpp"
#include "audit/verifier.hpp"
#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::sql {

/// What the database keeps about one partition's tree. As found: `frontier` may be damaged.
struct PartitionState {
    std::uint64_t partition = 0;
    std::uint64_t first_id = 0;
    std::uint64_t size = 0;
    std::string frontier;
    bool open = false;
    std::optional<TimePoint> closed;   ///< When the next one was begun.
    std::optional<TimePoint> dropped;  ///< Its entries are not here any more.
    std::optional<std::string> hold;   ///< Why they must stay.
};

struct TrailState {
    std::vector<PartitionState> partitions;  ///< Oldest first; the last one is open.
    std::optional<std::pair<std::int64_t, std::int64_t>> ids;  ///< Lowest and highest id there is.
};

// Each runs inside the caller's transaction and throws Failure.

[[nodiscard]] TrailState read_state(Connection& db);
/// Partitions under a hold, and why.
[[nodiscard]] std::map<std::uint64_t, std::string> read_holds(Connection& db);

/// Entries above `after` up to `until`, in order, at most `limit`, as found.
[[nodiscard]] std::vector<audit::StoredEntry> list_stored(Connection& db, std::uint64_t after,
                                                          std::uint64_t until, std::uint32_t limit);
[[nodiscard]] std::optional<audit::StoredEntry> find_stored(Connection& db, std::uint64_t id);
/// Only their hashes. Throws Failure (internal) for one that is none.
[[nodiscard]] std::vector<audit::Hash> list_leaves(Connection& db, std::uint64_t after,
                                                   std::uint64_t until, std::uint32_t limit);

/// Heads above `after`, by number, at most `limit`. A damaged one has an empty signature, which no key made.
[[nodiscard]] std::vector<audit::SignedHead> list_heads(Connection& db, std::uint64_t after,
                                                        std::uint32_t limit);
[[nodiscard]] std::optional<audit::SignedHead> last_head(Connection& db);
/// One that covers a closed partition in its full size.
[[nodiscard]] std::optional<audit::SignedHead> covering_head(Connection& db,
                                                             const PartitionState& partition);
/// Signs what no head covers yet: each closed partition in its full size, then the open one. Answers the new heads.
[[nodiscard]] std::vector<audit::SignedHead> sign_heads(Connection& db,
                                                        const crypto::SigningKey& key,
                                                        TimePoint now);

}  // namespace vedfolnir::sql
