// What operators and replay read: blocking queries.
#pragma once

#include "audit/personal.hpp"
#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"

#include <cstdint>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's read transaction and throws Failure. Queries are prepared
// (runtime/archive_rules). See async::Archive for what they mean.

[[nodiscard]] std::vector<async::SessionRow> list_sessions(Connection& db,
                                                           const async::SessionQuery& query);
[[nodiscard]] std::vector<async::AuditEvent> list_events(Connection& db,
                                                         const audit::Sealer& sealer,
                                                         const async::AuditQuery& query);
[[nodiscard]] std::vector<std::uint64_t> list_sequences(Connection& db);
[[nodiscard]] std::vector<async::Revocation> list_revocations(Connection& db, std::uint8_t shard,
                                                              std::uint64_t after,
                                                              std::uint32_t limit);
[[nodiscard]] std::vector<async::UserEpoch> list_epochs(Connection& db, TimePoint since,
                                                        std::uint32_t limit);
/// 0 if none was raised.
/// In the order of tags, from `shard` on, and after `after`.
[[nodiscard]] std::vector<async::UserEpoch> list_epochs_from(Connection& db, std::uint8_t shard,
                                                             const std::optional<UserTag>& after,
                                                             std::uint32_t limit);
[[nodiscard]] std::uint64_t user_epoch(Connection& db, const UserTag& user);

}  // namespace vedfolnir::sql
