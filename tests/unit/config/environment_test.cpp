// Settings resolved from an environment alone: one row per variable, through what ManagerOptions says afterwards.
#include "config/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace vedfolnir::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A fresh key as `vedfolnir keys generate` prints it; random, used nowhere else.
constexpr const char* good_key = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M=";

Settings with(TextMap environment) {
    environment.try_emplace("HOME", "/srv/somebody");
    environment.try_emplace("VEDFOLNIR_KEY", good_key);
    Input input;
    input.environment = std::move(environment);
    return resolve(input);
}

// ids: S9 S95
TEST(environment, settings_of_flask_session_are_named_in_one_warning) {
    const auto settings = with({{"SESSION_TYPE", "redis"},
                                {"SESSION_REDIS", "redis://:pass@cache"},
                                {"SESSION_SQLALCHEMY_TABLE", "sessions"},
                                {"SESSION_FILE_DIR", ""}});
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_THAT(settings.warnings,
                ElementsAre(HasSubstr("SESSION_REDIS, SESSION_SQLALCHEMY_TABLE, SESSION_TYPE")));
    EXPECT_THAT(settings.warnings, Not(Contains(HasSubstr("pass"))));
}

// ids: S59 S88
TEST(environment, short_key_is_measured_after_base64_and_says_so) {
    EXPECT_THAT(with({{"VEDFOLNIR_KEY", "secret"}}).errors,
                ElementsAre(HasSubstr("as base64 it stands for 4 bytes")));
}

struct Row {
    const char* name;
    const char* value;
    std::function<bool(const Settings&)> seen;
};

class EachVariable : public testing::TestWithParam<Row> {};

// ids: S9 S10 S11 S59
TEST_P(EachVariable, takes_effect) {
    const auto& row = GetParam();
    const auto settings = with({{row.name, row.value}});
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_TRUE(row.seen(settings));
    const auto* shown = settings.find(row.name);
    ASSERT_NE(shown, nullptr);
    EXPECT_EQ(shown->source, Source::environment);
}

