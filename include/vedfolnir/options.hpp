// Options of a SessionManager: aggregates with safe defaults, validated once by SessionManager::open.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir {

enum class SameSite : std::uint8_t { lax, strict, none };

/// The cookie that names the session (RFC 6265bis).
struct CookieOptions {
    std::string name = "__Host-session";
    std::string domain;  ///< Empty: host-only.
    std::string path = "/";
    bool secure = true;
    bool http_only = true;
    SameSite same_site = SameSite::lax;
    bool partitioned = false;  ///< Needs secure and SameSite=None.
    std::optional<Seconds>
        max_age;  ///< Empty: a browser-session cookie. Capped at the absolute time remaining.
};

/// How long sessions live. Enforced from stored timestamps, not from the store's time to live.
struct Lifetimes {
    Seconds idle{7200};
    Seconds absolute{86400};
    Seconds touch_interval{
        60};  ///< Activity is recorded at most this often; idle is checked as idle + this.
    Seconds clock_skew_max{30};  ///< A stored time further ahead of now than this is rejected.
};

/// TLS to Redis. The certificate and its host name are verified unless `verify` is switched off.
struct TlsOptions {
    bool verify = true;
    std::string ca_file;
    std::string certificate_file;
    std::string key_file;
    std::string server_name;  ///< Empty: the host connected to.
};

struct RedisOptions {
    std::string host = "localhost";
    std::uint16_t port = 6379;
    std::string unix_socket;  ///< When set, host and port are not used.
    unsigned database = 0;
    std::string username;  ///< Empty: the default user.
    std::string password;
    std::optional<TlsOptions> tls;  ///< Set: TLS.
    std::string prefix = "vedfolnir:session:";
    Millis connect_timeout{2000};
    Millis request_timeout{250};    ///< Per store call, within the request's own budget.
    bool install_functions = true;  ///< Load the function library at start where the user may.
};

struct SqlOptions {
    std::string
        url;  ///< `sqlite:///file`, `postgresql://…`, `mysql://…`; empty: `sessions.db` in `state_dir`.
    Millis statement_timeout{2000};
    std::size_t writers = 4;  ///< Connections that write, on a database server.
};

/// One secret of the key ring. New records and cookies use the write key; the others still open old ones.
struct RingKey {
    std::uint16_t id = 1;
    std::string secret;  ///< 32 raw bytes or more.
};

struct KeyOptions {
    std::vector<RingKey>
        keys;  ///< First = write key. Empty: made and kept in `state_dir` (development only).
    std::string
        index_secret;  ///< Names users in the stores; never rotated online. Empty: derived from the last key.
};

/// How identity is found in the application's data (design section 5).
struct IdentityOptions {
    std::vector<std::string> keys{"_user_id", "user_id"};
    std::vector<std::string> request_local{"_remember", "_remember_seconds"};
    /// Keys dropped at every login, besides the manager's own security state.
    std::vector<std::string> dropped_at_login{"csrf_token", "_csrf_token", "_csrf_session_id",
                                              "_csrf_created", "_csrf_last_activity"};
    std::optional<std::vector<std::string>>
        kept_at_login;  ///< Set: only these application keys survive a login.
    /// Names of one value: writing any shows in all; the first is how it is stored.
    std::vector<std::vector<std::string>> twins{{"current_platform_id", "platform_connection_id"}};
    /// A commit that changes one of these runs the SQL transaction first.
    std::vector<std::string> audited{"current_platform_id"};
};

/// Bounds on what one session may hold.
struct SizeLimits {
    std::size_t payload_max = 256 * 1024;  ///< Bytes of the encoded payload.
    std::size_t keys_max = 1024;
    std::size_t depth_max = 64;
};

/// Records this process keeps in memory so that reading a session needs no round trip (design section 5).
struct NearCacheOptions {
    std::size_t entries_max = 20'000;
    std::size_t bytes_max =
        64UL * 1024 * 1024;  ///< An estimate: sealed bytes, opened form, tables.
    /// The longest time a change made elsewhere can go unseen if the store fails to tell it.
    Millis age_max{5000};
    /// Workers that share `state_dir` see each other's writes at once, through a small file there.
    bool share_between_workers = true;
};

/// What one process keeps in memory about endings.
struct EndingLimits {
    /// Ended sessions that are refused whatever the hot store says; those that would expire first make room.
    std::size_t denied_max = 200'000;
    /// Users whose sessions were all ended within the absolute lifetime, newest first. Beyond that many, the load of any
    /// other user's session asks SQL once, or fails while SQL is down.
    std::size_t epochs_max = 200'000;
    /// How often a process looks at SQL for endings made elsewhere: the longest time one can go unseen whose maker could
    /// not reach Redis. 0: never.
    Millis poll_interval{1000};
    /// Endings that wait for a hot store which does not answer. Of more than that, those in SQL reach it by their marks.
    std::size_t waiting_max = 10'000;
};

/// How the SQL database takes over what Redis cannot do (docs/internals/failure_modes.md).
struct FallbackOptions {
    Millis hot_timeout{100};  ///< What Redis may take of a call before the database is asked.
    std::size_t calls_max =
        16;  ///< Calls of the fallback that are with the database at once, per process.
    std::size_t queue_max =
        256;  ///< Calls that may wait for one of them; more are refused at once.
    /// How long "the database does not know this session" is remembered, at most; the half of it at least.
    Millis unknown_for{1000};
    Millis poll_interval{1000};     ///< How often the mode, and what others wrote, is looked at.
    std::uint32_t batch_max = 100;  ///< Records put back in one step.
    /// This process leads Redis back, and tells it what it missed. One that may end at any moment should not: its report
    /// would be lost.
    bool leads_back = true;
};

