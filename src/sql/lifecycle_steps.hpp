// What logins, endings and replays have in common: steps of a transaction.
#pragma once

#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"
#include "sql/rows.hpp"
#include "vedfolnir/async/archive.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure.

[[nodiscard]] std::optional<StoredSession> first_session(const Rows& rows);
[[nodiscard]] std::optional<StoredSession> find_session(Connection& db, const Handle& handle);
/// Whoever begins or ends sessions of a shard holds its row from here to the commit, so that none of them decides on
/// what another is changing. Ascending, so that two of them never wait for each other.
void lock_shards(Connection& db, const std::set<std::uint8_t>& shards);
/// An earlier attempt of this operation was committed: its answer is read back, nothing is written.
[[nodiscard]] bool was_written(Connection& db, const OperationId& operation);
void raise_epoch(Connection& db, const UserTag& user, std::uint64_t epoch, TimePoint now);
[[nodiscard]] bool is_revoked(Connection& db, const StoreKey& key);
/// Takes the order's sequences and writes its revocations.
void revoke(Connection& db, async::EndOrder& order, const async::AuditEvent& event,
            TimePoint until);
void close_session(Connection& db, const Handle& handle, const async::AuditEvent& event,
                   EndReason reason);
/// Ends what the login replaces, or frees its row for the new key.
[[nodiscard]] std::optional<async::EndOrder> replace(Connection& db, const async::LoginOrder& login,
                                                     std::vector<NewEvent>& events);
[[nodiscard]] Params session_params(const async::SessionRow& row, TimePoint begun,
                                    std::uint64_t epoch);
/// Adds to `events` what is to be written.
[[nodiscard]] async::EndReceipt end_sessions(Connection& db, const async::EndRequest& request,
                                             std::vector<NewEvent>& events);

}  // namespace vedfolnir::sql
