// Why sessions are slow, and who else may reach Redis.
#include "ops/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace vedfolnir::ops {
namespace {

/// A round trip inside one data centre takes a tenth of that.
constexpr std::chrono::microseconds far_away{5'000};
constexpr double memory_warn = 0.8;
constexpr double memory_fail = 0.95;
/// The allocator's waste, from which on it is worth a word; of a nearly empty server it says nothing.
constexpr double fragmented = 1.5;
constexpr std::uint64_t fragmented_bytes_min = 64UL << 20U;
/// A part of the data is on disk then.
constexpr double swapped = 0.8;
constexpr double clients_warn = 0.8;
constexpr Millis wait_warn{200};
constexpr std::uint64_t mebibyte = 1UL << 20U;

bool answers(const RedisFacts& redis) { return redis.used && redis.round_trip.has_value(); }

Finding not_known(std::string id, std::string_view what) {
    return {std::move(id), Status::unknown,
            fmt::format("not known: {}; an operator's Redis user may ask (deploy/redis)", what),
            ""};
}

/// `7.0.15` as numbers; what is missing is 0.
std::array<unsigned, 3> version_of(std::string_view text) {
    std::array<unsigned, 3> parts{};
    for (unsigned& part : parts) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
        if (error != std::errc()) break;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (text.empty() || text.front() != '.') break;
        text.remove_prefix(1);
    }
    return parts;
}

struct Mended {
    std::string_view product;
    unsigned major;
    unsigned minor;
    unsigned patch;
};

/// The first releases without the flaw of CVE-2025-49844; those of CVE-2025-21605 came before them.
constexpr std::array mended{Mended{"Redis", 6, 2, 20}, Mended{"Redis", 7, 2, 11},
                            Mended{"Redis", 7, 4, 6},  Mended{"Redis", 8, 0, 4},
                            Mended{"Redis", 8, 2, 2},  Mended{"Valkey", 7, 2, 11},
                            Mended{"Valkey", 8, 0, 6}, Mended{"Valkey", 8, 1, 4}};

/// Empty: a product of which nothing is known.
std::optional<bool> is_mended(std::string_view product, const std::array<unsigned, 3>& version) {
    std::optional<bool> found;
    for (const Mended& each : mended) {
        if (each.product != product) continue;
        if (each.major == version[0] && each.minor == version[1]) return version[2] >= each.patch;
        // Of later lines the first release came after it.
        found = std::pair(version[0], version[1]) > std::pair(each.major, each.minor);
    }
    return found;
}

/// `bind` names addresses, `-` in front of those that may be missing.
bool only_here(std::string_view bind) {
    if (bind.empty()) return false;
    while (!bind.empty()) {
        const auto end = std::min(bind.find(' '), bind.size());
        auto address = bind.substr(0, end);
        bind.remove_prefix(std::min(end + 1, bind.size()));
        if (address.starts_with('-')) address.remove_prefix(1);
        if (!address.empty() && !address.starts_with("127.") && address != "::1") return false;
    }
    return true;
}

}  // namespace

Judged check_version(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis) || redis.server.empty()) return std::nullopt;
    const auto space = redis.server.find(' ');
    if (space == std::string::npos) return std::nullopt;
    const auto good =
        is_mended(redis.server.substr(0, space), version_of(redis.server.substr(space + 1)));
    if (!good) return std::nullopt;
    if (*good)
        return Finding{"redis.version", Status::ok, redis.server + " has no flaw known here", ""};
    return Finding{
        "redis.version", facts.development ? Status::ok : Status::warn,
        redis.server + " may have flaws in its Lua engine and in what it buffers for strangers "
                       "(CVE-2025-49844, CVE-2025-21605)",
        facts.development ? ""
                          : "update it; a distribution mends its package under the same number: "
                            "see its changelog"};
}