/// Copies of changed records in SQL, from which sessions come back when Redis lost them. Of logged-in users only: an
/// anonymous session is not worth one.
struct SnapshotOptions {
    Millis lag_max{1000};       ///< A change is copied within this time, while both stores answer.
    std::uint32_t batch = 500;  ///< Records of one step.
    /// Only these keys of the application, besides those that say who is logged in; empty: all.
    std::vector<std::string> keys;
};

/// Background work: cleaning up, retention. Of all processes that may, one does it, whoever holds the lease.
struct JobOptions {
    bool run =
        true;  ///< This process may do it. The command's own subcommands, other than `serve`, never do.
    bool log =
        false;  ///< A line on stderr for each change of leader and each run that did something.
    Millis replaced_within{
        10'000};  ///< Others take over from a process that died within this time.
    Seconds cleanup_interval{3600};
    Seconds retention_interval{21600};
    std::uint32_t batch = 100;        ///< Entries or rows of one step.
    std::uint32_t batches_max = 10;   ///< Steps of one run; the rest follows after a short pause.
    Seconds ended_kept{7 * 86400};    ///< Rows of ended sessions.
    Seconds audit_kept{365 * 86400};  ///< Events.
    Seconds statistics_kept{1095 * 86400};  ///< Figures of sessions whose rows are gone.
    Seconds restorable_backup{30 * 86400};  ///< Age of the oldest backup that may be restored.
    std::optional<SnapshotOptions> snapshots = SnapshotOptions{};  ///< Redis only. Empty: none.
};

/// What proves the audit trail and must not lie in its database: the key, copies of heads, archives.
struct AuditOptions {
    std::string key_file;       ///< Signs heads. Empty: `audit.key` in the state folder.
    std::string heads_file;     ///< Each signed head is appended there, too. Empty: nowhere.
    std::string archive_dir;    ///< Months that are over are kept there as files. Empty: nowhere.
    Seconds sign_interval{60};  ///< Background work signs what is new so often. Zero: never.
};

/// The journal on this host's disk, which holds what SQL could not take.
struct JournalOptions {
    std::size_t bytes_max = 64UL * 1024 * 1024;
    std::size_t entries_max =
        100'000;  ///< Beyond: logins are refused, endings say that they are not durable.
};

/// The file that `vedfolnir serve` keeps for node_exporter's textfile collector.
struct MetricsOptions {
    std::string file;      ///< Empty: none. Its name has to end in `.prom` for that collector.
    Seconds interval{60};  ///< How often it is written.
};

/// From where on a figure is no longer healthy: above `warn`, above `critical`.
struct HealthLimit {
    double warn = 0;
    double critical = 0;
};

/// The limits of `vedfolnir health` (docs/operate/monitoring.md).
struct HealthOptions {
    HealthLimit response_ms{1000, 5000};  ///< Of a question to Redis or SQL.
    HealthLimit sessions{1000, 5000};     ///< Live ones, of logged-in users.
    HealthLimit cleanup_lag_seconds{3600, 7200};
    HealthLimit redis_memory_percent{75, 90};  ///< Of `maxmemory`.
    double redis_fragmentation = 1.5;          ///< Above it: warn.
    /// Below it: warn. 0: never, because background work looks into empty sets, and Redis counts each as a miss.
    double redis_hit_rate_percent = 0;
    double redis_clients = 100;  ///< Above it: warn.
    double redis_save_age_seconds =
        86400;                     ///< Of the last snapshot, where there is no append-only file.
    double stale_sessions = 50;    ///< Live ones that began over 7 days ago: warn.
    double ancient_sessions = 10;  ///< ... over 30 days ago: critical.
    double orphans = 0;            ///< Defects that the last `vedfolnir fsck` left: above it, warn.
    // Of one process, over the last five minutes, and as it stands.
    HealthLimit errors_percent{5, 15};     ///< Loads without an answer and failed commits, of all.
    HealthLimit sql_busy_percent{80, 95};  ///< Of the time of its threads for SQL.
    HealthLimit memory_mb{500, 1000};      ///< Resident, in MiB.
};

enum class StoreKind : std::uint8_t { redis, memory, sql };

struct ManagerOptions {
    StoreKind store = StoreKind::redis;
    RedisOptions redis;
    SqlOptions sql;
    KeyOptions keys;
    CookieOptions cookie;
    Lifetimes lifetimes;
    IdentityOptions identity;
    SizeLimits limits;
    EndingLimits endings;
    JobOptions jobs;
    AuditOptions audit;
    JournalOptions journal;
    MetricsOptions metrics;
    HealthOptions health;
    Millis request_budget{1000};  ///< Total time one load or commit may take.
    /// An operation that took so long is reported in the operator's log. Zero: none is.
    std::chrono::microseconds slow_operation{250'000};
    std::string state_dir;  ///< Private files: keys, SQLite. Empty: ~/.local/state/vedfolnir.
    std::optional<NearCacheOptions> near_cache = NearCacheOptions{};  ///< Redis only. Empty: off.
    std::optional<FallbackOptions> fallback = FallbackOptions{};      ///< Redis only. Empty: off.
    bool development = false;    ///< Permits generated keys and plain http, with a warning.
    bool plain_records = false;  ///< Records are readable in Redis. Development only.
};

}  // namespace vedfolnir
