// bench_memory ENTRIES: what a near-cache entry takes, by the growth of this process. Prints one JSON object.
#include "sessions.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace vedfolnir;

/// Resident bytes, after everything that is free went back to the system.
double resident_bytes() {
    malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void load_all(const SessionManager& manager, const std::vector<std::string>& cookies) {
    for (const auto& cookie : cookies) {
        const auto session =
            bench::value_of(manager.load(bench::request_with(manager.options(), cookie)));
        if (!session.found()) throw std::runtime_error("a session was not found");
    }
}

int run(std::size_t entries) {
    auto options = bench::options();
    auto writing = options;
    writing.near_cache.reset();
    options.near_cache->entries_max = entries;
    options.near_cache->bytes_max = std::size_t{1} << 30;
    options.near_cache->age_max = Millis{3'600'000};
    std::vector<std::string> cookies;
    {
        const auto writer = bench::value_of(SessionManager::open(writing));
        for (std::size_t number = 0; number < entries; ++number)
            cookies.push_back(bench::make_anonymous(writer));
    }
    const auto manager = bench::value_of(SessionManager::open(options));
    load_all(manager, {cookies.front()});
    const double before = resident_bytes();
    load_all(manager, cookies);
    const double filled = resident_bytes();
    load_all(manager, cookies);
    const double opened = resident_bytes();
    const auto counters = manager.counters();
    const auto count = static_cast<double>(entries);
    boost::json::object out{{"entries", entries},
                            {"bytes_filled", (filled - before) / count},
                            {"bytes_opened", (opened - before) / count},
                            {"hits", counters.near_hits}};
    std::cout << boost::json::serialize(out) << '\n';
    return counters.near_hits >= entries ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: bench_memory ENTRIES\n";
        return 2;
    }
    try {
        return run(static_cast<std::size_t>(std::max(1, std::atoi(argv[1]))));
    } catch (const std::exception& error) {
        std::cerr << "bench_memory: " << error.what() << '\n';
        return 1;
    }
}
