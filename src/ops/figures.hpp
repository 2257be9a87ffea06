// What a measurement of one's own installation says: distributions, and advice that follows from them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace vedfolnir::ops {

using Microseconds = std::chrono::duration<double, std::micro>;

/// How long the operations of one kind took. All zero where there were none.
struct Distribution {
    std::size_t count = 0;
    Microseconds p50{}, p90{}, p99{}, max{};
};

/// Order does not matter.
[[nodiscard]] Distribution distribution(std::vector<Microseconds> times);

/// What was measured, and under which settings.
struct Measured {
    bool redis = true;  ///< Else sessions live in SQL.
    bool near_cache = false;
    bool unix_socket = false;
    bool loopback = false;  ///< Over TCP, on this host.
    bool tls = false;
    Distribution load;      ///< From the store.
    Distribution near_hit;  ///< From the near cache; none where it is off.
    Distribution save, touch, login, end;
};

/// What to look at, most useful first; never empty.
[[nodiscard]] std::vector<std::string> advice(const Measured& measured);

}  // namespace vedfolnir::ops
