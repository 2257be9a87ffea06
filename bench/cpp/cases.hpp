// The two parts of bench_redis.
#pragma once

#include "measure.hpp"
#include "vedfolnir/options.hpp"

#include <string>
#include <vector>

namespace vedfolnir::bench {

/// What every case works on.
struct Workload {
    ManagerOptions options;            ///< Near cache off.
    std::vector<std::string> cookies;  ///< Of signed-in sessions.
    std::vector<std::string> keys;  ///< Of their records, in the same order, as Redis names them.
    int rounds = 5;
    Seconds span{1};
};

/// One request at a time: the caller waits for each.
void blocking(const Workload& work, Outcome& outcome);

/// 256 requests in flight on one connection and one thread.
void in_flight(const Workload& work, Outcome& outcome);

}  // namespace vedfolnir::bench
