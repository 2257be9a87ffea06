#include "compose/validate.hpp"

#include "crypto/key_ring.hpp"
#include "web/set_cookie.hpp"

#include <fmt/format.h>

namespace vedfolnir::compose {
namespace {

// A lease and a run cost a few commands each; below these they would be most of the traffic.
constexpr Millis lease_min{500};
constexpr Millis lag_min{100};

Error refuse(std::string text) { return {Errc::bad_options, std::move(text)}; }

Result<void> check_lifetimes(const Lifetimes& lifetimes) {
    if (lifetimes.idle <= Seconds::zero()) return refuse("lifetimes.idle: must be positive");
    if (lifetimes.absolute <= Seconds::zero())
        return refuse("lifetimes.absolute: must be positive");
    if (lifetimes.touch_interval <= Seconds::zero())
        return refuse("lifetimes.touch_interval: must be positive");
    if (lifetimes.clock_skew_max < Seconds::zero())
        return refuse("lifetimes.clock_skew_max: must not be negative");
    return {};
}

Result<void> check_redis(const RedisOptions& redis) {
    if (redis.unix_socket.empty() && redis.host.empty())
        return refuse("redis.host: must not be empty");
    if (redis.unix_socket.empty() && redis.port == 0) return refuse("redis.port: must not be 0");
    if (redis.prefix.empty())
        return refuse("redis.prefix: must not be empty: two applications would meet");
    if (redis.prefix.find_first_of("{}") != std::string::npos)
        return refuse("redis.prefix: must not hold { or }");
    if (redis.connect_timeout <= Millis::zero())
        return refuse("redis.connect_timeout: must be positive");
    if (redis.request_timeout <= Millis::zero())
        return refuse("redis.request_timeout: must be positive");
    if (redis.tls && redis.tls->certificate_file.empty() != redis.tls->key_file.empty()) {
        return refuse("redis.tls: certificate_file and key_file belong together");
    }
    return {};
}

Result<void> check_limits(const ManagerOptions& options) {
    if (options.slow_operation.count() < 0) return refuse("slow_operation: must not be negative");
    if (options.request_budget <= Millis::zero()) return refuse("request_budget: must be positive");
    if (options.sql.statement_timeout <= Millis::zero())
        return refuse("sql.statement_timeout: must be positive");
    const auto& limits = options.limits;
    if (limits.payload_max == 0 || limits.keys_max == 0 || limits.depth_max == 0) {
        return refuse("limits: payload_max, keys_max and depth_max must be positive");
    }
    if (const auto& near = options.near_cache;
        near && (near->age_max <= Millis::zero() || near->entries_max == 0 || near->bytes_max == 0))
        return refuse("near_cache: age_max, entries_max and bytes_max must be positive");
    if (const auto& fallback = options.fallback;
        fallback && (fallback->hot_timeout <= Millis::zero() || fallback->calls_max == 0 ||
                     fallback->batch_max == 0 || fallback->poll_interval <= Millis::zero()))
        return refuse(
            "fallback: hot_timeout, calls_max, batch_max and poll_interval must be positive");
    if (const auto& endings = options.endings;
        endings.denied_max == 0 || endings.epochs_max == 0 || endings.waiting_max == 0)
        return refuse("endings: denied_max, epochs_max and waiting_max must be positive");
    if (options.journal.bytes_max < 4096 || options.journal.entries_max == 0)
        return refuse("journal: bytes_max must be 4096 or more, entries_max positive");
    if (options.identity.keys.empty())
        return refuse("identity.keys: at least one key names the user");
    return {};
}

Result<void> check_jobs(const JobOptions& jobs) {
    if (jobs.replaced_within < lease_min)
        return refuse("jobs.replaced_within: must be at least 500 ms");
    if (jobs.batch == 0 || jobs.batches_max == 0)
        return refuse("jobs: batch and batches_max must be positive");
    if (jobs.cleanup_interval <= Seconds::zero() || jobs.retention_interval <= Seconds::zero())
        return refuse("jobs: cleanup_interval and retention_interval must be positive");
    if (jobs.ended_kept < Seconds::zero() || jobs.audit_kept < Seconds::zero() ||
        jobs.restorable_backup < Seconds::zero())
        return refuse("jobs: ended_kept, audit_kept and restorable_backup must not be negative");
    if (jobs.snapshots && (jobs.snapshots->lag_max < lag_min || jobs.snapshots->batch == 0))
        return refuse("jobs.snapshots: lag_max must be at least 100 ms, and batch positive");
    return {};
}

Result<void> check_audit(const AuditOptions& audit) {
    if (audit.sign_interval < Seconds::zero())
        return refuse("audit: sign_interval must not be negative");
    return {};
}

Result<void> check_keys(const ManagerOptions& options) {
    if (options.plain_records && !options.development) {
        return refuse(
            "plain_records: refused outside development: sessions would be stored readable");
    }
    if (options.development) return {};
    if (options.keys.keys.empty()) {
        return Error{Errc::key_unavailable,
                     "keys: none given; make one with: vedfolnir keys generate"};
    }
    for (const auto& key : options.keys.keys) {
        if (auto why = crypto::weakness(key.secret)) {
            return Error{
                Errc::key_unavailable,
                fmt::format("key {}: {}; make one with: vedfolnir keys generate", key.id, *why)};
        }
    }
    return {};
}

}  // namespace

Result<void> validate(const ManagerOptions& options) {
    if (auto valid = web::validate(options.cookie); !valid) {
        return refuse(valid.error().public_message);
    }
    for (const auto& checked :
         {check_lifetimes(options.lifetimes), check_redis(options.redis), check_limits(options),
          check_jobs(options.jobs), check_audit(options.audit), check_keys(options)}) {
        if (!checked) return checked;
    }
    return {};
}

}  // namespace vedfolnir::compose