Judged check_exposure(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis)) return std::nullopt;
    if (!redis.bind || !redis.protected_mode || !redis.buffer_limit)
        return not_known("redis.exposure",
                         "its addresses, protected mode and buffer limits (CONFIG GET)");
    const Status bad = facts.development ? Status::ok : Status::warn;
    const auto said = [&](std::string message, std::string fix) {
        return Finding{"redis.exposure", bad, std::move(message),
                       facts.development ? std::string() : std::move(fix)};
    };
    const bool reachable = !only_here(*redis.bind) && redis.tcp.value_or(true);
    if (!reachable)
        return Finding{"redis.exposure", Status::ok, "Redis listens on this host only", ""};
    if (!*redis.protected_mode && redis.open_without_password.value_or(false))
        return said(
            "Redis listens on every network, without a password and without protected mode",
            "set bind to the addresses it is needed on, protected-mode yes, and a password");
    if (*redis.buffer_limit == 0)
        return said("Redis listens on other networks and buffers answers for clients without a "
                    "limit: one that reads nothing fills its memory",
                    "set client-output-buffer-limit \"normal 256mb 128mb 60\"");
    return Finding{
        "redis.exposure", Status::ok,
        fmt::format("Redis listens on {}, and limits what it buffers for a client", *redis.bind),
        ""};
}

Judged check_replicas(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis) || !redis.replicas) return std::nullopt;
    if (*redis.replicas == 0)
        return Finding{"redis.replicas", Status::ok,
                       "Redis has no replica, so that no failover can lose what it took", ""};
    if (!redis.replicas_demanded)
        return not_known("redis.replicas", "whether it demands replicas (CONFIG GET)");
    if (*redis.replicas_demanded > 0)
        return Finding{"redis.replicas", Status::ok,
                       fmt::format("changes are refused with fewer than {} replicas",
                                   *redis.replicas_demanded),
                       ""};
    return Finding{
        "redis.replicas", facts.development ? Status::ok : Status::warn,
        fmt::format("Redis takes changes without its replicas ({} of them now): a primary "
                    "that was cut off goes on by itself",
                    *redis.replicas),
        facts.development ? "" : "set min-replicas-to-write 1 and min-replicas-max-lag 10"};
}

Judged check_memory(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis) || !redis.memory) return std::nullopt;
    const RedisMemory& memory = *redis.memory;
    const double part = memory.limit == 0
                            ? 0
                            : static_cast<double>(memory.used) / static_cast<double>(memory.limit);
    if (part >= memory_warn)
        return Finding{"redis.memory", part >= memory_fail ? Status::fail : Status::warn,
                       fmt::format("Redis uses {:.0f} % of the memory it may: full, it refuses "
                                   "logins and changes",
                                   100 * part),
                       "raise maxmemory, or shorten REDIS_SESSION_TIMEOUT; vedfolnir fsck finds "
                       "what should not be there"};
    if (memory.used >= fragmented_bytes_min && memory.fragmentation < swapped)
        return Finding{"redis.memory", Status::warn,
                       fmt::format("a part of Redis' {} MiB is swapped out: each touch of it waits "
                                   "for the disk",
                                   memory.used / mebibyte),
                       "give the host more memory, or set maxmemory below what it has"};
    if (memory.used >= fragmented_bytes_min && memory.fragmentation > fragmented)
        return Finding{"redis.memory", Status::warn,
                       fmt::format("Redis holds {:.1f} times the memory that its data needs",
                                   memory.fragmentation),
                       "set activedefrag yes, or restart it at a quiet time"};
    return Finding{"redis.memory", Status::ok,
                   memory.limit == 0 ? fmt::format("Redis uses {} MiB, without a limit of its own",
                                                   memory.used / mebibyte)
                                     : fmt::format("Redis uses {:.0f} % of its memory", 100 * part),
                   ""};
}

