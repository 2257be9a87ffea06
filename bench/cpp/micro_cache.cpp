// A near-cache hit: its parts, and SessionManager::load as a whole.
#include "cache/record_map.hpp"
#include "cache/stripe_table.hpp"
#include "micro.hpp"
#include "sessions.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t sessions = 200;

StoreKey key_number(std::uint64_t number) {
    // Spread as digests are: multiplied by an odd number without pattern.
    const std::array<std::uint64_t, 2> spread{(number + 1) * 0x9e3779b97f4a7c15U,
                                              (number + 1) * 0xc2b2ae3d27d4eb4fU};
    StoreKey key{static_cast<std::uint8_t>(number), {}};
    std::memcpy(key.digest.data(), spread.data(), key.digest.size());
    return key;
}

void stripe_read(benchmark::State& state) {
    const auto table = cache::StripeTable::private_table();
    std::uint64_t number = 0;
    measure(state, [&] { benchmark::DoNotOptimize(table->read(key_number(number++ % sessions))); });
}
BENCHMARK(stripe_read)->Name("stripe table: read");

void stripe_raise(benchmark::State& state) {
    const auto table = cache::StripeTable::private_table();
    std::uint64_t number = 0;
    measure(state,
            [&] { benchmark::DoNotOptimize(table->raise(key_number(number++ % sessions))); });
}
BENCHMARK(stripe_raise)->Name("stripe table: raise");

void record_find(benchmark::State& state) {
    static constexpr std::size_t entries = 20'000;
    static const auto map = [] {
        auto made = std::make_unique<cache::RecordMap>(entries, std::size_t{1} << 30);
        for (std::size_t number = 0; number < entries; ++number) {
            auto entry = std::make_shared<cache::Entry>(std::string(500, 'x'));
            entry->key = key_number(number);
            made->insert(std::move(entry));
        }
        return made;
    }();
    std::uint64_t number = 0;
    measure(state, [&] { benchmark::DoNotOptimize(map->find(key_number(number++ % entries))); });
}
BENCHMARK(record_find)->Name("record map: find among 20 000");

/// A manager whose near cache holds all sessions.
struct Warm {
    Warm() : manager(open()) {
        for (std::size_t number = 0; number < sessions; ++number) {
            const auto cookie = sign_in(manager, "bench-" + std::to_string(number));
            requests.push_back(request_with(manager.options(), cookie));
        }
        for (const auto& request : requests) static_cast<void>(value_of(manager.load(request)));
    }

    static SessionManager open() {
        ManagerOptions made = options();
        // The measurement must not outlive the entries: loads from Redis have a program of their own.
        made.near_cache->age_max = Millis{3'600'000};
        return value_of(SessionManager::open(std::move(made)));
    }

    SessionManager manager;
    std::vector<RequestContext> requests;
};

double nanoseconds(Clock::duration time) {
    return static_cast<double>(std::chrono::nanoseconds(time).count());
}

/// Median and 99th percentile of single hits; the clock's own share is in them.
void add_distribution(benchmark::State& state, const Warm& warm) {
    std::vector<Clock::duration> times;
    times.reserve(20'000);
    for (std::size_t number = 0; number < times.capacity(); ++number) {
        const auto before = Clock::now();
        auto session = warm.manager.load(warm.requests[number % sessions]);
        benchmark::DoNotOptimize(session);
        times.push_back(Clock::now() - before);
    }
    std::ranges::sort(times);
    state.counters["p50_ns"] = nanoseconds(times[times.size() / 2]);
    state.counters["p99_ns"] = nanoseconds(times[times.size() * 99 / 100]);
}

void load_hit(benchmark::State& state) {
    static const Warm warm;
    std::size_t number = 0;
    const auto before = warm.manager.counters();
    measure(state, [&] {
        auto session = warm.manager.load(warm.requests[number++ % sessions]);
        benchmark::DoNotOptimize(session);
    });
    const auto after = warm.manager.counters();
    if (after.near_hits - before.near_hits != after.loads - before.loads) {
        state.SkipWithError("not every load was a hit");
    }
    add_distribution(state, warm);
}
BENCHMARK(load_hit)->Name("SessionManager::load, near-cache hit");

}  // namespace
}  // namespace vedfolnir::bench
