#include "resilient/admission.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace vedfolnir::resilient {
namespace {

namespace asio = boost::asio;
using async::FallbackRecord;

class AdmissionTest : public testing::Test {
protected:
    static Deadline soon() { return deadline_in(Millis{10'000}); }
    void spawn(asio::awaitable<void> task) {
        asio::co_spawn(loop_, std::move(task), asio::detached);
    }
    /// Runs what can run without waiting.
    void settle() {
        loop_.restart();
        while (loop_.poll() > 0) {
        }
    }

    asio::io_context loop_;
};

// ids: R8 S36
TEST_F(AdmissionTest, a_bulkhead_admits_so_many_and_refuses_what_its_queue_cannot_hold) {
    const auto bulkhead = std::make_shared<Bulkhead>(loop_.get_executor(), 2, 3);
    std::vector<std::optional<Bulkhead::Place>> inside;
    int refused = 0;
    for (int i = 0; i < 7; ++i) {
        spawn([](auto& bulk, auto& places, int& no) -> asio::awaitable<void> {
            auto place = co_await bulk->enter(soon());
            if (place) {
                places.push_back(std::move(place));
            } else {
                ++no;
            }
        }(bulkhead, inside, refused));
    }
    settle();
    EXPECT_EQ(inside.size(), 2U);
    EXPECT_EQ(bulkhead->waiting(), 3U);
    EXPECT_EQ(refused, 2);
    inside.front().reset();
    settle();
    EXPECT_EQ(inside.size(), 3U);
    EXPECT_EQ(bulkhead->waiting(), 2U);
    inside.clear();
    settle();
    EXPECT_EQ(inside.size(), 2U);
    inside.clear();
    settle();
    EXPECT_EQ(bulkhead->waiting(), 0U);
}

// ids: R8
TEST_F(AdmissionTest, who_waits_in_vain_leaves_the_queue) {
    const auto bulkhead = std::make_shared<Bulkhead>(loop_.get_executor(), 1, 3);
    std::vector<std::optional<Bulkhead::Place>> results;
    for (int i = 0; i < 2; ++i) {
        spawn([](auto& bulk, auto& places) -> asio::awaitable<void> {
            auto place = co_await bulk->enter(deadline_in(Millis{1}));
            places.push_back(std::move(place));
        }(bulkhead, results));
    }
    while (results.size() < 2) loop_.run_one();
    EXPECT_TRUE(results[0].has_value());
    EXPECT_FALSE(results[1].has_value());
    EXPECT_EQ(bulkhead->waiting(), 0U);
}

/// A database that answers when the test says so.
class SingleFlightTest : public AdmissionTest {
protected:
    void ask() {
        spawn([](SingleFlightTest& test) -> asio::awaitable<void> {
            SingleFlight::Read read = [&test]() -> async::Task<FallbackRecord> {
                ++test.reads_;
                asio::steady_timer wait(test.loop_, asio::steady_timer::time_point::max());
                test.running_ = &wait;
                co_await wait.async_wait(asio::as_tuple(asio::use_awaitable));
                FallbackRecord record;
                record.bytes = std::to_string(test.reads_);
                co_return record;
            };
            const auto answer = co_await test.flights_.run(StoreKey{}, read, soon());
            test.answers_.push_back(answer ? answer->bytes : "error");
        }(*this));
        settle();
    }
    void ask_in_vain() {
        spawn([](SingleFlightTest& test) -> asio::awaitable<void> {
            SingleFlight::Read read = []() -> async::Task<FallbackRecord> {
                throw std::runtime_error("out of memory");
            };
            try {
                static_cast<void>(co_await test.flights_.run(StoreKey{}, read, soon()));
            } catch (const std::runtime_error&) {
                test.answers_.emplace_back("thrown");
            }
        }(*this));
        settle();
    }
    void answer() {
        running_->cancel();
        settle();
    }

    SingleFlight flights_;
    asio::steady_timer* running_ = nullptr;
    int reads_ = 0;
    std::vector<std::string> answers_;
};

// ids: R8 S36
TEST_F(SingleFlightTest, fifty_at_once_are_two_reads) {
    for (int i = 0; i < 50; ++i) ask();
    EXPECT_EQ(reads_, 1);
    answer();
    EXPECT_EQ(reads_, 2);
    answer();
    EXPECT_EQ(reads_, 2);
    ASSERT_EQ(answers_.size(), 50U);
    EXPECT_EQ(answers_.front(), "1");
    EXPECT_EQ(answers_.back(), "2");
}

// ids: R8 S22
TEST_F(SingleFlightTest, nobody_gets_an_answer_that_was_on_its_way_before_he_asked) {
    ask();
    ask();
    answer();
    EXPECT_EQ(answers_, std::vector<std::string>{"1"});
    ask();
    answer();
    EXPECT_EQ(answers_, (std::vector<std::string>{"1", "2"}));
    answer();
    EXPECT_EQ(answers_, (std::vector<std::string>{"1", "2", "3"}));
    ask();
    EXPECT_EQ(reads_, 4) << "the line is free again";
    answer();
}

// ids: R8
TEST_F(SingleFlightTest, read_that_throws_keeps_nobody_waiting) {
    ask_in_vain();
    ask();
    EXPECT_EQ(reads_, 1);
    answer();
    EXPECT_EQ(answers_, (std::vector<std::string>{"thrown", "1"}));
}

// ids: R8
TEST(Unknowns, are_remembered_for_between_half_and_all_of_their_time) {
    Unknowns unknowns(Millis{1000});
    const auto now = std::chrono::steady_clock::time_point(std::chrono::hours(1));
    const StoreKey key{1, {}};
    EXPECT_FALSE(unknowns.contains(key, now));
    unknowns.add(key, now);
    EXPECT_TRUE(unknowns.contains(key, now + Millis{499}));
    EXPECT_FALSE(unknowns.contains(key, now + Millis{1000}));
    unknowns.add(key, now);
    unknowns.remove(key);
    EXPECT_FALSE(unknowns.contains(key, now));
}

}  // namespace
}  // namespace vedfolnir::resilient
