// What was found out about an installation. An empty optional: it could not be found out.
#pragma once

#include "vedfolnir/fallback.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/types.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::ops {

/// One step on the way to a working session in Redis.
struct RedisStep {
    std::string name;  ///< resolve, connect, tls, auth, ping, functions, write, read, erase
    bool passed = false;
    std::string failure;  ///< Short name, such as `password_wrong`.
    std::string message;  ///< What is wrong and what to do, or what was found.
    std::string detail;   ///< The server's own words.
};

struct RedisMemory {
    std::uint64_t used = 0;
    std::uint64_t limit = 0;  ///< 0: none.
    double fragmentation = 1;
};

struct RedisClients {
    std::uint64_t connected = 0;
    std::uint64_t limit = 0;
};

/// Of the slow log's last hour.
struct SlowCommand {
    std::string name;  ///< With the function's name; without arguments.
    std::chrono::microseconds took{};
};

struct RedisFacts {
    bool used = true;  ///< Sessions stand in Redis at all.
    std::string address;
    std::string server;     ///< "Valkey 8.0.1"; empty: it did not say.
    bool loopback = false;  ///< The address is on this host.
    bool tls = false;
    bool tls_verified = false;
    std::vector<RedisStep> steps;  ///< Up to the first failure.
    std::uint32_t library = 0;
    std::uint32_t library_wanted = 0;
    std::optional<bool> open_without_password{};
    std::optional<std::vector<std::string>>
        needless_permissions{};  ///< Empty list: the user has none to spare.
    std::optional<std::string> eviction_policy{};
    std::optional<std::uint64_t> evicted_keys{};
    std::optional<bool> append_only_file{};
    std::optional<Millis> clock_ahead{};                    ///< Redis' clock minus this host's.
    std::optional<std::chrono::microseconds> round_trip{};  ///< Of a PING, the median of a few.
    std::optional<RedisMemory> memory{};
    std::optional<RedisClients> clients{};
    std::optional<std::uint64_t> replicas{};
    std::optional<std::vector<SlowCommand>> slow{};
    /// Nothing in it is older than its copy in SQL, as far as that was found out.
    std::optional<bool> current{};
    // By CONFIG GET, which the user of an application may not.
    std::optional<std::string> bind{};
    std::optional<bool> tcp{};  ///< It listens on a port at all.
    std::optional<bool> protected_mode{};
    std::optional<std::uint64_t> buffer_limit{};  ///< Of a normal client, bytes; 0: none.
    std::optional<std::uint64_t> replicas_demanded{};
};

struct DatabaseFacts {
    bool applies = true;
    std::string path;     ///< Or what else names it: a server's database.
    bool is_file = true;  ///< SQLite.
    bool exists = false;
    std::optional<bool> usable{};  ///< Opened, schema current, write transaction possible.
    std::string failure;
    std::string
        weakness{};  ///< Why an acknowledged commit may be lost when the server's host crashes.
    std::optional<unsigned> mode{};  ///< Permission bits of the file.
    std::optional<bool>
        trail_opens{};  ///< With this key ring; empty: not asked, or nothing is there to open.
    std::optional<Millis> took{};    ///< A small transaction, and ...
    std::optional<Millis> waited{};  ///< ... how much of that was before its turn.
};

/// Of a sample of the copies in SQL.
struct SessionSizes {
    static constexpr std::uint64_t large_from = 64UL * 1024;
    std::uint64_t looked_at = 0;
    std::uint64_t large = 0;
    std::uint64_t largest = 0;  ///< Bytes, sealed.
    std::string handle;         ///< Of the largest.
};

/// How SQL stands in for Redis, as SQL says it for all processes.
struct FallbackFacts {
    bool applies = true;  ///< It may, by these settings.
    std::optional<FallbackState> state{};
};

/// A record that the application wrote, tried with the key ring of these settings.
struct SampleFacts {
    std::optional<bool> opens{};  ///< Empty: there was none to try, or see `failure`.
    std::size_t missing = 0;      ///< Sessions that are live by SQL and had no record in Redis.
    std::string handle;
    std::string failure;
};

/// What waits for SQL on this host's disk.
struct JournalFacts {
    bool applies = false;
    std::string path;
    std::string failure;  ///< Why it could not be looked at; empty: it was.
    std::uint64_t entries = 0;
    std::optional<Seconds> age{};    ///< Of the oldest entry.
    std::string damage;              ///< What is wrong with the file; empty: nothing.
    std::vector<std::string> aside;  ///< Files with what could not be replayed.
    std::string unwritable{};        ///< Why nothing can be written there; empty: it can.
    std::string
        passing_file_system{};  ///< `tmpfs`, `overlay`: goes with its host or container. Empty: it lasts.
};

/// Whether the audit trail is signed, and where that is seen.
struct AuditFacts {
    bool applies = false;
    bool has_key = false;
    std::string failure;    ///< Why the key cannot be used; empty: it can, or there is none.
    bool signing = true;    ///< Background work signs.
    bool copied = false;    ///< Heads are copied out of the database.
    bool archived = false;  ///< An archive folder is named.
};

/// A file that holds a secret, and who may read it.
struct SecretFile {
    std::string variable;
    std::string path;
    std::optional<unsigned> mode{};
};

/// One cookie of ours in an answer of the application.
struct PageCookie {
    std::string value_begin;  ///< First bytes, enough to tell formats apart.
    bool secure = false;
    std::string same_site;  ///< Lower case; empty: not stated.
};

struct PageFacts {
    bool asked = false;  ///< A page was named.
    std::string url;
    bool https = false;
    std::string failure;  ///< Why it could not be read; empty: it was.
    unsigned status = 0;
    std::vector<PageCookie> cookies;  ///< Those with the configured name.
    std::string location;             ///< Where it redirects to.
    std::string location_forwarded;   ///< The same when asked with `X-Forwarded-Proto: https`.
};

/// What a cookie value given by the operator is.
enum class CookieValueKind : std::uint8_t {
    ours,          ///< An id with a MAC of this installation's keys.
    foreign_id,    ///< The shape of an id, but no key of this installation made it.
    unchecked_id,  ///< The shape of an id; there was no key ring to check it with.
    flask,         ///< Flask's signed cookie.
    uuid,          ///< An id of the original application.
    other
};

struct Facts {
    bool development = false;
    std::vector<std::string> errors;  ///< Of the configuration, each beginning with its variable.
    std::vector<std::string> warnings;
    std::vector<SecretFile> secret_files;
    RedisFacts redis;
    DatabaseFacts database;
    FallbackFacts fallback;
    SampleFacts sample;
    std::optional<SessionSizes> session_sizes{};
    JournalFacts journal;
    AuditFacts audit;
    CookieOptions cookie;
    Seconds clock_skew_max{30};
    PageFacts page;
    std::optional<CookieValueKind> cookie_value{};
};

}  // namespace vedfolnir::ops
