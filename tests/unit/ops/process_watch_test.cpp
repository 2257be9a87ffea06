#include "ops/fsck.hpp"
#include "ops/process_watch.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::ops {
namespace {

using namespace std::chrono_literals;
using Clock = ProcessWatch::Clock;

constexpr Clock::time_point began{1000s};

void work(runtime::AtomicCounters& counters, std::uint64_t loads, std::uint64_t unknown) {
    counters.loads += loads;
    counters.loads_unknown += unknown;
}

// ids: S69
TEST(process_watch, counts_loads_and_commits_and_those_that_failed) {
    runtime::AtomicCounters counters;
    ProcessWatch watch(began);
    work(counters, 10, 2);
    counters.timings[static_cast<std::size_t>(Operation::save)].add(5);
    counters.timings[static_cast<std::size_t>(Operation::commit_failed)].add(5);
    const auto recent = watch.look(counters, began + 1s);
    EXPECT_EQ(recent.operations, 12U);
    EXPECT_EQ(recent.failed, 3U);
    EXPECT_FALSE(recent.sql_busy_percent) << "it has no threads for SQL";
    ASSERT_TRUE(recent.resident_bytes);
    EXPECT_GT(*recent.resident_bytes, 1U << 20U);
}

// ids: S69
TEST(process_watch, forgets_what_is_older_than_five_minutes) {
    runtime::AtomicCounters counters;
    ProcessWatch watch(began);
    work(counters, 100, 100);
    EXPECT_EQ(watch.look(counters, began + 60s).failed, 100U);
    work(counters, 100, 0);
    EXPECT_EQ(watch.look(counters, began + 300s).failed, 100U) << "since the beginning";
    EXPECT_EQ(watch.look(counters, began + 359s).operations, 200U);
    const auto later = watch.look(counters, began + 360s);
    EXPECT_EQ(later.failed, 0U) << "since the look after a minute";
    EXPECT_EQ(later.operations, 100U);
}

// ids: S69
TEST(process_watch, looks_that_follow_fast_do_not_shorten_the_time) {
    runtime::AtomicCounters counters;
    ProcessWatch watch(began);
    work(counters, 100, 10);
    for (auto at = began; at <= began + 299s; at += 100ms)
        EXPECT_EQ(watch.look(counters, at).failed, 10U);
}

// ids: S69
TEST(process_watch, the_busier_threads_count) {
    runtime::AtomicCounters counters;
    counters.sql_writers = 4;
    counters.sql_readers = 2;
    ProcessWatch watch(began);
    counters.sql_writing_us = 200'000'000;
    counters.sql_reading_us = 40'000'000;
    // Of 4 x 100 s and 2 x 100 s.
    EXPECT_DOUBLE_EQ(*watch.look(counters, began + 100s).sql_busy_percent, 50);
    counters.sql_reading_us = 180'000'000;
    EXPECT_DOUBLE_EQ(*watch.look(counters, began + 100s).sql_busy_percent, 90);
    ProcessWatch young(began);
    EXPECT_FALSE(young.look(counters, began + 59s).sql_busy_percent) << "it just began";
}

// ids: S69 S68
TEST(process_watch, what_fsck_tells_is_read_back) {
    FsckReport report;
    report.add({Defect::index_orphan, "here", true});
    report.add({Defect::row_unclosed, "there", false});
    EXPECT_EQ(defects_left(report.json()), 1U);
    for (const char* other :
         {"", "{}", "[]", R"({"defects":"1","repaired":0})", R"({"defects":1,"repaired":2})"})
        EXPECT_FALSE(defects_left(other)) << other;
}

}  // namespace
}  // namespace vedfolnir::ops