const Row rows[] = {
    {"REDIS_URL", "redis://cache:6390/3",
     [](const Settings& s) {
         return s.options.redis.host == "cache" && s.options.redis.port == 6390 &&
                s.options.redis.database == 3;
     }},
    {"REDIS_HOST", "cache", [](const Settings& s) { return s.options.redis.host == "cache"; }},
    {"REDIS_PORT", "6390", [](const Settings& s) { return s.options.redis.port == 6390; }},
    {"REDIS_DB", "4", [](const Settings& s) { return s.options.redis.database == 4; }},
    {"REDIS_USERNAME", "app", [](const Settings& s) { return s.options.redis.username == "app"; }},
    {"REDIS_PASSWORD", "pass",
     [](const Settings& s) { return s.options.redis.password == "pass"; }},
    {"REDIS_SSL", "true",
     [](const Settings& s) { return s.options.redis.tls && s.options.redis.tls->verify; }},
    {"REDIS_SESSION_PREFIX",
     "mine:", [](const Settings& s) { return s.options.redis.prefix == "mine:"; }},
    {"REDIS_SESSION_TIMEOUT", "1800",
     [](const Settings& s) { return s.options.lifetimes.idle == Seconds(1800); }},
    {"SESSION_TIMEOUT", "1801",
     [](const Settings& s) { return s.options.lifetimes.idle == Seconds(1801); }},
    {"AUTH_SESSION_LIFETIME", "1802",
     [](const Settings& s) { return s.options.lifetimes.idle == Seconds(1802); }},
    {"SESSION_IDLE_TIMEOUT_SECONDS", "1803",
     [](const Settings& s) { return s.options.lifetimes.idle == Seconds(1803); }},
    {"SESSION_ABSOLUTE_TIMEOUT_SECONDS", "9000",
     [](const Settings& s) { return s.options.lifetimes.absolute == Seconds(9000); }},
    {"SESSION_LIFETIME_SECONDS", "9001",
     [](const Settings& s) { return s.options.lifetimes.absolute == Seconds(9001); }},
    {"VEDFOLNIR_TOUCH_INTERVAL_SECONDS", "5",
     [](const Settings& s) { return s.options.lifetimes.touch_interval == Seconds(5); }},
    {"VEDFOLNIR_CLOCK_SKEW_MAX_SECONDS", "7",
     [](const Settings& s) { return s.options.lifetimes.clock_skew_max == Seconds(7); }},
    {"VEDFOLNIR_REDIS_CONNECT_TIMEOUT_MS", "300",
     [](const Settings& s) { return s.options.redis.connect_timeout == Millis(300); }},
    {"VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS", "90",
     [](const Settings& s) { return s.options.redis.request_timeout == Millis(90); }},
    {"VEDFOLNIR_REDIS_INSTALL_FUNCTIONS", "no",
     [](const Settings& s) { return !s.options.redis.install_functions; }},
    {"SESSION_COOKIE_NAME", "sid",
     [](const Settings& s) { return s.options.cookie.name == "sid"; }},
    {"SESSION_COOKIE_HTTPONLY", "false",
     [](const Settings& s) { return !s.options.cookie.http_only; }},
    {"SESSION_COOKIE_SECURE", "off",
     [](const Settings& s) {
         return !s.options.cookie.secure && s.options.cookie.name == "session";
     }},
    {"SESSION_COOKIE_SAMESITE", "strict",
     [](const Settings& s) { return s.options.cookie.same_site == SameSite::strict; }},
    {"SESSION_COOKIE_MAX_AGE", "7200",
     [](const Settings& s) { return s.options.cookie.max_age == Seconds(7200); }},
    {"SESSION_COOKIE_DOMAIN", "example.org",
     [](const Settings& s) { return s.options.cookie.domain == "example.org"; }},
    {"SESSION_COOKIE_PATH", "/app",
     [](const Settings& s) { return s.options.cookie.path == "/app"; }},
    {"SESSION_COOKIE_PARTITIONED", "false",
     [](const Settings& s) { return !s.options.cookie.partitioned; }},
    {"PERMANENT_SESSION_LIFETIME", "600",
     [](const Settings& s) {
         return s.permanent_lifetime == Seconds(600) && !s.options.cookie.max_age;
     }},
    {"SESSION_STORAGE", "database",
     [](const Settings& s) { return s.options.store == StoreKind::sql; }},
    {"SESSION_DATABASE_URL", "sqlite:////var/lib/app/s.db",
     [](const Settings& s) { return s.options.sql.url == "sqlite:////var/lib/app/s.db"; }},
    {"VEDFOLNIR_SQL_WRITERS", "7", [](const Settings& s) { return s.options.sql.writers == 7; }},
    {"VEDFOLNIR_SQL_STATEMENT_TIMEOUT_MS", "900",
     [](const Settings& s) { return s.options.sql.statement_timeout == Millis(900); }},
    {"VEDFOLNIR_AUDIT_KEY_FILE", "/keys/audit",
     [](const Settings& s) { return s.options.audit.key_file == "/keys/audit"; }},
    {"VEDFOLNIR_AUDIT_HEADS_FILE", "/mnt/heads",
     [](const Settings& s) { return s.options.audit.heads_file == "/mnt/heads"; }},
    {"VEDFOLNIR_AUDIT_ARCHIVE_DIR", "/mnt/archive",
     [](const Settings& s) { return s.options.audit.archive_dir == "/mnt/archive"; }},
    {"VEDFOLNIR_AUDIT_SIGN_SECONDS", "5",
     [](const Settings& s) { return s.options.audit.sign_interval == Seconds(5); }},
    {"VEDFOLNIR_STATE_DIR", "/var/lib/app",
     [](const Settings& s) { return s.options.state_dir == "/var/lib/app"; }},
    {"VEDFOLNIR_ENV", "staging",
     [](const Settings& s) { return s.environment == "staging" && !s.options.development; }},
    {"SESSION_ENVIRONMENT", "development", [](const Settings& s) { return s.options.development; }},
    {"VEDFOLNIR_IDENTITY_KEYS", "uid, user",
     [](const Settings& s) {
         return s.options.identity.keys == std::vector<std::string>{"uid", "user"};
     }},
    {"VEDFOLNIR_REQUEST_LOCAL_KEYS", "_x",
     [](const Settings& s) {
         return s.options.identity.request_local == std::vector<std::string>{"_x"};
     }},
    {"VEDFOLNIR_DROPPED_AT_LOGIN", "a,b",
     [](const Settings& s) {
         return s.options.identity.dropped_at_login == std::vector<std::string>{"a", "b"};
     }},
    {"VEDFOLNIR_KEPT_AT_LOGIN", "cart",
     [](const Settings& s) {
         return s.options.identity.kept_at_login == std::vector<std::string>{"cart"};
     }},
    {"VEDFOLNIR_AUDITED_KEYS", "role",
     [](const Settings& s) {
         return s.options.identity.audited == std::vector<std::string>{"role"};
     }},
    {"VEDFOLNIR_SLOW_OPERATION_US", "1500",
     [](const Settings& s) { return s.options.slow_operation == std::chrono::microseconds(1500); }},
    {"VEDFOLNIR_REQUEST_BUDGET_MS", "700",
     [](const Settings& s) { return s.options.request_budget == Millis(700); }},
    {"SESSION_FALLBACK", "false",
     [](const Settings& s) { return !s.options.fallback.has_value(); }},
    {"DB_SESSION_FALLBACK", "false",
     [](const Settings& s) { return !s.options.fallback.has_value(); }},
    {"VEDFOLNIR_FALLBACK_AFTER_MS", "40",
     [](const Settings& s) { return s.options.fallback->hot_timeout == Millis(40); }},
    {"VEDFOLNIR_JOURNAL_MB", "2",
     [](const Settings& s) { return s.options.journal.bytes_max == 2U * 1024 * 1024; }},
    {"VEDFOLNIR_JOURNAL_ENTRIES", "77",
     [](const Settings& s) { return s.options.journal.entries_max == 77; }},
    {"VEDFOLNIR_SQL_POLL_MS", "300",
     [](const Settings& s) { return s.options.endings.poll_interval == Millis(300); }},
    {"VEDFOLNIR_NEAR_CACHE", "false",
     [](const Settings& s) { return !s.options.near_cache.has_value(); }},
    {"VEDFOLNIR_NEAR_CACHE_ENTRIES", "123",
     [](const Settings& s) { return s.options.near_cache->entries_max == 123; }},
    {"VEDFOLNIR_NEAR_CACHE_MB", "3",
     [](const Settings& s) { return s.options.near_cache->bytes_max == 3U * 1024 * 1024; }},
    {"VEDFOLNIR_NEAR_CACHE_AGE_MS", "700",
     [](const Settings& s) { return s.options.near_cache->age_max == Millis(700); }},
    {"VEDFOLNIR_NEAR_CACHE_SHARED", "false",
     [](const Settings& s) { return !s.options.near_cache->share_between_workers; }},
    {"VEDFOLNIR_PAYLOAD_MAX_BYTES", "4096",
     [](const Settings& s) { return s.options.limits.payload_max == 4096; }},
    {"VEDFOLNIR_KEYS_MAX", "10", [](const Settings& s) { return s.options.limits.keys_max == 10; }},
    {"VEDFOLNIR_DEPTH_MAX", "9", [](const Settings& s) { return s.options.limits.depth_max == 9; }},
    {"VEDFOLNIR_HEALTH_RESPONSE_WARN_MS", "1200",
     [](const Settings& s) { return s.options.health.response_ms.warn == 1200; }},
    {"VEDFOLNIR_HEALTH_RESPONSE_CRITICAL_MS", "6000",
     [](const Settings& s) { return s.options.health.response_ms.critical == 6000; }},
    {"VEDFOLNIR_HEALTH_SESSIONS_WARN", "1100",
     [](const Settings& s) { return s.options.health.sessions.warn == 1100; }},
    {"VEDFOLNIR_HEALTH_SESSIONS_CRITICAL", "6000",
     [](const Settings& s) { return s.options.health.sessions.critical == 6000; }},
    {"VEDFOLNIR_HEALTH_CLEANUP_LAG_WARN_SECONDS", "3000",
     [](const Settings& s) { return s.options.health.cleanup_lag_seconds.warn == 3000; }},
    {"VEDFOLNIR_HEALTH_CLEANUP_LAG_CRITICAL_SECONDS", "8000",
     [](const Settings& s) { return s.options.health.cleanup_lag_seconds.critical == 8000; }},
    {"VEDFOLNIR_HEALTH_REDIS_MEMORY_WARN_PERCENT", "60",
     [](const Settings& s) { return s.options.health.redis_memory_percent.warn == 60; }},
    {"VEDFOLNIR_HEALTH_REDIS_MEMORY_CRITICAL_PERCENT", "95",
     [](const Settings& s) { return s.options.health.redis_memory_percent.critical == 95; }},
    {"VEDFOLNIR_HEALTH_REDIS_FRAGMENTATION_PERCENT", "200",
     [](const Settings& s) { return s.options.health.redis_fragmentation == 2; }},
    {"VEDFOLNIR_HEALTH_REDIS_HIT_RATE_PERCENT", "70",
     [](const Settings& s) { return s.options.health.redis_hit_rate_percent == 70; }},
    {"VEDFOLNIR_HEALTH_REDIS_CLIENTS", "300",
     [](const Settings& s) { return s.options.health.redis_clients == 300; }},
    {"VEDFOLNIR_HEALTH_REDIS_SAVE_AGE_SECONDS", "7000",
     [](const Settings& s) { return s.options.health.redis_save_age_seconds == 7000; }},
    {"VEDFOLNIR_HEALTH_STALE_SESSIONS", "60",
     [](const Settings& s) { return s.options.health.stale_sessions == 60; }},
    {"VEDFOLNIR_HEALTH_ANCIENT_SESSIONS", "20",
     [](const Settings& s) { return s.options.health.ancient_sessions == 20; }},
    {"VEDFOLNIR_HEALTH_ORPHANS", "3",
     [](const Settings& s) { return s.options.health.orphans == 3; }},
    {"VEDFOLNIR_HEALTH_ERRORS_WARN_PERCENT", "4",
     [](const Settings& s) { return s.options.health.errors_percent.warn == 4; }},
    {"VEDFOLNIR_HEALTH_ERRORS_CRITICAL_PERCENT", "30",
     [](const Settings& s) { return s.options.health.errors_percent.critical == 30; }},
    {"VEDFOLNIR_HEALTH_SQL_BUSY_WARN_PERCENT", "70",
     [](const Settings& s) { return s.options.health.sql_busy_percent.warn == 70; }},
    {"VEDFOLNIR_HEALTH_SQL_BUSY_CRITICAL_PERCENT", "99",
     [](const Settings& s) { return s.options.health.sql_busy_percent.critical == 99; }},
    {"VEDFOLNIR_HEALTH_MEMORY_WARN_MB", "300",
     [](const Settings& s) { return s.options.health.memory_mb.warn == 300; }},
    {"VEDFOLNIR_HEALTH_MEMORY_CRITICAL_MB", "2000",
     [](const Settings& s) { return s.options.health.memory_mb.critical == 2000; }},
    {"VEDFOLNIR_METRICS_FILE", "/run/metrics/vedfolnir.prom",
     [](const Settings& s) { return s.options.metrics.file == "/run/metrics/vedfolnir.prom"; }},
    {"SESSION_METRICS_INTERVAL_SECONDS", "7",
     [](const Settings& s) { return s.options.metrics.interval == Seconds(7); }},
    {"SESSION_ENABLE_METRICS_COLLECTION", "false",
     [](const Settings& s) { return s.options.metrics.file.empty(); }},
    {"VEDFOLNIR_JOBS", "false", [](const Settings& s) { return !s.options.jobs.run; }},
    {"SESSION_FEATURE_BACKGROUND_CLEANUP", "false",
     [](const Settings& s) { return !s.options.jobs.run; }},
    {"VEDFOLNIR_JOBS_LEASE_MS", "3000",
     [](const Settings& s) { return s.options.jobs.replaced_within == Millis(3000); }},
    {"VEDFOLNIR_RESTORABLE_BACKUP_DAYS", "3",
     [](const Settings& s) { return s.options.jobs.restorable_backup == Seconds(3 * 86400); }},
    {"VEDFOLNIR_SNAPSHOTS", "off",
     [](const Settings& s) { return !s.options.jobs.snapshots.has_value(); }},
    {"DB_SESSION_SYNC", "false",
     [](const Settings& s) { return !s.options.jobs.snapshots.has_value(); }},
    {"VEDFOLNIR_SNAPSHOT_LAG_MS", "400",
     [](const Settings& s) { return s.options.jobs.snapshots->lag_max == Millis(400); }},
    {"VEDFOLNIR_SNAPSHOT_KEYS", "cart, name",
     [](const Settings&
            s) { return s.options.jobs.snapshots->keys == std::vector<std::string>{"cart", "name"}; }},
    {"REDIS_SESSION_CLEANUP_INTERVAL", "7",
     [](const Settings& s) { return s.options.jobs.cleanup_interval == Seconds(7); }},
    {"SESSION_CLEANUP_INTERVAL", "8",
     [](const Settings& s) { return s.options.jobs.cleanup_interval == Seconds(8); }},
    {"SESSION_CLEANUP_INTERVAL_SECONDS", "9",
     [](const Settings& s) { return s.options.jobs.cleanup_interval == Seconds(9); }},
    {"SESSION_BATCH_CLEANUP_INTERVAL_SECONDS", "600",
     [](const Settings& s) { return s.options.jobs.retention_interval == Seconds(600); }},
    {"SESSION_CLEANUP_BATCH_SIZE", "50",
     [](const Settings& s) { return s.options.jobs.batch == 50; }},
    {"SESSION_MAX_CLEANUP_BATCHES", "4",
     [](const Settings& s) { return s.options.jobs.batches_max == 4; }},
    {"SESSION_EXPIRED_RETENTION_DAYS", "2",
     [](const Settings& s) { return s.options.jobs.ended_kept == Seconds(2 * 86400); }},
    {"SESSION_AUDIT_RETENTION_DAYS", "90",
     [](const Settings& s) { return s.options.jobs.audit_kept == Seconds(90 * 86400); }},
    {"VEDFOLNIR_STATISTICS_RETENTION_DAYS", "400",
     [](const Settings& s) { return s.options.jobs.statistics_kept == Seconds(400 * 86400); }},
    {"VEDFOLNIR_INDEX_SECRET", "U0k4ZPzq1yTcVw7hRb3nXo9dLm5sKf2eGa8iYjQvN6E=",
     [](const Settings& s) { return s.options.keys.index_secret.size() == 32; }},
};

