// SessionManager: the synchronous face of the core. Safe from many threads; fork-safe (the runtime starts on first use).
#pragma once

#include "vedfolnir/fallback.hpp"
#include "vedfolnir/job_status.hpp"
#include "vedfolnir/mass_ending.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/request.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/session.hpp"
#include "vedfolnir/store_info.hpp"
#include "vedfolnir/timings.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir {

enum class CommitAction : std::uint8_t {
    none,  ///< Nothing to do; no store was asked.
    touched,
    created,  ///< A new anonymous session.
    saved,
    logged_in,  ///< The id rotated; the old one is dead.
    joined,     ///< The session of a parallel login by the same remember-me token.
    ended,      ///< Logged out (see `ending`).
    dropped     ///< The session had ended meanwhile; this request's changes were not written.
};

[[nodiscard]] std::string_view to_string(CommitAction action) noexcept;

struct CommitResult {
    CommitAction action = CommitAction::none;
    /// Value of the Set-Cookie header to send, if any.
    std::optional<std::string> set_cookie;
    Ending ending = Ending::absent;
};

/// A session as people may see it: no id, no payload.
struct SessionInfo {
    Handle handle;
    std::string user_id;
    TimePoint created{};
    TimePoint last_seen{};
    TimePoint absolute_expiry{};
    std::string device;
    std::string place;
    std::string platform;
    std::optional<TimePoint> ended;
    std::string end_reason;
    /// A record stands in the hot store and is inside its limits. Empty: the hot store could not say.
    std::optional<bool> live;
    std::optional<std::uint64_t> generation;
    std::size_t stored_bytes = 0;  ///< Size of the record in the hot store.
};

struct AuditEntry {
    std::uint64_t id = 0;
    TimePoint at{};
    std::string type;
    std::optional<Handle> handle;
    std::string user_id;
    std::string actor;
    std::string detail;  ///< A JSON object.
};

struct ListQuery {
    std::string user_id{};  ///< Empty: all users.
    bool include_ended = false;
    std::uint32_t limit = 100;
    std::optional<Handle> after{};
    std::optional<Handle> handle{};  ///< Only this session.
};

struct AuditFilter {
    std::string user_id{};
    std::optional<Handle> handle{};
    std::string type{};
    std::optional<TraceId> trace{};  ///< Only events of this request.
    std::optional<TimePoint> since{};
    std::optional<TimePoint> until{};
    std::uint32_t limit = 100;
    std::uint64_t before_id = 0;
};

/// Everything about one session for an operator. Reading it is itself audited.
struct Inspection {
    SessionInfo info;
    /// Application keys with their values in the human form (JSON with type tags); secrets masked.
    std::string payload_json;
    std::string store_key;
    std::uint16_t key_id = 0;
    std::uint64_t epoch = 0;
};

