#include "resilient/breaker.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::resilient {
namespace {

using std::chrono::milliseconds;
using State = Breaker::State;

class BreakerTest : public testing::Test {
protected:
    void pass(int ms) { now_ += milliseconds(ms); }
    void record(bool good, int times = 1) {
        for (int i = 0; i < times; ++i) breaker_.record(good, now_);
    }
    /// Sends every probe that falls due within `ms`; how many there were.
    int probe(bool good, int ms) {
        int sent = 0;
        for (int step = 0; step < ms; step += 50) {
            pass(50);
            if (!breaker_.probe_due(now_)) continue;
            breaker_.probed(good, now_);
            ++sent;
        }
        return sent;
    }
    void come_back() {
        while (!breaker_.ready(now_)) probe(true, 50);
        breaker_.close(now_);
    }

    Steady now_{std::chrono::hours(1)};
    Breaker breaker_{BreakerOptions{}, [] { return 0.0; }};
};

// ids: R8 S37
TEST_F(BreakerTest, opens_when_half_of_the_last_twenty_calls_failed_or_were_slow) {
    record(true, 40);
    record(false, 9);
    EXPECT_EQ(breaker_.state(), State::closed);
    record(false);
    EXPECT_EQ(breaker_.state(), State::open);
}

// ids: R8
TEST_F(BreakerTest, forgets_failures_that_lie_more_than_twenty_calls_back) {
    for (int round = 0; round < 10; ++round) {
        record(false, 9);
        record(true, 20);
    }
    EXPECT_EQ(breaker_.state(), State::closed);
    // Nine of any twenty: below the half for ever.
    for (int call = 0; call < 1000; ++call) record(call % 20 >= 9);
    EXPECT_EQ(breaker_.state(), State::closed);
}

// ids: R8 S37
TEST_F(BreakerTest, is_ready_after_three_probes_and_the_back_off_and_closes_when_told) {
    record(false, 10);
    EXPECT_FALSE(breaker_.probe_due(now_));
    EXPECT_EQ(probe(true, 500), 3);
    EXPECT_EQ(breaker_.state(), State::half_open);
    EXPECT_FALSE(breaker_.ready(now_)) << "open for a second at least";
    probe(true, 500);
    EXPECT_TRUE(breaker_.ready(now_));
    EXPECT_EQ(breaker_.state(), State::half_open);
    breaker_.close(now_);
    EXPECT_TRUE(breaker_.closed());
    record(false, 9);
    EXPECT_TRUE(breaker_.closed()) << "what failed before it opened is forgotten";
}

// ids: R8
TEST_F(BreakerTest, closing_what_is_closed_forgets_the_failures_of_the_outage) {
    record(false, 9);
    breaker_.close(now_);
    record(false, 9);
    EXPECT_TRUE(breaker_.closed());
}

// ids: S37
TEST_F(BreakerTest, probes_once_a_second_however_long_the_outage_lasts) {
    record(false, 10);
    const int sent = probe(false, 600'000);
    EXPECT_NEAR(sent, 600, 5);
    // The end of a long outage is noticed at once: no back-off has grown meanwhile.
    const auto back = now_;
    come_back();
    EXPECT_LE(now_ - back, milliseconds(2000));
}

// ids: R8
TEST_F(BreakerTest, one_failed_probe_starts_the_count_anew) {
    record(false, 10);
    probe(false, 5000);
    while (breaker_.state() != State::half_open) probe(true, 50);
    probe(true, 150);
    pass(150);
    breaker_.probed(false, now_);
    EXPECT_EQ(breaker_.state(), State::open);
    EXPECT_FALSE(breaker_.ready(now_));
    EXPECT_FALSE(breaker_.probe_due(now_ + milliseconds(999)));
    EXPECT_TRUE(breaker_.probe_due(now_ + milliseconds(1000)));
}

// ids: F20 R8
TEST_F(BreakerTest, a_store_that_relapses_is_left_alone_twice_as_long_each_time) {
    record(false, 10);
    come_back();
    std::vector<long> waits;
    for (int round = 0; round < 7; ++round) {
        record(false, 10);
        const auto opened = now_;
        come_back();
        waits.push_back(std::chrono::round<std::chrono::seconds>(now_ - opened).count());
    }
    EXPECT_EQ(waits, (std::vector<long>{2, 4, 8, 16, 30, 30, 30}));
    pass(30'000);
    record(false, 10);
    const auto opened = now_;
    come_back();
    EXPECT_LE(now_ - opened, milliseconds(1500)) << "it was well for long enough";
}

// ids: F20
TEST_F(BreakerTest, flapping_changes_the_state_a_few_times_a_minute_and_not_with_each_request) {
    // 200 ms on, 200 ms off; a call every 10 ms while closed, probes while open.
    int changes = 0;
    auto last = breaker_.state();
    for (int ms = 0; ms < 60'000; ms += 10) {
        const bool up = (ms / 200) % 2 == 0;
        pass(10);
        breaker_.record(up, now_);
        if (breaker_.probe_due(now_)) breaker_.probed(up, now_);
        if (breaker_.ready(now_)) breaker_.close(now_);
        const bool closed = breaker_.closed();
        if (closed != (last == State::closed)) ++changes;
        last = breaker_.state();
    }
    EXPECT_LE(changes, 12);
}

// ids: R8
TEST_F(BreakerTest, chance_spreads_the_return) {
    Breaker late{BreakerOptions{}, [] { return 1.0; }};
    for (int i = 0; i < 10; ++i) late.record(false, now_);
    for (int i = 0; i < 3; ++i) late.probed(true, now_);
    EXPECT_FALSE(late.ready(now_ + milliseconds(1199)));
    EXPECT_TRUE(late.ready(now_ + milliseconds(1200)));
}

}  // namespace
}  // namespace vedfolnir::resilient