INSTANTIATE_TEST_SUITE_P(environment, EachVariable, testing::ValuesIn(rows),
                         [](const auto& row) { return std::string(row.param.name); });

// ids: S9 S59
TEST(environment, every_known_name_takes_effect_or_says_why_not) {
    const auto settings = with({});
    for (const auto& known : catalogue()) {
        EXPECT_FALSE(known.about.empty()) << known.name;
        if (known.name.ends_with('*')) continue;
        const auto* shown = settings.find(known.name);
        ASSERT_NE(shown, nullptr) << known.name;
        EXPECT_EQ(shown->note.empty() && !known.unused.empty(), false) << known.name;
    }
    // Names without a row above are exactly those that say why they take no effect, or are tested by themselves.
    const std::vector<std::string> elsewhere{"VEDFOLNIR_KEY",       "VEDFOLNIR_KEYS_FILE",
                                             "VEDFOLNIR_CONFIG",    "VEDFOLNIR_PLAIN_RECORDS",
                                             "REDIS_SSL_CERT_REQS", "REDIS_SSL_CA_CERTS",
                                             "REDIS_SSL_CERTFILE",  "REDIS_SSL_KEYFILE"};
    for (const auto& known : catalogue()) {
        const bool tested = std::any_of(std::begin(rows), std::end(rows),
                                        [&](const Row& row) { return known.name == row.name; });
        const bool other =
            std::find(elsewhere.begin(), elsewhere.end(), known.name) != elsewhere.end();
        EXPECT_TRUE(tested || other || !known.unused.empty()) << known.name;
    }
}