/// Numbers since this process started; monotonic.
struct Counters {
    std::uint64_t store_commands = 0;
    std::uint64_t sql_statements = 0;
    std::uint64_t loads = 0, loads_found = 0, loads_unknown = 0;
    std::uint64_t cookies_malformed = 0, cookies_forged = 0, cookies_ambiguous = 0;
    std::uint64_t records_unreadable = 0;
    std::uint64_t creates = 0, saves = 0, touches = 0, logins = 0, endings = 0, endings_pending = 0;
    std::uint64_t merges = 0, conflicts_same_key = 0, commits_dropped = 0;
    std::uint64_t journal_entries = 0;  ///< That wait for SQL now, on this host.
    std::uint64_t journal_since_ms =
        0;  ///< When the first of them was written, ms since 1970; 0: none waits.
    /// Sessions that this process ended, indexed by EndReason: `replaced` by a login under a new id, `expired` when their
    /// row was closed.
    std::array<std::uint64_t, end_reason_count> ended{};
    std::uint64_t audit_dropped = 0;
    std::uint64_t audit_queue = 0;     ///< Events in memory that wait for SQL now.
    std::uint64_t audit_since_ms = 0;  ///< When the first of them happened, ms since 1970; 0: none.
    std::uint64_t slow_operations =
        0;  ///< Those that took as long as `ManagerOptions::slow_operation`.
    std::uint64_t changes_lost = 0;  ///< See count_lost_changes.
    /// Near cache: loads answered from memory, records found but too old or changed, records kept, answers not kept
    /// because a change overtook them, changes told by the store.
    std::uint64_t near_hits = 0, near_stale = 0, near_fills = 0, near_fills_refused = 0,
                  near_invalidations = 0;
    /// The database in place of the hot store: reads and writes it answered, reads of which it could not say, calls it was
    /// spared; records the hot store got back, and those where something else won.
    std::uint64_t fallback_reads = 0, fallback_writes = 0, fallback_unknown = 0,
                  fallback_refused = 0, fallback_restored = 0, fallback_conflicts = 0;
    /// Not counted but as it stands: 1 while this process uses the database; records the hot store was not told yet.
    std::uint64_t fallback_active = 0, fallback_ahead = 0;
    std::uint64_t fallback_queue = 0;  ///< Calls that wait now for their turn with the database.
    /// Background jobs that this process ran: sessions removed from the hot store, rows closed as expired, rows that
    /// retention removed. `cleanup_ms`: milliseconds in all.
    std::uint64_t cleanup_runs = 0, cleanup_failures = 0, cleanup_removed = 0, cleanup_closed = 0,
                  cleanup_ms = 0;
    std::uint64_t retention_removed = 0;
    /// Copies of records in SQL; `snapshots_lag_ms` is how far behind the last run found itself, not a sum.
    std::uint64_t snapshots_written = 0, snapshots_failures = 0, snapshots_lag_ms = 0;
};

class SessionManager {
public:
    /// Validates the options and wires the stores. Opens no socket and starts no thread (pre-forking servers).
    /// Errors: bad_options, key_unavailable.
    [[nodiscard]] static Result<SessionManager> open(ManagerOptions options);

    SessionManager(SessionManager&&) noexcept;
    SessionManager& operator=(SessionManager&&) noexcept;
    ~SessionManager();

    /// Loads by cookie. Always a Session (maybe empty, see `reason()`); "could not find out" is an Error.
    [[nodiscard]] Result<Session> load(const RequestContext& request) const;
    /// The same in two steps, for callers that do something around waiting (Python gives up its lock). The first never
    /// waits; if its session is `pending()`, the second asks the store, else it gives back what it got. Of `request` the
    /// second needs the trace only.
    [[nodiscard]] Result<Session> begin_load(const RequestContext& request) const;
    [[nodiscard]] Result<Session> finish_load(Session session, const RequestContext& request) const;

    /// False: a commit of `session` would write nothing; the answer itself asks no store. Any thread.
    [[nodiscard]] bool commit_due(const Session& session, const RequestContext& request) const;
    /// Writes what the request changed, once. On an Error nothing of it counts as written, and no cookie may be sent.
    [[nodiscard]] Result<CommitResult> commit(Session& session,
                                              const RequestContext& request) const;

    /// Logs `session` in by a remember-me token, now: requests that come at once with the same token, in whatever
    /// process, share one session for 10 s; only one of them makes it. `session` then is that session and may be changed
    /// and committed as usual; send the result's cookie. A session that was found, or names no user, is left alone
    /// (action `none`): commit it. Waits up to 3 s for another request's login, then logs in alone.
    [[nodiscard]] Result<CommitResult> login_remembered(Session& session,
                                                        const RequestContext& request,
                                                        std::string_view token) const;

    /// Ends one session, named by handle or by cookie value. With `owner`, only a session of that user: others are
    /// `absent`, and a handle still resolves (through the user's index) while SQL is down.
    [[nodiscard]] Result<Ending> end(std::string_view name, EndReason reason,
                                     std::string_view actor, std::string_view owner = {},
                                     const TraceId& trace = {}) const;
    /// Ends all sessions of a user; with `keep`, all but that one. `count` receives how many were live.
    [[nodiscard]] Result<Ending> end_user(std::string_view user_id, std::optional<Handle> keep,
                                          EndReason reason, std::string_view actor,
                                          std::uint32_t* count = nullptr,
                                          const TraceId& trace = {}) const;