Judged check_clients(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis) || !redis.clients || redis.clients->limit == 0) return std::nullopt;
    const auto& [connected, limit] = *redis.clients;
    const double part = static_cast<double>(connected) / static_cast<double>(limit);
    if (part >= clients_warn)
        return Finding{"redis.clients", Status::warn,
                       fmt::format("{} of {} connections of Redis are taken: the next ones are "
                                   "refused",
                                   connected, limit),
                       "raise maxclients; CLIENT LIST says who holds them"};
    return Finding{"redis.clients", Status::ok,
                   fmt::format("{} of {} connections are taken", connected, limit), ""};
}

Judged check_round_trip(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis)) return std::nullopt;
    const auto ms = static_cast<double>(redis.round_trip->count()) / 1000;
    if (*redis.round_trip < far_away)
        return Finding{"redis.latency", Status::ok, fmt::format("PING takes {:.1f} ms", ms), ""};
    return Finding{
        "redis.latency", Status::warn,
        fmt::format("PING takes {:.1f} ms: Redis is far away or busy, and each load that "
                    "the near cache does not save waits for it",
                    ms),
        "put it beside the application; redis-cli --latency on its own host shows the "
        "network's share"};
}

Judged check_slow_commands(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis)) return std::nullopt;
    if (!redis.slow) return not_known("redis.slow", "its slow commands (SLOWLOG GET)");
    if (redis.slow->empty())
        return Finding{"redis.slow", Status::ok, "no command was slow in the last hour", ""};
    const auto longest = std::ranges::max_element(*redis.slow, {}, &SlowCommand::took);
    return Finding{"redis.slow", Status::warn,
                   fmt::format("slow commands in the last hour: {}; {} took {:.0f} ms: all "
                               "others waited for it",
                               redis.slow->size(), longest->name,
                               static_cast<double>(longest->took.count()) / 1000),
                   "SLOWLOG GET names them and their clients; keep KEYS, SORT and long scripts off "
                   "this Redis"};
}

Judged check_copies(const Facts& facts) {
    const auto& redis = facts.redis;
    if (!answers(redis) || !redis.current) return std::nullopt;
    if (*redis.current)
        return Finding{"redis.copies", Status::ok, "no session is older than its copy in SQL", ""};
    return Finding{
        "redis.copies", Status::warn,
        "since Redis restarted, failed over or came back from a backup, not all copies in SQL "
        "were put back into it: SQL is asked with each session, and while it is away "
        "those sessions are unknown (503)",
        "the job recovery does it by itself (vedfolnir jobs says whether anybody does the "
        "background work); vedfolnir recover does it now"};
}

Judged check_session_size(const Facts& facts) {
    const auto& sizes = facts.session_sizes;
    if (!sizes || sizes->looked_at == 0) return std::nullopt;
    if (sizes->large == 0)
        return Finding{"sessions.size", Status::ok,
                       fmt::format("sessions looked at: {}; the largest has {} KiB",
                                   sizes->looked_at, (sizes->largest + 1023) / 1024),
                       ""};
    return Finding{"sessions.size", Status::warn,
                   fmt::format("{} of {} sessions have over {} KiB, the largest {}: each load and "
                               "each save carries all of it",
                               sizes->large, sizes->looked_at, SessionSizes::large_from / 1024,
                               (sizes->largest + 1023) / 1024),
                   fmt::format("keep large values elsewhere; vedfolnir inspect {} shows what the "
                               "largest holds",
                               sizes->handle)};
}

Judged check_database_wait(const Facts& facts) {
    const auto& database = facts.database;
    if (!database.took || !database.waited) return std::nullopt;
    const auto said = fmt::format("a small transaction took {} ms, {} of them until its turn",
                                  database.took->count(), database.waited->count());
    if (*database.took < wait_warn) return Finding{"database.wait", Status::ok, said, ""};
    return Finding{"database.wait", Status::warn, said + ": logins and logouts wait as long",
                   database.is_file
                       ? "see what holds the database (a backup, a shell, a long transaction) and "
                         "how fast its disk is"
                       : "see which transactions are open (pg_stat_activity, SHOW PROCESSLIST) and "
                         "how many connections the server allows"};
}

}  // namespace vedfolnir::ops