// ids: S9 S10 S11
TEST(environment, the_documents_block_is_read_as_meant) {
    const auto settings = with({{"REDIS_URL", "redis://localhost:6379/0"},
                                {"REDIS_HOST", "localhost"},
                                {"REDIS_PORT", "6379"},
                                {"REDIS_DB", "0"},
                                {"REDIS_PASSWORD", "  # Optional"},
                                {"REDIS_SSL", "false"},
                                {"REDIS_SESSION_PREFIX", "vedfolnir:session:"},
                                {"REDIS_SESSION_TIMEOUT", "7200  # 2 hours"},
                                {"REDIS_SESSION_CLEANUP_INTERVAL", "3600  # 1 hour"},
                                {"SESSION_COOKIE_NAME", "session"},
                                {"SESSION_COOKIE_HTTPONLY", "true"},
                                {"SESSION_COOKIE_SECURE", "true  # false for development"},
                                {"SESSION_COOKIE_SAMESITE", "Lax"},
                                {"SESSION_COOKIE_MAX_AGE", "7200"}});
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_THAT(settings.warnings, IsEmpty());
    const auto& options = settings.options;
    EXPECT_EQ(options.redis.password, "");
    EXPECT_FALSE(options.redis.tls.has_value());
    EXPECT_EQ(options.lifetimes.idle, Seconds(7200));
    EXPECT_EQ(options.cookie.name, "session");
    EXPECT_TRUE(options.cookie.secure);
    EXPECT_EQ(options.cookie.max_age, Seconds(7200));
}

