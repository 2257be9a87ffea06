#include "ops/checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace vedfolnir::ops {
namespace {

constexpr std::array<std::string_view, 5> connection_steps{"resolve", "connect", "tls", "auth",
                                                           "ping"};
constexpr Millis clock_tolerance{2000};

bool is_connection(const RedisStep& step) {
    return std::find(connection_steps.begin(), connection_steps.end(), step.name) !=
           connection_steps.end();
}

const RedisStep* failed_step(const RedisFacts& redis) {
    const auto found = std::find_if(redis.steps.begin(), redis.steps.end(),
                                    [](const auto& step) { return !step.passed; });
    return found == redis.steps.end() ? nullptr : &*found;
}

bool connected(const RedisFacts& redis) {
    const auto* failed = failed_step(redis);
    return !redis.steps.empty() && (failed == nullptr || !is_connection(*failed));
}

bool passed(const RedisFacts& redis, std::string_view name) {
    return std::any_of(redis.steps.begin(), redis.steps.end(),
                       [&](const auto& step) { return step.passed && step.name == name; });
}

// What to do about failures whose message says only what is wrong.
std::string_view fix_for(std::string_view failure) noexcept {
    struct Fix {
        std::string_view failure;
        std::string_view text;
    };
    static constexpr std::array fixes{
        Fix{"password_missing", "set REDIS_PASSWORD, and REDIS_USERNAME for an ACL user"},
        Fix{"password_wrong", "correct REDIS_USERNAME and REDIS_PASSWORD"},
        Fix{"not_installed", "run vedfolnir redis install as a user who may FUNCTION LOAD"},
        Fix{"tls_files", "correct REDIS_SSL_CA_CERTS, REDIS_SSL_CERTFILE and REDIS_SSL_KEYFILE"},
        Fix{"not_redis", "correct REDIS_URL, or REDIS_HOST and REDIS_PORT"},
        Fix{"no_answer",
            "see whether Redis hangs or a firewall drops packets; see its log and slow log"},
        Fix{"primary_down", "bring the primary back, or connect to the present one"},
        Fix{"replicas_missing", "bring the replicas back, or lower min-replicas-to-write"},
        Fix{"snapshots_failing", "free disk space where Redis writes, and see its log"},
    };
    for (const auto& fix : fixes) {
        if (fix.failure == failure) return fix.text;
    }
    return "see the log of Redis";
}

// A step's message is one sentence on what is wrong and, mostly, another on what to do.
Finding failure(std::string id, const RedisStep& step) {
    const auto stop = step.message.find(". ");
    const bool says_fix = stop != std::string::npos;
    auto message = says_fix ? step.message.substr(0, stop + 1) : step.message;
    std::string fix = says_fix ? step.message.substr(stop + 2) : std::string(fix_for(step.failure));
    message += fmt::format(" [{}]", step.failure);
    if (!step.detail.empty()) message += fmt::format(" ({})", step.detail);
    return {std::move(id), Status::fail, std::move(message), std::move(fix)};
}

Finding not_asked(std::string id) {
    return {std::move(id), Status::unknown, "not checked: Redis does not answer", ""};
}

Finding not_permitted(std::string id, std::string_view what) {
    return {std::move(id), Status::unknown, fmt::format("this Redis user may not ask for {}", what),
            ""};
}

}  // namespace

Judged check_connection(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (redis.steps.empty()) return not_asked("redis.connection");
    const auto* failed = failed_step(redis);
    if (failed != nullptr && is_connection(*failed)) return failure("redis.connection", *failed);
    const std::string server = redis.server.empty() ? "" : fmt::format(" ({})", redis.server);
    return Finding{"redis.connection", Status::ok,
                   fmt::format("{} answers{}", redis.address, server), ""};
}

Judged check_functions(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!connected(redis)) return not_asked("redis.functions");
    const auto* failed = failed_step(redis);
    if (failed != nullptr && failed->name == "functions")
        return failure("redis.functions", *failed);
    if (!passed(redis, "functions"))
        return Finding{"redis.functions", Status::unknown, "not checked", ""};
    if (redis.library < redis.library_wanted) {
        return Finding{"redis.functions", Status::fail,
                       fmt::format("the function library is version {}, {} is needed",
                                   redis.library, redis.library_wanted),
                       "run vedfolnir redis install as a user who may FUNCTION LOAD"};
    }
    return Finding{"redis.functions", Status::ok,
                   fmt::format("the function library is version {}", redis.library), ""};
}

