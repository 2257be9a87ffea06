// Rounds of one case: how long each operation took, and what processor time all of them used.
#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// One round of one case. Times in microseconds.
struct Round {
    double p50 = 0, p99 = 0, mean = 0;
    double cpu = 0;  ///< Of the whole process, per operation.
    double per_second = 0;
    std::size_t operations = 0;
};

/// Collects the times of one round; construction starts it.
class Recorder {
public:
    explicit Recorder(std::size_t expected = 1'000'000) { times_.reserve(expected); }
    void add(Clock::duration time) { times_.push_back(time); }
    /// What was recorded since construction. Throws std::runtime_error when that is nothing.
    [[nodiscard]] Round finish();

private:
    std::vector<Clock::duration> times_;
    Clock::time_point started_ = Clock::now();
    double cpu_started_ = cpu_seconds();

    [[nodiscard]] static double cpu_seconds();
};

/// Runs `operation(n)` one after another for `span`, each timed, after a few that are not.
template <class Operation>
[[nodiscard]] Round one_by_one(Seconds span, Operation operation) {
    constexpr std::size_t warm_up = 200;
    std::size_t number = 0;
    while (number < warm_up) operation(number++);
    Recorder recorder;
    const auto end = Clock::now() + span;
    for (auto before = Clock::now(); before < end;) {
        operation(number++);
        const auto after = Clock::now();
        recorder.add(after - before);
        before = after;
    }
    return recorder.finish();
}

/// All rounds of all cases, in the order of their first round.
class Outcome {
public:
    void add(const std::string& name, const Round& round);
    /// `{"<case>": [{"p50_us": ..., ...}, ...]}`
    [[nodiscard]] boost::json::object json() const;

private:
    std::vector<std::pair<std::string, std::vector<Round>>> cases_;
};

}  // namespace vedfolnir::bench