// ids: S9
TEST(environment, without_anything_the_built_in_values_stand) {
    const auto settings = with({});
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.environment, "production");
    EXPECT_EQ(settings.options.lifetimes.idle, Seconds(7200));
    EXPECT_EQ(settings.options.lifetimes.absolute, Seconds(86400));
    EXPECT_EQ(settings.options.lifetimes.touch_interval, Seconds(60));
    EXPECT_EQ(settings.options.cookie.name, "__Host-session");
    EXPECT_FALSE(settings.options.cookie.max_age.has_value());
    EXPECT_EQ(settings.options.state_dir, "/srv/somebody/.local/state/vedfolnir");
}

struct Bad {
    const char* name;
    const char* value;
};

class EachBadValue : public testing::TestWithParam<Bad> {};

// ids: S9 S59
TEST_P(EachBadValue, is_refused_by_name) {
    const auto settings = with({{GetParam().name, GetParam().value}});
    EXPECT_THAT(settings.errors, Contains(HasSubstr(GetParam().name)));
}

INSTANTIATE_TEST_SUITE_P(
    environment, EachBadValue,
    testing::Values(Bad{"REDIS_PORT", "0"}, Bad{"REDIS_PORT", "65536"}, Bad{"REDIS_PORT", "six"},
                    Bad{"REDIS_PORT", "-1"}, Bad{"REDIS_PORT", "tcp://10.0.0.1:6379"},
                    Bad{"REDIS_DB", "1.5"}, Bad{"REDIS_SSL", "maybe"},
                    Bad{"REDIS_SESSION_TIMEOUT", "0"}, Bad{"REDIS_SESSION_TIMEOUT", "2h"},
                    Bad{"REDIS_SESSION_TIMEOUT", "99999999999999999999"},
                    Bad{"SESSION_COOKIE_MAX_AGE", "34560001"},
                    Bad{"SESSION_COOKIE_SAMESITE", "Loose"}, Bad{"SESSION_COOKIE_SECURE", "2"},
                    Bad{"REDIS_SESSION_PREFIX", "a{b}"}, Bad{"REDIS_SESSION_PREFIX", "a*"},
                    Bad{"SESSION_STORAGE", "mongodb"}, Bad{"VEDFOLNIR_ENV", "prod"},
                    Bad{"VEDFOLNIR_PLAIN_RECORDS", "true"}, Bad{"REDIS_MEMORY_THRESHOLD", "80"},
                    Bad{"SESSION_SYNC_TIMEOUT_SECONDS", "soon"},
                    Bad{"REDIS_SSL_CERT_REQS", "never"}));

