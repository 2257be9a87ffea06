// bench_redis ROUNDS SECONDS: our loads from Redis beside hiredis and Boost.Redis, in one process on one server
// (REDIS_URL). Prints one JSON object: the rounds of each case, interleaved.
#include "cases.hpp"
#include "redis/keys.hpp"
#include "sessions.hpp"

#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

using namespace vedfolnir;

constexpr int sessions = 200;

bench::Workload workload(int rounds, double seconds) {
    bench::Workload work;
    work.options = bench::options();
    work.options.near_cache.reset();
    work.rounds = rounds;
    work.span = bench::Seconds(seconds);
    const auto manager = bench::value_of(SessionManager::open(work.options));
    const redis::Keyspace keyspace(work.options.redis.prefix);
    for (int number = 0; number < sessions; ++number) {
        work.cookies.push_back(bench::sign_in(manager, "bench-" + std::to_string(number)));
        work.keys.push_back(keyspace.record(bench::key_of(work.cookies.back())));
    }
    return work;
}

int run(int rounds, double seconds) {
    const auto work = workload(rounds, seconds);
    bench::Outcome outcome;
    bench::blocking(work, outcome);
    bench::in_flight(work, outcome);
    std::cout << boost::json::serialize(outcome.json()) << '\n';
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: bench_redis ROUNDS SECONDS\n";
        return 2;
    }
    try {
        return run(std::max(1, std::atoi(argv[1])), std::max(0.01, std::atof(argv[2])));
    } catch (const std::exception& error) {
        std::cerr << "bench_redis: " << error.what() << '\n';
        return 1;
    }
}
