// bench_database: what SQL costs. The environment names Redis (REDIS_URL) and the database (SESSION_DATABASE_URL).
//
//   bench_database logins ROUNDS SECONDS             logins by 1, 8 and 32 callers at once
//   bench_database fallback ROUNDS SECONDS SESSIONS  loads while the database stands in for Redis
//   bench_database fill SESSIONS                     that many logins, each copied to SQL
//
// The first two print one JSON object: the rounds of each case, interleaved.
#include "measure.hpp"
#include "sessions.hpp"
#include "vedfolnir/environment.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vedfolnir;
using bench::Clock;

constexpr std::size_t callers[] = {1, 8, 32};

/// Runs `work(caller)` in as many threads; the first exception of any is thrown here, after all have ended.
void at_once(std::size_t count, const std::function<void(std::size_t)>& work) {
    std::vector<std::exception_ptr> failures(count);
    {
        std::vector<std::jthread> threads;
        for (std::size_t caller = 0; caller < count; ++caller) {
            threads.emplace_back([&, caller] {
                try {
                    work(caller);
                } catch (...) {
                    failures[caller] = std::current_exception();
                }
            });
        }
    }
    for (const auto& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
}

/// `operation(n)`, n never repeated within the round, by so many callers for `span`.
bench::Round round_of(std::size_t count, bench::Seconds span,
                      const std::function<void(std::size_t)>& operation) {
    std::atomic<std::size_t> next{0};
    std::vector<std::vector<Clock::duration>> times(count);
    bench::Recorder recorder;
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(span);
    at_once(count, [&](std::size_t caller) {
        for (auto before = Clock::now(); before < end;) {
            operation(next++);
            const auto after = Clock::now();
            times[caller].push_back(after - before);
            before = after;
        }
    });
    for (const auto& some : times) {
        for (const auto time : some) recorder.add(time);
    }
    return recorder.finish();
}

std::string user(std::size_t number) { return "bench-" + std::to_string(number); }

void print(const bench::Outcome& outcome) {
    std::cout << boost::json::serialize(outcome.json()) << '\n';
}

void logins(int rounds, bench::Seconds span) {
    const auto manager = bench::value_of(SessionManager::open(bench::options()));
    bench::Outcome outcome;
    std::size_t made = 0;
    for (int round = 0; round < rounds; ++round) {
        for (const std::size_t count : callers) {
            const std::size_t first = made;
            const auto measured = round_of(count, span, [&](std::size_t number) {
                (void)bench::sign_in(manager, user(first + number));
            });
            made += measured.operations;
            outcome.add(std::to_string(count) + (count == 1 ? " caller" : " callers"), measured);
        }
    }
    print(outcome);
}

/// Their cookie values, once SQL has a copy of each.
std::vector<std::string> copied_sessions(const SessionManager& manager, std::size_t count) {
    std::vector<std::string> cookies(count);
    std::atomic<std::size_t> next{0};
    at_once(32, [&](std::size_t) {
        for (std::size_t number = next++; number < count; number = next++)
            cookies[number] = bench::sign_in(manager, user(number));
    });
    // A login whose copy was not part of it is copied within this time.
    std::this_thread::sleep_for(3 * manager.options().jobs.snapshots->lag_max);
    return cookies;
}

ManagerOptions copying_options() {
    auto options = bench::options();
    options.jobs.run = true;
    options.near_cache.reset();
    return options;
}

void fallback(int rounds, bench::Seconds span, std::size_t sessions) {
    const auto manager = bench::value_of(SessionManager::open(copying_options()));
    const auto cookies = copied_sessions(manager, sessions);
    std::vector<RequestContext> requests;
    for (const auto& cookie : cookies)
        requests.push_back(bench::request_with(manager.options(), cookie));
    (void)bench::value_of(manager.set_fallback(FallbackMode::on, "bench"));
    const auto load = [&](std::size_t number) {
        const auto session = bench::value_of(manager.load(requests[number % sessions]));
        if (!session.found()) throw std::runtime_error("a session was not found");
    };
    bench::Outcome outcome;
    for (int round = 0; round < rounds; ++round) {
        for (const std::size_t count : callers)
            outcome.add(std::to_string(count) + (count == 1 ? " caller" : " callers"),
                        round_of(count, span, load));
    }
    if (manager.counters().fallback_reads == 0)
        throw std::runtime_error("the database was not asked");
    print(outcome);
}

/// Under the keys of the environment: other programs go on with these sessions.
void fill(std::size_t sessions) {
    auto options = copying_options();
    options.keys = bench::value_of(options_from_environment()).keys;
    const auto manager = bench::value_of(SessionManager::open(std::move(options)));
    (void)copied_sessions(manager, sessions);
    (void)manager.stop_jobs(Millis{10'000});
}

int usage() {
    std::cerr << "usage: bench_database logins ROUNDS SECONDS\n"
                 "       bench_database fallback ROUNDS SECONDS SESSIONS\n"
                 "       bench_database fill SESSIONS\n";
    return 2;
}

std::size_t count_of(const char* text) {
    return static_cast<std::size_t>(std::max(1, std::atoi(text)));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    try {
        if (what == "fill" && argc == 3)
            fill(count_of(argv[2]));
        else if (what == "logins" && argc == 4)
            logins(static_cast<int>(count_of(argv[2])), bench::Seconds(std::atof(argv[3])));
        else if (what == "fallback" && argc == 5)
            fallback(static_cast<int>(count_of(argv[2])), bench::Seconds(std::atof(argv[3])),
                     count_of(argv[4]));
        else
            return usage();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "bench_database: " << error.what() << '\n';
        return 1;
    }
}