class EachHostileCharacter : public testing::TestWithParam<char> {};

// ids: C13 V11
TEST_P(EachHostileCharacter, in_a_cookie_field_stops_the_start) {
    const std::string value = std::string("/a") + GetParam() + "b";
    for (const auto* name :
         {"SESSION_COOKIE_NAME", "SESSION_COOKIE_PATH", "SESSION_COOKIE_DOMAIN"}) {
        Input input;
        input.environment = {
            {"VEDFOLNIR_KEY", good_key}, {"HOME", "/h"}, {"SESSION_COOKIE_NAME", "session"}};
        input.arguments = {{name, value}};
        EXPECT_THAT(resolve(input).errors, Contains(HasSubstr(name)))
            << name << " with byte " << static_cast<int>(GetParam());
    }
}

INSTANTIATE_TEST_SUITE_P(environment, EachHostileCharacter,
                         testing::Values('\r', '\n', ';', ',', '\0', '\x7f', '\xe4', '\t'));

// ids: S7 C12
TEST(environment, same_site_none_without_secure_is_refused) {
    EXPECT_THAT(
        with({{"SESSION_COOKIE_SAMESITE", "None"}, {"SESSION_COOKIE_SECURE", "false"}}).errors,
        Contains(HasSubstr("SESSION_COOKIE_SAMESITE")));
    EXPECT_THAT(with({{"SESSION_COOKIE_SAMESITE", "None"}}).errors, IsEmpty());
}

