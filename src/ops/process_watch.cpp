#include "ops/process_watch.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <unistd.h>

namespace vedfolnir::ops {
namespace {

using runtime::AtomicCounters;

constexpr std::chrono::minutes window{5};
/// Looks that follow one another faster are compared, and not kept.
constexpr std::chrono::seconds kept_every{10};
/// The part of a shorter time says nothing: a process that just began connects and migrates.
constexpr std::chrono::minutes busy_judged_from{1};

constexpr std::array commits{Operation::create, Operation::save, Operation::touch,
                             Operation::login,  Operation::end,  Operation::commit_failed};

std::uint64_t count_of(const AtomicCounters& counters, Operation operation) {
    return counters.timings[static_cast<std::size_t>(operation)].read().count();
}

/// Of `threads` threads that worked `busy_us` together.
double percent_busy(std::uint64_t busy_us, std::uint64_t threads, double elapsed_us) {
    if (threads == 0 || elapsed_us <= 0) return 0;
    return 100 * static_cast<double>(busy_us) / (static_cast<double>(threads) * elapsed_us);
}

std::optional<std::uint64_t> resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    if (!(file >> all >> resident)) return std::nullopt;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Recent ProcessWatch::look(const AtomicCounters& counters, Clock::time_point now) {
    Sample sample{now, counters.loads, counters.loads_unknown, counters.sql_writing_us,
                  counters.sql_reading_us};
    for (const Operation each : commits) sample.operations += count_of(counters, each);
    sample.failed += count_of(counters, Operation::commit_failed);

    const std::lock_guard lock(mutex_);
    while (seen_.size() > 1 && seen_[1].at + window <= now) seen_.pop_front();
    const Sample& before = seen_.front();
    Recent recent;
    recent.operations = sample.operations - before.operations;
    recent.failed = sample.failed - before.failed;
    const double elapsed = std::chrono::duration<double, std::micro>(now - before.at).count();
    if (counters.sql_writers > 0 && now - before.at >= busy_judged_from)
        recent.sql_busy_percent = std::max(
            percent_busy(sample.writing_us - before.writing_us, counters.sql_writers, elapsed),
            percent_busy(sample.reading_us - before.reading_us, counters.sql_readers, elapsed));
    recent.resident_bytes = resident_bytes();
    if (now - seen_.back().at >= kept_every) seen_.push_back(sample);
    return recent;
}

}  // namespace vedfolnir::ops
