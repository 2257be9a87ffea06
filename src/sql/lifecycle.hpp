// Logins and endings as blocking transactions: what R3 asks for, row by row.
#pragma once

#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"

#include <cstdint>

namespace vedfolnir::sql {

// Each runs inside the caller's write transaction and throws Failure, after which nothing may be
// committed. Requests are prepared (runtime/archive_rules). See async::Archive for what they mean.

/// Throws Failure: denied (the session of this handle has ended), conflict (handle or key is
/// taken).
[[nodiscard]] async::LoginGrant begin_login(Connection& db, const async::LoginOrder& order);
[[nodiscard]] bool confirm_login(Connection& db, const Handle& handle, const StoreKey& key);
[[nodiscard]] async::EndReceipt end_sessions(Connection& db, const async::EndRequest& request);
[[nodiscard]] std::uint32_t close_expired(Connection& db, TimePoint now, std::uint32_t limit);
/// A session whose record the hot store let go: closes its row as expired, with its event, unless it was closed before,
/// lives under another key, or `records` holds a copy that is still alive. All zero user: not known here.
struct GoneSession {
    UserTag user;
    bool closed = false;
};
[[nodiscard]] GoneSession close_gone_session(Connection& db, const StoreKey& key,
                                             const Handle& handle, TimePoint now);
[[nodiscard]] bool record_change(Connection& db, const Handle& handle, const std::string& platform,
                                 const async::AuditEvent& event);
[[nodiscard]] std::uint32_t append_events(Connection& db,
                                          const std::vector<async::AuditEvent>& events);

}  // namespace vedfolnir::sql
