#include "ops/health.hpp"

#include "ops/job_health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace vedfolnir::ops {
namespace {

/// A hit rate of fewer questions says nothing, nor does the fragmentation of a nearly empty server.
constexpr std::uint64_t lookups_min = 1000;
constexpr std::uint64_t operations_min = 100;
constexpr std::uint64_t fragmented_bytes_min = 64UL << 20U;

using Checks = std::vector<HealthCheck>;

HealthCheck unknown(std::string_view id, std::string_view why) {
    return {std::string(id), HealthStatus::unknown, std::string(why)};
}

HealthCheck said(std::string_view id, HealthStatus status, std::string message) {
    return {std::string(id), status, std::move(message)};
}

HealthCheck above(std::string_view id, double value, HealthLimit limit, std::string message) {
    const auto status = value > limit.critical ? HealthStatus::critical
                        : value > limit.warn   ? HealthStatus::warn
                                               : HealthStatus::healthy;
    return {std::string(id), status, std::move(message), value, limit.warn, limit.critical};
}

/// Above the limit: `as`.
HealthCheck above(std::string_view id, double value, double limit, HealthStatus as,
                  std::string message) {
    HealthCheck check{std::string(id), value > limit ? as : HealthStatus::healthy,
                      std::move(message), value};
    (as == HealthStatus::critical ? check.critical : check.warn) = limit;
    return check;
}

HealthCheck answer(std::string_view id, std::string_view name, bool up,
                   const std::optional<Millis>& took, HealthLimit limit, HealthStatus down) {
    if (!up) return said(id, down, fmt::format("{} does not answer: run vedfolnir doctor", name));
    const auto ms = static_cast<double>(took.value_or(Millis{0}).count());
    return above(id, ms, limit, fmt::format("{} answers in {} ms", name, ms));
}

void memory(const StoreInfo& info, const HealthOptions& limits, Checks& to) {
    if (!info.used_memory || !info.max_memory)
        return to.push_back(unknown("redis.memory", "Redis' user may not ask for INFO"));
    if (*info.max_memory == 0)
        return to.push_back(said("redis.memory", HealthStatus::healthy, "there is no maxmemory"));
    const double percent =
        100 * static_cast<double>(*info.used_memory) / static_cast<double>(*info.max_memory);
    to.push_back(above("redis.memory", percent, limits.redis_memory_percent,
                       fmt::format("{:.0f} % of maxmemory is in use", percent)));
}

void evictions(const StoreInfo& info, Checks& to) {
    if (!info.evicted_keys)
        return to.push_back(unknown("redis.evictions", "Redis' user may not ask for INFO"));
    to.push_back(
        above("redis.evictions", static_cast<double>(*info.evicted_keys), 0, HealthStatus::warn,
              fmt::format("keys evicted since Redis started: {}; sessions may be among them; set "
                          "maxmemory-policy noeviction",
                          *info.evicted_keys)));
    if (*info.evicted_keys == 0) to.back().message = "no key was evicted";
}

void fragmentation(const StoreInfo& info, double limit, Checks& to) {
    if (!info.fragmentation || !info.used_memory)
        return to.push_back(unknown("redis.fragmentation", "Redis' user may not ask for INFO"));
    if (*info.used_memory < fragmented_bytes_min)
        return to.push_back(
            said("redis.fragmentation", HealthStatus::healthy, "judged from 64 MiB in use on"));
    to.push_back(above(
        "redis.fragmentation", *info.fragmentation, limit, HealthStatus::warn,
        fmt::format("the process holds {:.2f} times the memory in use", *info.fragmentation)));
}

void hit_rate(const StoreInfo& info, double limit, Checks& to) {
    if (!info.keyspace_hits || !info.keyspace_misses)
        return to.push_back(unknown("redis.hit_rate", "Redis' user may not ask for INFO"));
    const auto all = *info.keyspace_hits + *info.keyspace_misses;
    if (all < lookups_min)
        return to.push_back(
            said("redis.hit_rate", HealthStatus::healthy, "judged from 1000 lookups on"));
    const double percent =
        100 * static_cast<double>(*info.keyspace_hits) / static_cast<double>(all);
    HealthCheck check{"redis.hit_rate",
                      percent < limit ? HealthStatus::warn : HealthStatus::healthy,
                      fmt::format("{:.0f} % of lookups found something", percent), percent};
    check.warn = limit;
    to.push_back(std::move(check));
}

void clients(const StoreInfo& info, double limit, Checks& to) {
    if (!info.connected_clients)
        return to.push_back(unknown("redis.clients", "Redis' user may not ask for INFO"));
    to.push_back(above("redis.clients", static_cast<double>(*info.connected_clients), limit,
                       HealthStatus::warn,
                       fmt::format("open connections: {}", *info.connected_clients)));
}

void last_save(const StoreInfo& info, TimePoint now, double limit, Checks& to) {
    if (!info.append_only_file || !info.last_save)
        return to.push_back(unknown("redis.last_save", "Redis' user may not ask for INFO"));
    if (*info.append_only_file == 1)
        return to.push_back(
            said("redis.last_save", HealthStatus::healthy, "an append-only file is kept"));
    const auto age = std::chrono::duration<double>(now.time_since_epoch()).count() -
                     static_cast<double>(*info.last_save);
    to.push_back(above("redis.last_save", age, limit, HealthStatus::warn,
                       fmt::format("the last snapshot is {:.1f} h old", age / 3600)));
}

void of_redis(const MetricSources& from, const HealthOptions& limits, Checks& to) {
    const StoreFigures& stores = *from.stores;
    if (!stores.redis_up) return;
    to.push_back(answer("redis", "Redis", *stores.redis_up, stores.redis_time, limits.response_ms,
                        HealthStatus::critical));
    if (!stores.redis) {
        for (const auto* id : {"redis.memory", "redis.evictions", "redis.fragmentation",
                               "redis.hit_rate", "redis.clients", "redis.last_save"})
            to.push_back(unknown(id, "Redis does not answer"));
        return;
    }
    const StoreInfo& info = *stores.redis;
    memory(info, limits, to);
    evictions(info, to);
    fragmentation(info, limits.redis_fragmentation, to);
    hit_rate(info, limits.redis_hit_rate_percent, to);
    clients(info, limits.redis_clients, to);
    last_save(info, from.now, limits.redis_save_age_seconds, to);
}

void of_sql_writes(const StoreFigures& stores, Checks& to) {
    if (!stores.sql_writes)
        to.push_back(unknown("sql.writes", "SQL does not answer"));
    else if (*stores.sql_writes)
        to.push_back(said("sql.writes", HealthStatus::healthy, "SQL takes writes"));
    else
        to.push_back(
            said("sql.writes", HealthStatus::warn,
                 fmt::format("SQL takes no writes: {}; run vedfolnir doctor", stores.sql_refusal)));
}

void of_sessions(const StoreFigures& stores, const HealthOptions& limits, Checks& to) {
    const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
    if (const auto& live = stores.sessions_live)
        to.push_back(above("sessions", number(*live), limits.sessions,
                           fmt::format("live sessions of logged-in users: {}", *live)));
    else
        to.push_back(unknown("sessions", "SQL did not say"));
    if (const auto& stale = stores.sessions_stale)
        to.push_back(above("sessions.stale", number(*stale), limits.stale_sessions,
                           HealthStatus::warn, fmt::format("{} began over 7 days ago", *stale)));
    else
        to.push_back(unknown("sessions.stale", "SQL did not say"));
    if (const auto& ancient = stores.sessions_ancient)
        to.push_back(above("sessions.ancient", number(*ancient), limits.ancient_sessions,
                           HealthStatus::critical,
                           fmt::format("{} began over 30 days ago", *ancient)));
    else
        to.push_back(unknown("sessions.ancient", "SQL did not say"));
}

/// Of what both stores know together.
std::string_view who_is_silent(const StoreFigures& stores) {
    if (!stores.redis_up.value_or(true)) return "Redis does not answer";
    if (!stores.sql_up.value_or(true)) return "SQL does not answer";
    return "the stores did not say";
}

void of_jobs(const StoreFigures& stores, const HealthOptions& limits, Checks& to) {
    if (!stores.jobs) {
        to.push_back(unknown("cleanup.lag", who_is_silent(stores)));
        to.push_back(unknown("jobs", who_is_silent(stores)));
        return;
    }
    const auto& jobs = stores.jobs->jobs;
    const auto cleanup = std::ranges::find(jobs, "cleanup", &JobStatus::job);
    if (cleanup == jobs.end()) {
        to.push_back(unknown("cleanup.lag", "it never ran"));
    } else {
        const auto lag = std::chrono::duration<double>(lag_of(*cleanup, stores.jobs->now)).count();
        to.push_back(above("cleanup.lag", lag, limits.cleanup_lag_seconds,
                           fmt::format("cleanup is {:.0f} s behind", lag)));
    }
    std::string failing;
    for (const JobStatus& job : jobs)
        if (job.outcome == "failed") failing += (failing.empty() ? "" : ", ") + job.job;
    if (!failing.empty())
        to.push_back(said("jobs", HealthStatus::warn, "failed when they last ran: " + failing));
    else if (stores.jobs->leader.empty())
        to.push_back(said("jobs", HealthStatus::warn, "nobody does the background work now"));
    else
        to.push_back(said("jobs", HealthStatus::healthy, "done by " + stores.jobs->leader));
}

void of_fallback(const StoreFigures& stores, Checks& to) {
    if (!stores.redis_up) return;
    if (!stores.fallback)
        return to.push_back(unknown("fallback", "SQL did not say, or there is no fallback"));
    const auto& state = stores.fallback->state;
    const auto& waiting = stores.fallback->endings_waiting;
    if (state.mode != FallbackMode::automatic)
        to.push_back(said("fallback", HealthStatus::warn,
                          fmt::format("it is switched {} by hand", to_string(state.mode))));
    else if (state.ahead > 0 || waiting.value_or(0) > 0)
        to.push_back(
            said("fallback", HealthStatus::warn,
                 fmt::format("what Redis was not told yet: records {}, endings {}", state.ahead,
                             waiting ? std::to_string(*waiting) : "unknown")));
    else if (!waiting)
        to.push_back(unknown("fallback", who_is_silent(stores)));
    else
        to.push_back(said("fallback", HealthStatus::healthy, "Redis was told everything"));
}

void of_journal(const MetricSources& from, Checks& to) {
    if (!from.stores->sql_up) return;
    if (!from.journal) return to.push_back(unknown("journal", "it could not be read"));
    to.push_back(
        above("journal", static_cast<double>(from.journal->entries), 0, HealthStatus::warn,
              fmt::format("entries that wait for SQL on this host: {}", from.journal->entries)));
}

void of_fsck(const StoreFigures& stores, TimePoint now, double limit, Checks& to) {
    if (!stores.redis_up) return;
    if (!stores.fsck) return to.push_back(unknown("orphans", "the audit trail did not say"));
    if (!stores.fsck->at) return;
    const auto minutes =
        std::chrono::duration<double, std::ratio<60>>(now - *stores.fsck->at).count();
    const auto age =
        minutes < 60 ? fmt::format("{:.0f} min", minutes) : fmt::format("{:.1f} h", minutes / 60);
    to.push_back(
        above("orphans", static_cast<double>(stores.fsck->left), limit, HealthStatus::warn,
              fmt::format("defects that vedfolnir fsck left {} ago: {}; --repair puts them right",
                          age, stores.fsck->left)));
    if (stores.fsck->left == 0)
        to.back().message = fmt::format("vedfolnir fsck left no defect {} ago", age);
}

void of_process(const Recent& recent, const HealthOptions& limits, Checks& to) {
    if (recent.operations < operations_min) {
        to.push_back(
            said("process.errors", HealthStatus::healthy, "judged from 100 loads and commits on"));
    } else {
        const double percent =
            100 * static_cast<double>(recent.failed) / static_cast<double>(recent.operations);
        to.push_back(above("process.errors", percent, limits.errors_percent,
                           fmt::format("{:.1f} % of loads and commits failed", percent)));
    }
    if (const auto& busy = recent.sql_busy_percent)
        to.push_back(above("process.sql_busy", *busy, limits.sql_busy_percent,
                           fmt::format("threads for SQL are busy {:.0f} % of the time", *busy)));
    if (!recent.resident_bytes)
        return to.push_back(unknown("process.memory", "/proc/self/statm cannot be read"));
    const double mb = static_cast<double>(*recent.resident_bytes) / (1U << 20U);
    to.push_back(above("process.memory", mb, limits.memory_mb,
                       fmt::format("this process holds {:.0f} MiB", mb)));
}

}  // namespace