// ids: C11 C12
TEST(environment, prefixed_names_demand_what_browsers_demand) {
    EXPECT_THAT(with({{"SESSION_COOKIE_NAME", "__Host-a"}}).errors, IsEmpty());
    EXPECT_THAT(
        with({{"SESSION_COOKIE_NAME", "__Host-a"}, {"SESSION_COOKIE_DOMAIN", "example.org"}})
            .errors,
        Contains(HasSubstr("__Host-")));
    EXPECT_THAT(with({{"SESSION_COOKIE_NAME", "__Host-a"}, {"SESSION_COOKIE_PATH", "/app"}}).errors,
                Contains(HasSubstr("__Host-")));
    EXPECT_THAT(
        with({{"SESSION_COOKIE_NAME", "__Secure-a"}, {"SESSION_COOKIE_SECURE", "false"}}).errors,
        Contains(HasSubstr("__Secure-")));
    EXPECT_THAT(with({{"SESSION_COOKIE_NAME", "__hOST-a"}}).errors,
                Contains(HasSubstr("SESSION_COOKIE_NAME")));
}

// ids: C06 S11
TEST(environment, an_empty_max_age_is_a_browser_session_cookie) {
    Input input;
    input.environment = {
        {"VEDFOLNIR_KEY", good_key}, {"HOME", "/h"}, {"SESSION_COOKIE_MAX_AGE", ""}};
    input.file = "SESSION_COOKIE_MAX_AGE = 7200";
    const auto settings = resolve(input);
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_FALSE(settings.options.cookie.max_age.has_value());
}

// ids: C06
TEST(environment, a_max_age_beyond_the_absolute_limit_is_named) {
    EXPECT_THAT(with({{"SESSION_COOKIE_MAX_AGE", "100000"}}).warnings,
                Contains(HasSubstr("capped")));
}

// ids: S9
TEST(environment, two_names_for_one_limit_name_the_winner) {
    const auto settings = with({{"REDIS_SESSION_TIMEOUT", "1000"},
                                {"SESSION_TIMEOUT", "2000"},
                                {"SESSION_IDLE_TIMEOUT_SECONDS", "1000"}});
    EXPECT_EQ(settings.options.lifetimes.idle, Seconds(1000));
    EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("REDIS_SESSION_TIMEOUT wins")));
    const auto absolute =
        with({{"SESSION_LIFETIME_SECONDS", "5000"}, {"SESSION_ABSOLUTE_TIMEOUT_SECONDS", "8000"}});
    EXPECT_EQ(absolute.options.lifetimes.absolute, Seconds(8000));
    EXPECT_THAT(absolute.warnings, Contains(HasSubstr("SESSION_ABSOLUTE_TIMEOUT_SECONDS wins")));
}