Judged check_record(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    const auto* failed = failed_step(redis);
    if (failed != nullptr &&
        (failed->name == "write" || failed->name == "read" || failed->name == "erase")) {
        return failure("redis.record", *failed);
    }
    if (!passed(redis, "erase")) {
        return Finding{"redis.record", Status::unknown, "not checked: an earlier step failed", ""};
    }
    return Finding{"redis.record", Status::ok, "a record was written, read and removed", ""};
}

Judged check_open(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!redis.open_without_password)
        return Finding{"redis.password", Status::unknown, "not checked: Redis does not answer", ""};
    if (!*redis.open_without_password)
        return Finding{"redis.password", Status::ok, "Redis demands a password", ""};
    const char* fix =
        "set requirepass or ACL users in Redis (see vedfolnir redis acl), and REDIS_PASSWORD here";
    if (!redis.loopback) {
        return Finding{
            "redis.password", Status::fail,
            fmt::format("{} lets everybody on the network in without a password", redis.address),
            fix};
    }
    return Finding{"redis.password", facts.development ? Status::ok : Status::warn,
                   "Redis lets every user of this host in without a password",
                   facts.development ? "" : fix};
}

Judged check_encryption(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (redis.tls && redis.tls_verified)
        return Finding{"redis.encryption", Status::ok, "TLS, certificate verified", ""};
    if (redis.tls) {
        return Finding{"redis.encryption", Status::warn,
                       "TLS without verification: anybody on the way can read along",
                       "name the CA with REDIS_SSL_CA_CERTS and remove REDIS_SSL_CERT_REQS=none"};
    }
    if (redis.loopback)
        return Finding{"redis.encryption", Status::ok,
                       "not encrypted, but it does not leave this host", ""};
    return Finding{"redis.encryption", Status::warn,
                   fmt::format("the connection to {} is not encrypted", redis.address),
                   "use rediss:// where others can listen on the network"};
}

Judged check_permissions(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!connected(redis) || !redis.needless_permissions) return not_asked("redis.permissions");
    if (redis.needless_permissions->empty()) {
        return Finding{"redis.permissions", Status::ok,
                       "the Redis user may do what sessions need, and not more of what was tried",
                       ""};
    }
    return Finding{"redis.permissions", facts.development ? Status::ok : Status::warn,
                   fmt::format("the Redis user may do more than sessions need: {}",
                               fmt::join(*redis.needless_permissions, ", ")),
                   facts.development ? "" : "give it the rules that vedfolnir redis acl prints"};
}

Judged check_eviction(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!connected(redis)) return not_asked("redis.eviction");
    if (!redis.eviction_policy)
        return not_permitted("redis.eviction", "its eviction policy (INFO memory)");
    if (*redis.eviction_policy != "noeviction") {
        return Finding{"redis.eviction", Status::fail,
                       fmt::format("maxmemory-policy is {}: a full Redis silently logs people out",
                                   *redis.eviction_policy),
                       "set maxmemory-policy noeviction and watch its memory"};
    }
    if (redis.evicted_keys.value_or(0) > 0) {
        return Finding{
            "redis.eviction", Status::warn,
            fmt::format("keys evicted since Redis started: {}; sessions may be among them",
                        *redis.evicted_keys),
            "the policy is noeviction now; restart Redis or CONFIG RESETSTAT to clear the number"};
    }
    return Finding{"redis.eviction", Status::ok,
                   "noeviction: a full Redis refuses writes and forgets nobody", ""};
}

Judged check_persistence(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!connected(redis)) return not_asked("redis.persistence");
    if (!redis.append_only_file)
        return not_permitted("redis.persistence", "its persistence (INFO persistence)");
    if (*redis.append_only_file)
        return Finding{"redis.persistence", Status::ok, "the append-only file is on", ""};
    return Finding{"redis.persistence", facts.development ? Status::ok : Status::warn,
                   "the append-only file is off: a restart of Redis logs people out",
                   facts.development ? "" : "set appendonly yes"};
}

Judged check_clock(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!redis.used) return std::nullopt;
    if (!connected(redis)) return not_asked("redis.clock");
    if (!redis.clock_ahead) return not_permitted("redis.clock", "its time (TIME)");
    const auto ahead = redis.clock_ahead->count();
    const auto away = std::chrono::abs(*redis.clock_ahead);
    const auto text = fmt::format("the clock of Redis is {} ms {} this host's", std::abs(ahead),
                                  ahead < 0 ? "behind" : "ahead of");
    const char* fix = "synchronise both clocks (chrony, systemd-timesyncd)";
    if (away > facts.clock_skew_max)
        return Finding{"redis.clock", Status::fail, text + ": sessions are refused", fix};
    if (away > clock_tolerance) return Finding{"redis.clock", Status::warn, text, fix};
    return Finding{"redis.clock", Status::ok, text, ""};
}

}  // namespace vedfolnir::ops