    /// How many sessions `end_scope` would end now.
    [[nodiscard]] Result<ScopeCount> count_scope(const EndScope& scope) const;
    /// Ends all sessions of a scope at once, for emergencies: in SQL by one transaction, whatever their number, then in the
    /// hot store. Takes as long as that takes (up to ten minutes; logins and endings wait meanwhile). Errors: unsupported (a store without SQL), audit_unavailable (nothing was ended).
    [[nodiscard]] Result<MassEndingResult> end_scope(const EndScope& scope, EndReason reason,
                                                     std::string_view actor) const;

    /// Closes the SQL rows of sessions past their absolute end, with reason `expired`; how many. They are refused
    /// without it: this keeps SQL's picture true. Safe to call from many processes.
    [[nodiscard]] Result<std::uint64_t> close_expired() const;

    /// Server-side access by name (cookie value or handle); empty when there is no live session of that name.
    [[nodiscard]] Result<std::optional<Session>> load_named(std::string_view name) const;
    /// A session made without a request: commits `session` as a login and returns its cookie value.
    /// The one call that returns a cookie value (the document's `create_session() -> str`).
    [[nodiscard]] Result<std::string> create_named(Session& session,
                                                   const RequestContext& request) const;
    /// Moves the idle end by a touch now. False when there is no such live session.
    [[nodiscard]] Result<bool> touch_named(std::string_view name) const;

    [[nodiscard]] Result<std::vector<SessionInfo>> list(const ListQuery& query) const;
    [[nodiscard]] Result<std::optional<Inspection>> inspect(std::string_view handle,
                                                            std::string_view actor) const;
    [[nodiscard]] Result<std::vector<AuditEntry>> audit(const AuditFilter& filter) const;

    /// How the fallback to the database stands. Errors also: unsupported (there is none).
    [[nodiscard]] Result<FallbackStatus> fallback_status() const;
    /// Switches the fallback for all processes on this database; they follow within a second.
    [[nodiscard]] Result<FallbackStatus> set_fallback(FallbackMode mode,
                                                      std::string_view actor) const;

    /// Takes part in the background work from now on; without it a process does from its first operation on. Errors:
    /// bad_options (its options do not permit it), unsupported (a store within one process).
    [[nodiscard]] Result<void> start_jobs() const;
    /// Ends this process's part: waits for the step under way and lets another process take over at once. False: it was
    /// still under way after `budget`.
    [[nodiscard]] Result<bool> stop_jobs(Millis budget) const;
    /// What the jobs did, whoever ran them.
    [[nodiscard]] Result<JobsReport> jobs() const;

    /// Asks the hot store and SQL whether they answer; the Error says which does not.
    [[nodiscard]] Result<void> ping() const;
    /// Whether SQL takes writes now: a commit that changes nothing. Errors: audit_unavailable, deadline_exceeded.
    [[nodiscard]] Result<void> try_sql() const;
    /// The hot store's own figures. A store without them, or a user who may not ask, leaves fields empty.
    [[nodiscard]] Result<StoreInfo> store_info() const;
    [[nodiscard]] Counters counters() const noexcept;
    [[nodiscard]] Timings timings() const noexcept;
    /// What this process counted, in the text format of Prometheus, and the same as JSON (docs/operate/monitoring.md).
    /// Asks no store.
    [[nodiscard]] std::string metrics_text() const;
    [[nodiscard]] std::string metrics_json() const;
    /// A fresh trace id, for a request that came without one. None if the system has no randomness just now.
    [[nodiscard]] static TraceId new_trace();
    /// For bindings whose values can be changed in place: that many were, after their session's commit, when nothing
    /// could save them any more.
    void count_lost_changes(std::uint64_t count) const noexcept;
    [[nodiscard]] const ManagerOptions& options() const noexcept;

    struct Impl;
    explicit SessionManager(std::unique_ptr<Impl> impl);

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace vedfolnir