// ids: S8
TEST(environment, a_short_idle_limit_is_touched_finely) {
    EXPECT_EQ(with({{"REDIS_SESSION_TIMEOUT", "20"}}).options.lifetimes.touch_interval, Seconds(1));
    EXPECT_EQ(with({{"REDIS_SESSION_TIMEOUT", "600"}}).options.lifetimes.touch_interval,
              Seconds(30));
}

// ids: S9
TEST(environment, a_preset_never_overwrites_an_explicit_value) {
    EXPECT_FALSE(with({{"VEDFOLNIR_ENV", "development"}}).options.cookie.secure);
    EXPECT_EQ(with({{"VEDFOLNIR_ENV", "development"}}).find("SESSION_COOKIE_SECURE")->source,
              Source::preset);
    EXPECT_TRUE(with({{"VEDFOLNIR_ENV", "development"}, {"SESSION_COOKIE_SECURE", "true"}})
                    .options.cookie.secure);
    EXPECT_TRUE(with({{"VEDFOLNIR_ENV", "development"}, {"SESSION_COOKIE_SAMESITE", "None"}})
                    .options.cookie.secure);
    EXPECT_EQ(with({{"VEDFOLNIR_ENV", "development"}, {"REDIS_SESSION_TIMEOUT", "99"}})
                  .options.lifetimes.idle,
              Seconds(99));
}

// ids: S59
TEST(environment, an_unknown_argument_is_an_error_with_the_nearest_known_one) {
    for (const auto& [name, meant] : {std::pair("cookie_scure", "cookie_secure"),
                                      {"stat_dir", "state_dir"},
                                      {"session_cookie_scure", "session_cookie_secure"},
                                      {"redis_ulr", "redis_url"}}) {
        Input input;
        input.arguments = {{name, "x"}};
        EXPECT_THAT(resolve(input).errors,
                    Contains(std::string(name) + ": no such option (did you mean " + meant + "?)"));
    }
    Input input;
    input.arguments = {{"colour_of_the_door", "x"}};
    EXPECT_THAT(resolve(input).errors, Contains("colour_of_the_door: no such option"));
}

// ids: S59
TEST(environment, an_unknown_name_is_a_warning_with_the_nearest_known_one) {
    const auto settings = with({{"SESSION_COOKIE_SAMSITE", "Lax"},
                                {"REDIS_PASWORD", "x"},
                                {"VEDFOLNIR_STATEDIR", "/x"},
                                {"PATH", "/bin"}});
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_THAT(settings.warnings,
                testing::UnorderedElementsAre(HasSubstr("did you mean SESSION_COOKIE_SAMESITE?"),
                                              HasSubstr("did you mean REDIS_PASSWORD?"),
                                              HasSubstr("did you mean VEDFOLNIR_STATE_DIR?")));
}

// ids: S59
TEST(environment, names_of_others_are_left_alone) {
    const auto settings = with({{"SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1"},
                                {"REDIS_SERVICE_HOST", "10.0.0.1"},
                                {"REDIS_PORT_6379_TCP_ADDR", "10.0.0.1"},
                                {"SESSION_CUSTOM_COLOUR", "blue"},
                                {"SESSION_ALERT_THRESHOLD_SESSION_DURATION", "4"}});
    EXPECT_THAT(settings.warnings, IsEmpty());
    EXPECT_NE(settings.find("SESSION_CUSTOM_COLOUR"), nullptr);
}

// ids: S59 C05
TEST(environment, deviations_from_the_standards_are_listed) {
    const auto settings =
        with({{"SESSION_LIFETIME_SECONDS", "604800"}, {"SESSION_COOKIE_MAX_AGE", "7200"}});
    EXPECT_THAT(settings.deviations, Contains(HasSubstr("idle at most 3600")));
    EXPECT_THAT(settings.deviations, Contains(HasSubstr("overall at most 86400")));
    EXPECT_THAT(settings.deviations, Contains(HasSubstr("SESSION_COOKIE_MAX_AGE")));
    EXPECT_THAT(with({{"REDIS_SESSION_TIMEOUT", "1800"}}).deviations, IsEmpty());
}

}  // namespace
}  // namespace vedfolnir::config
