#include "policy/lifetime.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::policy {
namespace {

constexpr TimePoint start{Millis{1'767'323'045'000}};
constexpr Lifetimes lifetimes;  // idle 7200 s, absolute 86400 s, touch every 60 s, skew 30 s

model::RecordHeader header_seen(Seconds after_start) {
    model::RecordHeader header;
    header.created = start;
    header.last_seen = start + after_start;
    header.absolute_expiry = start + lifetimes.absolute;
    return header;
}

// ids: C04 S8
TEST(Judge, alive_until_idle_limit_and_touch_interval_have_passed) {
    const auto header = header_seen(Seconds{0});
    EXPECT_EQ(judge(header, lifetimes, start), Life::alive);
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{7200 + 60} - Millis{1}), Life::alive);
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{7200 + 60}), Life::idle_expired);
}

// ids: C04 S8 V16
TEST(Judge, activity_never_moves_the_absolute_end) {
    const auto header = header_seen(Seconds{86'399});
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{86'400} - Millis{1}), Life::alive);
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{86'400}), Life::absolute_expired);
}

// ids: C04
TEST(Judge, a_limit_in_the_record_precedes_the_policy) {
    auto header = header_seen(Seconds{0});
    header.idle_limit = Seconds{100};
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{159}), Life::alive);
    EXPECT_EQ(judge(header, lifetimes, start + Seconds{160}), Life::idle_expired);
}

// ids: C04 C22
TEST(Judge, times_ahead_of_now_beyond_the_skew_are_implausible) {
    const auto header = header_seen(Seconds{0});
    EXPECT_EQ(judge(header, lifetimes, start - Seconds{30}), Life::alive);
    EXPECT_EQ(judge(header, lifetimes, start - Seconds{30} - Millis{1}), Life::implausible);
    auto touched_far_ahead = header_seen(Seconds{3600});
    EXPECT_EQ(judge(touched_far_ahead, lifetimes, start), Life::implausible);
}

// ids: C04 V15
TEST(Judge, clock_steps_of_an_hour_never_extend_a_life) {
    for (const int step : {-3600, 3600}) {
        const auto header = header_seen(Seconds{0});
        const TimePoint end = header.absolute_expiry;
        // Whatever the clock showed meanwhile, at the true end the session is over.
        EXPECT_NE(judge(header, lifetimes, end), Life::alive);
        EXPECT_NE(judge(header, lifetimes, end + Seconds{step > 0 ? step : 0}), Life::alive);
        EXPECT_NE(judge(header_seen(Seconds{step}), lifetimes, end), Life::alive);
    }
}

// ids: S23
TEST(TouchDue, once_per_interval) {
    const auto header = header_seen(Seconds{0});
    EXPECT_FALSE(touch_due(header, lifetimes, start));
    EXPECT_FALSE(touch_due(header, lifetimes, start + Seconds{60} - Millis{1}));
    EXPECT_TRUE(touch_due(header, lifetimes, start + Seconds{60}));
    EXPECT_FALSE(touch_due(header, lifetimes, start - Seconds{3600}))
        << "a clock behind touches nothing";
}

// ids: C04 S8
TEST(TimeToLive, is_the_nearer_limit_and_never_nothing) {
    EXPECT_EQ(time_to_live(header_seen(Seconds{0}), lifetimes, start), Seconds{7260});
    EXPECT_EQ(time_to_live(header_seen(Seconds{0}), lifetimes, start + Seconds{86'000}),
              Seconds{400});
    EXPECT_EQ(time_to_live(header_seen(Seconds{0}), lifetimes, start + Seconds{90'000}), Millis{1});
}

}  // namespace
}  // namespace vedfolnir::policy
