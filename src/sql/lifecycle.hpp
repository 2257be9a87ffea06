// Logins and endings as blocking transactions: what R3 asks for, row by row.
#pragma once

#include "sql/audit_writer.hpp"
#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <cstdint>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure, after which nothing may be
// committed. Requests are prepared (runtime/archive_rules). See async::Archive for what they mean.

/// Throws Failure: denied (the session of this handle has ended), conflict (handle or key is
/// taken).
[[nodiscard]] async::LoginGrant begin_login(Connection& db, const Auditor& auditor,
                                            const async::LoginOrder& order);
[[nodiscard]] bool confirm_login(Connection& db, const Handle& handle, const StoreKey& key);
[[nodiscard]] async::EndReceipt end_sessions(Connection& db, const Auditor& auditor,
                                             const async::EndRequest& request);
/// Writes that leave everything as it is, and are refused to whom the tables of sessions do not take writes from.
void change_nothing(Connection& db);

[[nodiscard]] std::uint32_t raise_sequences(Connection& db, const Auditor& auditor,
                                            const std::vector<std::uint64_t>& marks,
                                            const async::AuditEvent& event);
[[nodiscard]] std::uint32_t close_expired(Connection& db, const Auditor& auditor, TimePoint now,
                                          std::uint32_t limit);
/// Closes the rows of sessions whose record the hot store let go, as expired and with an event each; not where a row was
/// closed before, its session lives under another key, or `records` holds a copy that is still alive. How many. Takes out
/// of `gone` those that are open all the same, and fills in whose sessions the others are, as far as that is known here.
[[nodiscard]] std::uint32_t close_gone(Connection& db, const Auditor& auditor,
                                       std::vector<async::Gone>& gone, TimePoint now);
[[nodiscard]] bool record_change(Connection& db, const Auditor& auditor, const Handle& handle,
                                 const std::string& platform, const async::AuditEvent& event);
[[nodiscard]] async::ReplayReceipt replay(Connection& db, const Auditor& auditor,
                                          const std::vector<async::Deferred>& entries);
[[nodiscard]] std::uint32_t append_events(Connection& db, const Auditor& auditor,
                                          const std::vector<async::AuditEvent>& events);

}  // namespace vedfolnir::sql
