// Steps at which a test may have this process killed, as a power cut would end it. Nothing at all in builds without
// VEDFOLNIR_FAIL_POINTS.
#pragma once

#include <array>
#include <string_view>

namespace vedfolnir::runtime {

/// Each stands between two effects of one operation, named after the one that is done.
inline constexpr std::array<std::string_view, 16> fail_points{
    "login.granted",       // in SQL, or in the journal
    "login.replaced",      // the session before is gone from the hot store
    "login.created",       // the record stands there, unconfirmed in SQL
    "end.denied",          // in this process only
    "end.recorded",        // in SQL
    "end.applied",         // in the hot store
    "journal.written",     // durable, and nothing else
    "replay.recorded",     // a batch is in SQL, and in the journal still
    "replay.applied",      // the hot store knows its endings
    "replay.noted",        // the audit trail tells of the end of the outage
    "snapshots.put",       // copied, and listed as changed still
    "snapshots.drained",   // not listed any more
    "reconcile.restored",  // the hot store was told, and SQL counts it as ahead still
    "reconcile.settled",   // told, and noted
    "sql.written",         // in a transaction, before its commit
    "sql.committed",       // before anybody is answered
};

/// A name of `fail_points`; another one does not compile.
struct FailPoint {
    consteval FailPoint(const char* chosen) : name(chosen) {  // NOLINT(google-explicit-constructor)
        for (const std::string_view known : fail_points)
            if (known == name) return;
        throw "not in fail_points";
    }
    std::string_view name;
};

#ifdef VEDFOLNIR_FAIL_POINTS
/// With VEDFOLNIR_FAIL_POINT=name:n in the environment the n-th pass of that point is a SIGKILL. Any thread.
void fail_point(FailPoint here) noexcept;
#else
constexpr void fail_point(FailPoint) noexcept {}
#endif

}  // namespace vedfolnir::runtime
