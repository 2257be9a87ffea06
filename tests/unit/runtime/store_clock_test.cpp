#include "runtime/store_clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vedfolnir::runtime {
namespace {

using Steady = StoreClock::Steady;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

constexpr Steady start{hours(100)};
constexpr TimePoint epoch{Millis{1'700'000'000'000}};

Steady after(std::chrono::nanoseconds elapsed) { return start + elapsed; }

/// A store whose clock shows `epoch + skew` at `start` and runs true.
TimePoint store_time(Steady at, Millis skew = Millis{0}) {
    return std::chrono::floor<Millis>(epoch + (at - start)) + skew;
}

/// Observes at `at` over a round trip of `trip`, the store answering half way.
void observe(StoreClock& clock, Steady at, Millis trip = Millis{2}, Millis skew = Millis{0}) {
    clock.observe(store_time(at, skew), at - trip / 2, at + trip / 2);
}

// ids: S8
TEST(StoreClock, knows_nothing_before_the_first_observation) {
    StoreClock clock;
    EXPECT_FALSE(clock.now(start).has_value());
    EXPECT_TRUE(clock.is_due(start, Millis{1000}));
    EXPECT_EQ(clock.ahead(), Millis{0});
}

// ids: S8
TEST(StoreClock, runs_on_between_observations) {
    StoreClock clock;
    observe(clock, start);
    const auto now = clock.now(after(minutes(30)));
    ASSERT_TRUE(now.has_value());
    EXPECT_LE(*now, store_time(after(minutes(30))));
    EXPECT_GE(*now, store_time(after(minutes(30))) - Millis{2});
}

// ids: S8
TEST(StoreClock, is_never_ahead_and_behind_by_less_than_the_quickest_trip) {
    std::mt19937 random(7);
    StoreClock clock;
    Millis quickest{1'000'000};
    Steady at = start;
    for (int i = 0; i < 2000; ++i) {
        const Millis trip(1 + random() % 800);
        at += Millis{1000} + Millis(random() % 5000);
        const Millis where(random() % static_cast<unsigned long>(trip.count() + 1));
        clock.observe(store_time(at), at - where, at + (trip - where));
        quickest = std::min(quickest, trip);
        const auto now = clock.now(at + trip);
        ASSERT_LE(*now, store_time(at + trip));
        ASSERT_GE(*now, store_time(at + trip) - quickest - Millis{1});
    }
}

// ids: S8
TEST(StoreClock, a_slow_answer_does_not_spoil_a_good_one) {
    StoreClock clock;
    observe(clock, start, Millis{2});
    observe(clock, after(minutes(1)), Millis{3000});
    const auto now = clock.now(after(minutes(2)));
    EXPECT_GE(*now, store_time(after(minutes(2))) - Millis{3});
}

// ids: C04 S8
TEST(StoreClock, the_local_wall_clock_plays_no_part) {
    // There is nothing to set: observations carry the store's clock and steady time only. Two processes whose wall
    // clocks are hours apart, and whose steady clocks started at different boots, agree.
    StoreClock here;
    StoreClock there;
    const auto other_boot = hours(5000);
    here.observe(epoch, start, after(Millis{1}));
    there.observe(epoch, start + other_boot, after(Millis{1}) + other_boot);
    EXPECT_EQ(here.now(after(hours(1))), there.now(after(hours(1)) + other_boot));
}

// ids: C04 S8
TEST(StoreClock, a_forward_step_is_followed_at_once) {
    StoreClock clock;
    observe(clock, start);
    observe(clock, after(minutes(1)), Millis{2}, hours(1));
    EXPECT_GE(*clock.now(after(minutes(1))), store_time(after(minutes(1)), hours(1)) - Millis{2});
}

// ids: C04 S8
TEST(StoreClock, a_backward_step_never_extends_a_life) {
    StoreClock clock;
    observe(clock, start);
    Steady at = start;
    // The store's clock is set back one hour and stays there.
    for (int minute = 1; minute <= 24 * 60; ++minute) {
        at = after(minutes(minute));
        observe(clock, at, Millis{2}, -hours(1));
        const auto elapsed = *clock.now(at) - epoch;
        const auto true_elapsed = at - start;
        ASSERT_GE(elapsed, true_elapsed - true_elapsed / 2000 - Millis{3}) << minute;
    }
    EXPECT_GT(clock.ahead(), minutes(59));
}

// ids: C04 S8
TEST(StoreClock, steps_both_ways_never_extend_a_life) {
    // Process time since the beginning must never fall behind true elapsed time, whatever the store's clock does.
    std::mt19937 random(11);
    StoreClock clock;
    observe(clock, start);
    Millis skew{0};
    for (int minute = 1; minute <= 2000; ++minute) {
        if (random() % 50 == 0) skew = Millis(static_cast<long>(random() % 7'200'001) - 3'600'000);
        const Steady at = after(minutes(minute));
        observe(clock, at, Millis{2}, skew);
        ASSERT_GE(*clock.now(at) - epoch, (at - start) - (at - start) / 2000 - Millis{3}) << minute;
    }
}

// ids: S8
TEST(StoreClock, drift_is_followed_both_ways) {
    // 100 ppm: 0.36 s per hour. A clock that gave way to nothing would be 8.6 s ahead after a day.
    for (const int per_million : {-100, 100}) {
        StoreClock clock;
        observe(clock, start);
        for (int minute = 1; minute <= 24 * 60; ++minute) {
            const Steady at = after(minutes(minute));
            const Millis drift(minute * 60'000L * per_million / 1'000'000);
            observe(clock, at, Millis{2}, drift);
            const auto difference = *clock.now(at) - store_time(at, drift);
            ASSERT_LT(difference, Millis{10}) << minute;
            ASSERT_GT(difference, -Millis{10}) << minute;
        }
        EXPECT_LT(clock.ahead(), Millis{10});
    }
}

// ids: C04 S8
TEST(StoreClock, never_goes_backwards) {
    std::mt19937 random(13);
    StoreClock clock;
    observe(clock, start);
    TimePoint last{};
    for (int i = 1; i <= 5000; ++i) {
        // Callers read the steady clock before they get here, so their readings may arrive out of order.
        const Steady at = after(Millis(i * 20 - static_cast<long>(random() % 100)));
        if (random() % 10 == 0) {
            observe(clock, at, Millis(1 + random() % 50),
                    Millis(static_cast<long>(random() % 2000) - 1000));
        }
        const auto now = clock.now(at);
        ASSERT_GE(*now, last);
        last = *now;
    }
}

TEST(StoreClock, impossible_observations_are_ignored) {
    StoreClock clock;
    clock.observe(epoch, after(Millis{5}), start);
    EXPECT_FALSE(clock.now(start).has_value());
    observe(clock, start);
    const auto before = clock.now(start);
    clock.observe(epoch + hours(1), after(Millis{5}), start);
    EXPECT_EQ(clock.now(start), before);
}

TEST(StoreClock, an_old_observation_is_due_for_another) {
    StoreClock clock;
    observe(clock, start);
    EXPECT_FALSE(clock.is_due(after(Millis{900}), Millis{1000}));
    EXPECT_TRUE(clock.is_due(after(Millis{1002}), Millis{1000}));
}

TEST(StoreClock, a_suspended_machine_catches_up) {
    // Steady time stands still while the machine sleeps; the store's does not.
    StoreClock clock;
    observe(clock, start);
    observe(clock, after(Millis{10}), Millis{2}, hours(8));
    EXPECT_GE(*clock.now(after(Millis{10})), store_time(after(Millis{10}), hours(8)) - Millis{2});
}

}  // namespace
}  // namespace vedfolnir::runtime
