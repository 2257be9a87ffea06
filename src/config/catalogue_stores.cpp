// Product, keys, Redis and SQL.
#include "config/catalogue_groups.hpp"

#include <array>

namespace vedfolnir::config {
namespace {

constexpr std::string_view has_a_successor =
    "read by no part of this version: `vedfolnir health` goes by VEDFOLNIR_HEALTH_REDIS_MEMORY_WARN_PERCENT";
constexpr std::string_view pool_never =
    "read by no part of the product: one multiplexed connection per process replaces the pool";

constexpr std::array known{
    // Product
    Known{.name = "VEDFOLNIR_ENV",
          .kind = Kind::choice,
          .group = Group::product,
          .fallback = "production",
          .about =
              "Which preset applies. Only `development` permits generated keys and plain http.",
          .choices = "development|testing|staging|production"},
    Known{.name = "SESSION_ENVIRONMENT",
          .kind = Kind::choice,
          .group = Group::product,
          .about = "Another name of VEDFOLNIR_ENV.",
          .choices = "development|testing|staging|production"},
    Known{
        .name = "VEDFOLNIR_STATE_DIR",
        .kind = Kind::path,
        .group = Group::product,
        .fallback = "~/.local/state/vedfolnir",
        .about =
            "Folder for private files: the SQLite database and, in development, the generated key."},
    Known{
        .name = "VEDFOLNIR_CONFIG",
        .kind = Kind::path,
        .group = Group::product,
        .about =
            "A TOML file with any of these settings (environment only; the command line has `--config`)."},
    Known{.name = "VEDFOLNIR_PLAIN_RECORDS",
          .kind = Kind::boolean,
          .group = Group::product,
          .fallback = "false",
          .about =
              "Records are stored unsealed, readable with redis-cli. Refused outside development."},
    Known{.name = "SESSION_DEBUG_MODE",
          .kind = Kind::boolean,
          .group = Group::product,
          .fallback = "false",
          .about = "Debug output of the original application.",
          .unused = "read by no part of the product: log levels are the application's own"},

    // Keys
    Known{
        .name = "VEDFOLNIR_KEY",
        .group = Group::keys,
        .about =
            "The key that seals records and signs cookies: 32 random bytes or more as base64 or hexadecimal "
            "digits. `vedfolnir keys generate` makes one.",
        .secret = true,
        .from_file = true},
    Known{.name = "VEDFOLNIR_KEYS_FILE",
          .kind = Kind::path,
          .group = Group::keys,
          .about = "A TOML key ring with ids, instead of VEDFOLNIR_KEY."},
    Known{
        .name = "VEDFOLNIR_INDEX_SECRET",
        .group = Group::keys,
        .about =
            "Names users in the stores. Without it, it is derived from the oldest key; set it before the "
            "first key rotation. Form as VEDFOLNIR_KEY.",
        .secret = true,
        .from_file = true},
    Known{
        .name = "VEDFOLNIR_AUDIT_KEY_FILE",
        .kind = Kind::path,
        .group = Group::keys,
        .fallback = "audit.key in VEDFOLNIR_STATE_DIR",
        .about =
            "The private key that signs the audit trail's heads. `vedfolnir keys audit --generate` makes "
            "one; development makes it by itself."},
    Known{
        .name = "VEDFOLNIR_AUDIT_HEADS_FILE",
        .kind = Kind::path,
        .group = Group::keys,
        .about =
            "A file, best on another machine's disk, to which each signed head is appended. Without a "
            "copy outside the database a rewritten past cannot be noticed."},
    Known{
        .name = "VEDFOLNIR_AUDIT_ARCHIVE_DIR",
        .kind = Kind::path,
        .group = Group::keys,
        .about =
            "A folder in which background work and `vedfolnir audit archive` keep each month of the audit "
            "trail that is over, as a file that proves itself. Retention then drops no month that is not there."},
    Known{
        .name = "VEDFOLNIR_AUDIT_SIGN_SECONDS",
        .kind = Kind::integer,
        .group = Group::keys,
        .fallback = "60",
        .about =
            "How often background work signs what is new in the audit trail and copies the heads, where "
            "there is an audit key. 0: never; then `vedfolnir audit head --sign` has to.",
        .min = 0,
        .max = 86400},
    Known{
        .name = "FLASK_SECRET_KEY",
        .group = Group::keys,
        .about = "Flask's own signing key.",
        .unused =
            "not used for sealing: it is usually short and shared with other uses; set VEDFOLNIR_KEY",
        .secret = true},

    // Redis
    Known{
        .name = "REDIS_URL",
        .kind = Kind::url,
        .group = Group::redis,
        .fallback = "redis://localhost:6379/0",
        .about =
            "`redis://`, `rediss://` (TLS) or `unix://`, with user, password, host, port and database.",
        .from_file = true},
    Known{.name = "REDIS_HOST",
          .group = Group::redis,
          .fallback = "localhost",
          .about = "Host name or address."},
    Known{.name = "REDIS_PORT",
          .kind = Kind::integer,
          .group = Group::redis,
          .fallback = "6379",
          .about = "TCP port.",
          .min = 1,
          .max = 65535},
    Known{.name = "REDIS_DB",
          .kind = Kind::integer,
          .group = Group::redis,
          .fallback = "0",
          .about = "Database number.",
          .min = 0,
          .max = 65535},
    Known{.name = "REDIS_USERNAME",
          .group = Group::redis,
          .about = "ACL user; empty: Redis' default user."},
    Known{.name = "REDIS_PASSWORD",
          .group = Group::redis,
          .about = "Password of that user.",
          .secret = true,
          .from_file = true},
    Known{.name = "REDIS_SSL",
          .kind = Kind::boolean,
          .group = Group::redis,
          .fallback = "false",
          .about = "TLS. The certificate and its host name are verified."},
    Known{.name = "REDIS_SSL_CERT_REQS",
          .kind = Kind::choice,
          .group = Group::redis,
          .fallback = "required",
          .about = "`none` switches the verification of Redis' certificate off.",
          .choices = "required|optional|none"},
    Known{.name = "REDIS_SSL_CA_CERTS",
          .kind = Kind::path,
          .group = Group::redis,
          .about = "File with the certificate authorities to trust; empty: the system's."},
    Known{.name = "REDIS_SSL_CERTFILE",
          .kind = Kind::path,
          .group = Group::redis,
          .about = "Client certificate (PEM)."},
    Known{.name = "REDIS_SSL_KEYFILE",
          .kind = Kind::path,
          .group = Group::redis,
          .about = "Private key of the client certificate (PEM)."},
    Known{.name = "REDIS_SESSION_PREFIX",
          .group = Group::redis,
          .fallback = "vedfolnir:session:",
          .about = "Beginning of every key; also counts when REDIS_URL is set."},
    Known{.name = "VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS",
          .kind = Kind::integer,
          .group = Group::redis,
          .fallback = "2000",
          .about = "Time to connect, milliseconds.",
          .min = 10,
          .max = 60000},
    Known{.name = "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS",
          .kind = Kind::integer,
          .group = Group::redis,
          .fallback = "250",
          .about = "Time one Redis call may take, milliseconds.",
          .min = 5,
          .max = 60000},
    Known{
        .name = "VEDFOLNIR_REDIS_INSTALL_FUNCTIONS",
        .kind = Kind::boolean,
        .group = Group::redis,
        .fallback = "true",
        .about =
            "Load the function library at start where the Redis user may; else `vedfolnir redis install`."},
    Known{.name = "REDIS_MEMORY_THRESHOLD",
          .kind = Kind::fraction,
          .group = Group::redis,
          .fallback = "0.8",
          .about = "Share of Redis' memory that raises an alert.",
          .unused = has_a_successor,
          .min = 0,
          .max = 100},
    Known{.name = "REDIS_POOL_MAX_CONNECTIONS",
          .kind = Kind::integer,
          .group = Group::redis,
          .fallback = "50",
          .about = "Pool size of the original application.",
          .unused = pool_never,
          .min = 1,
          .max = 100000},
    Known{.name = "REDIS_POOL_RETRY_ON_TIMEOUT",
          .kind = Kind::boolean,
          .group = Group::redis,
          .fallback = "true",
          .about = "Retry of the original application's pool.",
          .unused = pool_never},
    Known{.name = "REDIS_SOCKET_KEEPALIVE",
          .kind = Kind::boolean,
          .group = Group::redis,
          .about = "TCP keep-alive of the original application.",
          .unused = "read by no part of the product: a health check on the connection replaces it"},
    Known{.name = "REDIS_SOCKET_KEEPALIVE_OPTIONS",
          .group = Group::redis,
          .about = "TCP keep-alive options of the original application.",
          .unused = "read by no part of the product: a health check on the connection replaces it"},

    // Database
    Known{
        .name = "SESSION_DATABASE_URL",
        .kind = Kind::url,
        .group = Group::database,
        .fallback = "sqlite file sessions.db in VEDFOLNIR_STATE_DIR",
        .about =
            "SQL store of endings and audit: `sqlite:///relative/file`, `sqlite:////absolute/file`, "
            "`postgresql://user:password@host/database` or `mysql://…` ([databases](../operate/databases.md)).",
        .from_file = true},
    Known{
        .name = "VEDFOLNIR_SQL_WRITERS",
        .kind = Kind::integer,
        .group = Group::database,
        .fallback = "4",
        .about =
            "Connections of one process that write to a PostgreSQL or MySQL server; SQLite has one.",
        .min = 1,
        .max = 64},
    Known{.name = "VEDFOLNIR_SQL_STATEMENT_TIMEOUT_MS",
          .kind = Kind::integer,
          .group = Group::database,
          .fallback = "2000",
          .about = "Time one SQL transaction may take, milliseconds.",
          .min = 10,
          .max = 600000},
    Known{.name = "SESSION_FALLBACK",
          .kind = Kind::boolean,
          .group = Group::database,
          .fallback = "true",
          .about = "The SQL database takes over what Redis cannot do, for as long as it cannot. "
                   "`vedfolnir fallback` switches it while all processes run."},
    Known{.name = "VEDFOLNIR_FALLBACK_AFTER_MS",
          .kind = Kind::integer,
          .group = Group::database,
          .fallback = "100",
          .about = "What Redis may take of one call before the database is asked, milliseconds.",
          .min = 1,
          .max = 60000},
    Known{.name = "DB_SESSION_FALLBACK",
          .kind = Kind::boolean,
          .group = Group::database,
          .fallback = "true",
          .about = "Another name of SESSION_FALLBACK."},
    Known{.name = "DB_SESSION_SYNC",
          .kind = Kind::boolean,
          .group = Group::database,
          .fallback = "true",
          .about = "false: as VEDFOLNIR_SNAPSHOTS=off."},
};

}  // namespace

std::span<const Known> known_stores() noexcept { return known; }

}  // namespace vedfolnir::config
