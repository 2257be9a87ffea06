#include "ops/figures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::ops {
namespace {

constexpr Microseconds goal{1000};
/// A round trip inside one data centre stays below this.
constexpr Microseconds far_away{1000};
/// A login waits for the disk once more than a save; good disks need a few milliseconds.
constexpr Microseconds slow_disk{10'000};
constexpr double long_tail = 10;
/// Percentiles of fewer are not worth a word.
constexpr std::size_t tail_count_min = 100;

std::string text(Microseconds time) {
    return time < Microseconds(1000) ? fmt::format("{:.0f} µs", time.count())
                                     : fmt::format("{:.1f} ms", time.count() / 1000);
}

void about_goal(const Measured& measured, std::vector<std::string>& out) {
    const Distribution& load = measured.load;
    out.push_back(
        load.p99 < goal
            ? fmt::format("Loads stay below 1 ms at the median and at p99 ({}).", text(load.p99))
            : fmt::format("Loads do not stay below 1 ms: p50 {}, p99 {}.", text(load.p50),
                          text(load.p99)));
}

void about_settings(const Measured& measured, std::vector<std::string>& out) {
    if (!measured.redis) {
        out.emplace_back(
            "Sessions live in SQL. With Redis a load takes microseconds, not a query.");
        return;
    }
    if (!measured.near_cache) {
        out.push_back(
            fmt::format("The near cache is off: every request that reads its session pays "
                        "a load ({}). VEDFOLNIR_NEAR_CACHE=true saves it.",
                        text(measured.load.p50)));
    }
    if (measured.load.p50 > far_away) {
        out.push_back(
            fmt::format("A load takes {} at the median: Redis is far away or busy. Put it "
                        "beside the application; redis-cli --latency shows the network's "
                        "share.",
                        text(measured.load.p50)));
    }
    if (measured.loopback && !measured.unix_socket) {
        out.emplace_back("Redis is on this host: a Unix socket (REDIS_URL=unix:///path) is cheaper "
                         "than TCP.");
    }
    if (measured.tls && measured.loopback) {
        out.emplace_back("TLS on this host's own loopback costs time and protects nothing that the "
                         "host does not see anyway.");
    }
}

void about_disk(const Measured& measured, std::vector<std::string>& out) {
    const auto waits = measured.login.p50 - measured.save.p50;
    if (waits < slow_disk) return;
    out.push_back(
        fmt::format("A login takes {} more than a save: its SQL transaction waits for the "
                    "disk. Put the database on a local disk with fast fsync.",
                    text(waits)));
}

void about_tails(const Measured& measured, std::vector<std::string>& out) {
    const std::pair<const char*, const Distribution*> kinds[] = {
        {"loads", &measured.load}, {"saves", &measured.save}, {"touches", &measured.touch}};
    for (const auto& [name, of] : kinds) {
        if (of->count < tail_count_min || of->p99 < goal || of->p99 < of->p50 * long_tail) continue;
        out.push_back(
            fmt::format("One in a hundred {} takes {}, the median {}: look at SLOWLOG, at "
                        "appendfsync, and at what else runs on both hosts.",
                        name, text(of->p99), text(of->p50)));
    }
}

}  // namespace

Distribution distribution(std::vector<Microseconds> times) {
    Distribution out;
    if (times.empty()) return out;
    std::ranges::sort(times);
    const auto at = [&](std::size_t percent) {
        return times[std::min(times.size() - 1, times.size() * percent / 100)];
    };
    out.count = times.size();
    out.p50 = at(50);
    out.p90 = at(90);
    out.p99 = at(99);
    out.max = times.back();
    return out;
}

std::vector<std::string> advice(const Measured& measured) {
    std::vector<std::string> out;
    about_goal(measured, out);
    about_settings(measured, out);
    about_disk(measured, out);
    about_tails(measured, out);
    return out;
}

}  // namespace vedfolnir::ops