std::string_view to_string(HealthStatus status) noexcept {
    switch (status) {
    case HealthStatus::healthy:
        return "healthy";
    case HealthStatus::warn:
        return "warn";
    case HealthStatus::critical:
        return "critical";
    case HealthStatus::unknown:
        break;
    }
    return "unknown";
}

std::vector<HealthCheck> assess(const MetricSources& sources, const HealthOptions& limits) {
    Checks checks;
    if (sources.process && sources.process->recent)
        of_process(*sources.process->recent, limits, checks);
    if (!sources.stores) return checks;
    of_redis(sources, limits, checks);
    if (sources.stores->sql_up) {
        checks.push_back(answer("sql", "SQL", *sources.stores->sql_up, sources.stores->sql_time,
                                limits.response_ms, HealthStatus::warn));
        of_sql_writes(*sources.stores, checks);
        of_sessions(*sources.stores, limits, checks);
        of_jobs(*sources.stores, limits, checks);
        of_fsck(*sources.stores, sources.now, limits.orphans, checks);
    }
    of_fallback(*sources.stores, checks);
    of_journal(sources, checks);
    return checks;
}

HealthStatus overall(const std::vector<HealthCheck>& checks) noexcept {
    const auto any = [&](HealthStatus status) {
        return std::ranges::any_of(checks, [&](const auto& each) { return each.status == status; });
    };
    if (checks.empty()) return HealthStatus::unknown;
    if (any(HealthStatus::critical)) return HealthStatus::critical;
    if (any(HealthStatus::warn) || any(HealthStatus::unknown)) return HealthStatus::warn;
    return HealthStatus::healthy;
}

}  // namespace vedfolnir::ops
