#include "ops/health.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace vedfolnir::ops {
namespace {

constexpr TimePoint now{Millis(1'767'225'600'000)};

/// Everything answers and is within its limits.
MetricSources well() {
    StoreInfo redis;
    redis.used_memory = 100UL << 20U;
    redis.max_memory = 1000UL << 20U;
    redis.fragmentation = 1.1;
    redis.keyspace_hits = 990;
    redis.keyspace_misses = 10;
    redis.connected_clients = 10;
    redis.evicted_keys = 0;
    redis.append_only_file = 0;
    redis.last_save = static_cast<std::uint64_t>(now.time_since_epoch().count() / 1000 - 60);
    JobStatus cleanup;
    cleanup.job = "cleanup";
    cleanup.outcome = "done";
    cleanup.next_due = now + Millis(1000);
    StoreFigures stores;
    stores.redis_up = stores.sql_up = stores.sql_writes = true;
    stores.redis = redis;
    stores.redis_time = stores.sql_time = Millis(2);
    stores.sessions_live = stores.sessions_stale = stores.sessions_ancient = 0;
    stores.fallback = FallbackStatus{.state = {}, .endings_waiting = 0};
    stores.fsck = FsckFigures{now - std::chrono::hours(3), 0};
    stores.jobs = JobsReport{.leader = "host:1", .jobs = {cleanup}, .now = now};
    MetricSources sources;
    sources.now = now;
    sources.stores = stores;
    sources.journal = JournalFigures{};
    return sources;
}

std::string message_of(const MetricSources& sources, const std::string& id) {
    for (const auto& check : assess(sources, {}))
        if (check.id == id) return check.message;
    return "there is no check " + id;
}

HealthStatus status_of(const MetricSources& sources, const std::string& id,
                       const HealthOptions& limits = {}) {
    for (const auto& check : assess(sources, limits))
        if (check.id == id) return check.status;
    ADD_FAILURE() << "there is no check " << id;
    return HealthStatus::unknown;
}

struct Crossing {
    std::string id;
    std::function<void(StoreFigures&)> at;      ///< On the limit, which is still within it.
    std::function<void(StoreFigures&)> beyond;  ///< Just over it.
    HealthStatus before, after;
};

using enum HealthStatus;

const std::vector<Crossing> crossings{
    {"redis", [](auto& s) { s.redis_time = Millis(1000); },
     [](auto& s) { s.redis_time = Millis(1001); }, healthy, warn},
    {"redis", [](auto& s) { s.redis_time = Millis(5000); },
     [](auto& s) { s.redis_time = Millis(5001); }, warn, critical},
    {"sql", [](auto& s) { s.sql_time = Millis(1000); }, [](auto& s) { s.sql_time = Millis(1001); },
     healthy, warn},
    {"sql", [](auto& s) { s.sql_time = Millis(5000); }, [](auto& s) { s.sql_time = Millis(5001); },
     warn, critical},
    {"sql.writes", [](auto&) {}, [](auto& s) { s.sql_writes = false; }, healthy, warn},
    {"sessions", [](auto& s) { s.sessions_live = 1000; }, [](auto& s) { s.sessions_live = 1001; },
     healthy, warn},
    {"sessions", [](auto& s) { s.sessions_live = 5000; }, [](auto& s) { s.sessions_live = 5001; },
     warn, critical},
    {"sessions.stale", [](auto& s) { s.sessions_stale = 50; },
     [](auto& s) { s.sessions_stale = 51; }, healthy, warn},
    {"sessions.ancient", [](auto& s) { s.sessions_ancient = 10; },
     [](auto& s) { s.sessions_ancient = 11; }, healthy, critical},
    {"cleanup.lag", [](auto& s) { s.jobs->jobs[0].lag = Seconds(3600); },
     [](auto& s) { s.jobs->jobs[0].lag = Seconds(3601); }, healthy, warn},
    {"cleanup.lag", [](auto& s) { s.jobs->jobs[0].lag = Seconds(7200); },
     [](auto& s) { s.jobs->jobs[0].lag = Seconds(7201); }, warn, critical},
    {"cleanup.lag", [](auto& s) { s.jobs->jobs[0].next_due = now - Seconds(7200); },
     [](auto& s) { s.jobs->jobs[0].next_due = now - Seconds(7201); }, warn, critical},
    {"orphans", [](auto&) {}, [](auto& s) { s.fsck->left = 1; }, healthy, warn},
    {"jobs", [](auto&) {}, [](auto& s) { s.jobs->jobs[0].outcome = "failed"; }, healthy, warn},
    {"jobs", [](auto&) {}, [](auto& s) { s.jobs->leader.clear(); }, healthy, warn},
    {"redis.memory", [](auto& s) { s.redis->used_memory = 750UL << 20U; },
     [](auto& s) { s.redis->used_memory = 751UL << 20U; }, healthy, warn},
    {"redis.memory", [](auto& s) { s.redis->used_memory = 900UL << 20U; },
     [](auto& s) { s.redis->used_memory = 901UL << 20U; }, warn, critical},
    {"redis.evictions", [](auto&) {}, [](auto& s) { s.redis->evicted_keys = 1; }, healthy, warn},
    {"redis.fragmentation", [](auto& s) { s.redis->fragmentation = 1.5; },
     [](auto& s) { s.redis->fragmentation = 1.51; }, healthy, warn},
    {"redis.clients", [](auto& s) { s.redis->connected_clients = 100; },
     [](auto& s) { s.redis->connected_clients = 101; }, healthy, warn},
    {"redis.last_save", [](auto& s) { *s.redis->last_save -= 86400 - 60; },
     [](auto& s) { *s.redis->last_save -= 86401; }, healthy, warn},
    {"fallback", [](auto&) {}, [](auto& s) { s.fallback->state.mode = FallbackMode::on; }, healthy,
     warn},
    {"fallback", [](auto&) {}, [](auto& s) { s.fallback->state.ahead = 1; }, healthy, warn},
};

// ids: S69 S72 S67
TEST(health, crossing_each_limit_changes_the_status_and_nothing_else) {
    for (const auto& crossing : crossings) {
        SCOPED_TRACE(crossing.id);
        auto at = well();
        crossing.at(*at.stores);
        EXPECT_EQ(status_of(at, crossing.id), crossing.before);
        auto beyond = well();
        crossing.beyond(*beyond.stores);
        for (const auto& check : assess(beyond, {}))
            EXPECT_EQ(check.status, check.id == crossing.id ? crossing.after : healthy) << check.id;
        EXPECT_EQ(overall(assess(beyond, {})), crossing.after);
    }
}

// ids: S69
TEST(health, limits_are_those_of_the_options) {
    auto sources = well();
    sources.stores->sessions_live = 3;
    EXPECT_EQ(status_of(sources, "sessions", {.sessions = {3, 5}}), healthy);
    EXPECT_EQ(status_of(sources, "sessions", {.sessions = {2, 5}}), warn);
    EXPECT_EQ(status_of(sources, "sessions", {.sessions = {1, 2}}), critical);
}

// ids: S69
TEST(health, the_hit_rate_warns_below_a_limit_that_is_set) {
    auto sources = well();
    sources.stores->redis->keyspace_hits = 799;
    sources.stores->redis->keyspace_misses = 201;
    EXPECT_EQ(status_of(sources, "redis.hit_rate"), healthy);
    EXPECT_EQ(status_of(sources, "redis.hit_rate", {.redis_hit_rate_percent = 79}), healthy);
    EXPECT_EQ(status_of(sources, "redis.hit_rate", {.redis_hit_rate_percent = 80}), warn);
    sources.stores->redis->keyspace_misses = 200;
    EXPECT_EQ(status_of(sources, "redis.hit_rate", {.redis_hit_rate_percent = 80}), healthy);
}

// ids: S69
TEST(health, what_fsck_left_is_judged_only_where_it_ran) {
    auto sources = well();
    sources.stores->fsck->left = 4;
    EXPECT_EQ(status_of(sources, "orphans", {.orphans = 4}), healthy);
    EXPECT_EQ(status_of(sources, "orphans", {.orphans = 3}), warn);
    EXPECT_NE(message_of(sources, "orphans").find("3.0 h ago: 4"), std::string::npos);
    *sources.stores->fsck = {now - std::chrono::minutes(2), 0};
    EXPECT_NE(message_of(sources, "orphans").find("no defect 2 min ago"), std::string::npos);
    sources.stores->fsck.reset();
    EXPECT_EQ(status_of(sources, "orphans"), unknown);
    sources.stores->fsck = FsckFigures{};
    for (const auto& check : assess(sources, {})) EXPECT_NE(check.id, "orphans");
}

// ids: S69
TEST(health, a_process_is_judged_by_what_it_did_of_late) {
    const auto status = [](const std::string& id, const Recent& recent,
                           const HealthOptions& limits = {}) {
        MetricSources sources;
        sources.process = ProcessFigures{{}, {}, recent};
        return status_of(sources, id, limits);
    };
    EXPECT_EQ(status("process.errors", {.operations = 99, .failed = 99}), healthy) << "too few";
    EXPECT_EQ(status("process.errors", {.operations = 1000, .failed = 50}), healthy);
    EXPECT_EQ(status("process.errors", {.operations = 1000, .failed = 51}), warn);
    EXPECT_EQ(status("process.errors", {.operations = 1000, .failed = 150}), warn);
    EXPECT_EQ(status("process.errors", {.operations = 1000, .failed = 151}), critical);
    EXPECT_EQ(
        status("process.errors", {.operations = 1000, .failed = 51}, {.errors_percent = {6, 10}}),
        healthy);
    EXPECT_EQ(status("process.sql_busy", {.sql_busy_percent = 80}), healthy);
    EXPECT_EQ(status("process.sql_busy", {.sql_busy_percent = 80.1}), warn);
    EXPECT_EQ(status("process.sql_busy", {.sql_busy_percent = 95.1}), critical);
    constexpr std::uint64_t mb = 1U << 20U;
    EXPECT_EQ(status("process.memory", {.resident_bytes = 500 * mb}), healthy);
    EXPECT_EQ(status("process.memory", {.resident_bytes = 501 * mb}), warn);
    EXPECT_EQ(status("process.memory", {.resident_bytes = 1001 * mb}), critical);
    EXPECT_EQ(status("process.memory", {}), unknown);
}

// ids: S67
TEST(health, all_is_healthy_only_if_every_check_could_run) {
    EXPECT_EQ(overall(assess(well(), {})), healthy);
    EXPECT_EQ(overall({}), unknown);
    auto no_info = well();
    no_info.stores->redis = StoreInfo{};
    for (const auto* id : {"redis.memory", "redis.evictions", "redis.fragmentation",
                           "redis.hit_rate", "redis.clients", "redis.last_save"})
        EXPECT_EQ(status_of(no_info, id), unknown) << id;
    EXPECT_EQ(overall(assess(no_info, {})), warn);
    auto no_journal = well();
    no_journal.journal.reset();
    EXPECT_EQ(status_of(no_journal, "journal"), unknown);
    EXPECT_EQ(overall(assess(no_journal, {})), warn);
    auto waiting = well();
    waiting.journal->entries = 1;
    EXPECT_EQ(status_of(waiting, "journal"), warn);
}

// ids: S67
TEST(health, a_silent_redis_is_critical_and_a_silent_sql_degrades) {
    auto redis = well();
    redis.stores->redis_up = false;
    redis.stores->redis.reset();
    redis.stores->jobs.reset();
    redis.stores->fallback->endings_waiting.reset();
    EXPECT_EQ(status_of(redis, "redis"), critical);
    for (const auto* id : {"redis.memory", "cleanup.lag", "jobs", "fallback"}) {
        EXPECT_EQ(status_of(redis, id), unknown) << id;
        EXPECT_EQ(message_of(redis, id), "Redis does not answer") << id;
    }
    redis.stores->fallback->state.ahead = 3;
    EXPECT_EQ(message_of(redis, "fallback"),
              "what Redis was not told yet: records 3, endings unknown");
    EXPECT_EQ(status_of(redis, "fallback"), warn);
    EXPECT_EQ(overall(assess(redis, {})), critical);

    auto sql = well();
    sql.stores->sql_up = false;
    sql.stores->sessions_live.reset();
    sql.stores->jobs.reset();
    sql.stores->fallback.reset();
    EXPECT_EQ(status_of(sql, "sql"), warn);
    EXPECT_EQ(status_of(sql, "sessions"), unknown);
    EXPECT_EQ(status_of(sql, "cleanup.lag"), unknown);
    EXPECT_EQ(overall(assess(sql, {})), warn);
}

// ids: S67 S72
TEST(health, cleanup_that_never_ran_is_unknown) {
    auto sources = well();
    sources.stores->jobs->jobs.clear();
    EXPECT_EQ(status_of(sources, "cleanup.lag"), unknown);
}

}  // namespace
}  // namespace vedfolnir::ops
