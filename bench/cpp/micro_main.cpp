// bench_micro: single steps, with Google Benchmark's options. The ones named `load` need a Redis (REDIS_URL).
#include "allocations.hpp"

#include <benchmark/benchmark.h>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
    try {
        vedfolnir::bench::count_openssl_allocations();
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
        benchmark::RunSpecifiedBenchmarks();
        benchmark::Shutdown();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "bench_micro: " << error.what() << '\n';
        return 1;
    }
}
