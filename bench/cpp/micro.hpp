// What the micro benchmarks share.
#pragma once

#include "allocations.hpp"

#include <benchmark/benchmark.h>

namespace vedfolnir::bench {

/// Runs `operation` as often as the benchmark wants, and reports allocations per run.
template <class Operation>
void measure(benchmark::State& state, Operation operation) {
    const std::size_t before = allocations();
    for ([[maybe_unused]] const auto& each : state) operation();
    state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations() - before),
                                                       benchmark::Counter::kAvgIterations);
}

}  // namespace vedfolnir::bench
