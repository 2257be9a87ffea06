#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "vedfolnir/waiter.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <poll.h>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace vedfolnir::runtime {
namespace {

namespace asio = boost::asio;

async::Task<int> answer(int value) { co_return value; }

/// Ends when the promise is kept; meanwhile the loop is free.
async::Task<int> until_told(std::shared_future<int> told) {
    while (told.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return told.get();
}

/// Waits with poll, and notes what it saw.
class Polling : public Waiter {
public:
    void wait(int fd, Millis at_most) override {
        EXPECT_EQ(WaiterScope::current(), nullptr) << "another task would wait through mine";
        used.push_back(fd);
        pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
        if (before) before();
        ::poll(&entry, 1, static_cast<int>(at_most.count()));
    }
    std::vector<int> used;
    std::function<void()> before;
};

class Interrupting : public Waiter {
public:
    void wait(int fd, Millis /*at_most*/) override {
        used.push_back(fd);
        throw std::runtime_error("the task was ended");
    }
    std::vector<int> used;
};

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator folder("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

// ids: S34 E5
TEST(Waiter, result_comes_through_it_and_it_stays_in_force) {
    Runtime runtime;
    Polling waiter;
    const WaiterScope scope(waiter);
    for (int value = 0; value < 50; ++value) {
        const auto got = run_sync<int>(runtime, answer(value), deadline_in(Millis{30'000}));
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(*got, value);
        EXPECT_EQ(WaiterScope::current(), &waiter);
    }
}

// ids: S34 E5
TEST(Waiter, scope_ends_with_its_block) {
    Polling waiter;
    { const WaiterScope scope(waiter); }
    EXPECT_EQ(WaiterScope::current(), nullptr);
}

// ids: S34 E5
TEST(Waiter, waits_in_a_row_reuse_their_descriptors_and_none_wakes_early) {
    Runtime runtime;
    Polling waiter;
    const WaiterScope scope(waiter);
    for (int i = 0; i < 20; ++i) {
        std::promise<int> promise;
        waiter.before = [&, told = false]() mutable {
            // An eventfd that is still readable from its last use would end the first wait before this.
            if (!std::exchange(told, true)) promise.set_value(i);
        };
        const std::size_t before = waiter.used.size();
        const auto got = run_sync<int>(runtime, until_told(promise.get_future().share()),
                                       deadline_in(Millis{30'000}));
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(*got, i);
        EXPECT_EQ(waiter.used.size(), before + 1);
    }
    // Two: the loop's thread may let go of the last one after this one was taken.
    EXPECT_LE(std::set<int>(waiter.used.begin(), waiter.used.end()).size(), 2U);
}

// ids: S34 E5 C29
TEST(Waiter, deadline_holds_for_one_that_returns_early) {
    Runtime runtime;
    std::promise<int> never;
    class Hasty : public Waiter {
    public:
        void wait(int /*fd*/, Millis /*at_most*/) override {}
    } waiter;
    const WaiterScope scope(waiter);
    const auto got =
        run_sync<int>(runtime, until_told(never.get_future().share()), deadline_in(Millis{10}));
    ASSERT_TRUE(got.has_error());
    EXPECT_EQ(got.error().code, Errc::deadline_exceeded);
    never.set_value(0);
}

// ids: S34 E5
TEST(Waiter, interrupted_wait_leaks_nothing_and_its_descriptor_is_not_reused_too_soon) {
    Runtime runtime;
    std::promise<int> promise;
    const std::shared_future<int> told = promise.get_future().share();
    Interrupting interrupting;
    constexpr int waits = 30;
    // The loop opens what it needs with its first timer.
    EXPECT_TRUE(run_sync<int>(runtime, until_told(told), deadline_in(Millis{1})).has_error());
    const std::size_t before = open_descriptors();
    for (int i = 0; i < waits; ++i) {
        const WaiterScope scope(interrupting);
        EXPECT_THROW(static_cast<void>(
                         run_sync<int>(runtime, until_told(told), deadline_in(Millis{30'000}))),
                     std::runtime_error);
    }
    // Each abandoned operation will still signal: no two may share one.
    EXPECT_EQ(std::set<int>(interrupting.used.begin(), interrupting.used.end()).size(), waits);
    promise.set_value(1);
    Polling polling;
    // Answered after the abandoned ones are, or beside them; either way with its own value.
    for (int i = 0; i < waits * 10; ++i) {
        const WaiterScope scope(polling);
        const auto got = run_sync<int>(runtime, answer(i), deadline_in(Millis{30'000}));
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(*got, i);
    }
    // Two for the later waits: see above.
    EXPECT_LE(open_descriptors(), before + waits + 2);
}

// ids: S34 E5
TEST(Waiter, pool_closes_what_it_kept) {
    const std::size_t before = open_descriptors();
    {
        auto pool = std::make_shared<WakePool>();
        std::vector<Wake> taken;
        for (int i = 0; i < 100; ++i) taken.push_back(*pool->take());
        EXPECT_EQ(open_descriptors(), before + 100);
        taken.clear();
        EXPECT_LT(open_descriptors(), before + 100);
    }
    EXPECT_EQ(open_descriptors(), before);
}

// ids: S34 E5
TEST(Waiter, abandoned_operation_may_end_after_its_runtime_stopped) {
    const std::size_t before = open_descriptors();
    std::promise<int> never;
    {
        Runtime runtime;
        Interrupting interrupting;
        const WaiterScope scope(interrupting);
        EXPECT_THROW(static_cast<void>(run_sync<int>(
                         runtime, until_told(never.get_future().share()), deadline_in(Millis{10}))),
                     std::runtime_error);
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vedfolnir::runtime
