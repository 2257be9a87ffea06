#include "redis/deadlines.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace vedfolnir::redis {
namespace {

namespace asio = boost::asio;

class Flight {
public:
    Flight(Deadlines& on, Deadline deadline) : watch_(std::in_place, on, deadline) {
        watch_->slot().assign([this](asio::cancellation_type /*type*/) { ++told; });
    }
    void answered() { watch_.reset(); }
    int told = 0;

private:
    std::optional<Deadlines::Watch> watch_;
};

// ids: C29
TEST(Deadlines, only_those_whose_time_has_come_are_told_and_once) {
    asio::io_context loop;
    Deadlines deadlines(loop.get_executor());
    Flight late(deadlines, deadline_in(Millis{20}));
    Flight patient(deadlines, deadline_in(Millis{3'600'000}));
    Flight earlier(deadlines, deadline_in(Millis{5}));  // before the one that the timer was set for

    while (late.told == 0) loop.run_one();
    EXPECT_EQ(late.told, 1);
    EXPECT_EQ(earlier.told, 1);
    EXPECT_EQ(patient.told, 0);
    loop.poll();
    EXPECT_EQ(late.told + earlier.told, 2);
}

// ids: C29
TEST(Deadlines, answered_in_time_is_not_told_and_the_next_one_still_is) {
    asio::io_context loop;
    Deadlines deadlines(loop.get_executor());
    Flight answered(deadlines, deadline_in(Millis{5}));
    Flight next(deadlines, deadline_in(Millis{15}));
    answered.answered();

    while (next.told == 0) loop.run_one();
    EXPECT_EQ(answered.told, 0);
}

// ids: C29
TEST(Deadlines, a_watch_may_outlive_them) {
    asio::io_context loop;
    auto deadlines = std::make_unique<Deadlines>(loop.get_executor());
    Flight flight(*deadlines, deadline_in(Millis{1}));
    deadlines.reset();
    loop.run();  // ends: nothing is waited for any more
    EXPECT_EQ(flight.told, 0);
    flight.answered();
}

}  // namespace
}  // namespace vedfolnir::redis
