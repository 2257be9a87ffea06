#include "jobs/schedule.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::jobs {
namespace {

constexpr Millis hour{3'600'000};

// ids: S10 S25
TEST(Schedule, interval_is_kept_but_for_a_twentieth) {
    EXPECT_EQ(pause_after_success(hour, 0.0), hour);
    EXPECT_GE(pause_after_success(hour, 0.999), hour);
    EXPECT_LE(pause_after_success(hour, 0.999), hour + hour / 20);
}

// ids: S25
TEST(Schedule, failures_are_tried_again_ever_later_up_to_a_bound) {
    EXPECT_EQ(pause_after_failure(hour, 1, 1.0), Millis{1'000});
    EXPECT_EQ(pause_after_failure(hour, 2, 1.0), Millis{2'000});
    EXPECT_EQ(pause_after_failure(hour, 2, 0.0), Millis{1'000});
    EXPECT_EQ(pause_after_failure(hour, 1'000'000, 1.0), Millis{300'000});
    // What runs often catches up soon after its store is back.
    EXPECT_EQ(pause_after_failure(Millis{500}, 1'000'000, 1.0), Millis{5'000});
    EXPECT_EQ(pause_after_failure(Millis{2'000}, 1'000'000, 1.0), Millis{20'000});
}

// ids: S25 S10
TEST(Schedule, interval_is_counted_from_the_last_run_whoever_made_it) {
    const TimePoint now{Millis{1'764'000'000'000}};
    EXPECT_EQ(pause_before_first(hour, now - Millis{600'000}, now), hour - Millis{600'000});
    EXPECT_EQ(pause_before_first(hour, now - 2 * hour, now), Millis{0});
    EXPECT_EQ(pause_before_first(hour, TimePoint{}, now), Millis{0});
    // A clock that went back says nothing.
    EXPECT_EQ(pause_before_first(hour, now + hour, now), Millis{0});
}

// ids: S25
TEST(Schedule, others_ask_again_before_the_promised_time_is_over) {
    for (const Millis promised : {Millis{500}, Millis{10'000}, Millis{600'000}}) {
        const LeaseTimes times = lease_times(promised);
        EXPECT_LT(times.ttl + times.spread, promised);
        EXPECT_LE(times.renew * 3, times.ttl);
    }
}

// ids: S26 F29
TEST(StepSize, grows_while_steps_are_quick_and_shrinks_when_one_is_slow) {
    StepSize size(100);
    EXPECT_EQ(size.now(), 100U);
    size.took(100, step_time / 100);
    EXPECT_EQ(size.now(), 200U) << "doubled at most";
    size.took(200, step_time / 2);
    EXPECT_EQ(size.now(), 400U);
    size.took(400, step_time * 2);
    EXPECT_EQ(size.now(), 200U) << "what fits into the time";
    size.took(3, step_time / 10);
    EXPECT_EQ(size.now(), 200U) << "a step with little to do says little";
    size.took(3, step_time * 10);
    EXPECT_EQ(size.now(), 100U) << "unless it took long all the same";
}

// ids: S26 F29
TEST(StepSize, stays_within_its_bounds) {
    StepSize size(100);
    for (int i = 0; i < 20; ++i) size.took(size.now(), std::chrono::nanoseconds(0));
    EXPECT_EQ(size.now(), 100U * step_growth_max);
    for (int i = 0; i < 20; ++i) size.took(size.now(), step_time * 1000);
    EXPECT_EQ(size.now(), 100U);
}

}  // namespace
}  // namespace vedfolnir::jobs
