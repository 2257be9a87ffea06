#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vedfolnir::runtime {
namespace {

namespace asio = boost::asio;

async::Task<int> answer(int value) { co_return value; }

async::Task<int> refuse() { co_return Error{Errc::store_unavailable, "refused"}; }

async::Task<int> fail() {
    throw std::runtime_error("broken");
    co_return 0;
}

async::Task<int> never() {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return 0;
}

// ids: S34
TEST(RunSync, returns_value_and_error_of_the_task) {
    Runtime runtime;
    const auto value = run_sync<int>(runtime, answer(7), deadline_in(Millis{5000}));
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(*value, 7);

    const auto error = run_sync<int>(runtime, refuse(), deadline_in(Millis{5000}));
    ASSERT_TRUE(error.has_error());
    EXPECT_EQ(error.error().code, Errc::store_unavailable);
}

// ids: C28
TEST(RunSync, exception_becomes_an_internal_error_and_the_loop_goes_on) {
    Runtime runtime;
    const auto failed = run_sync<int>(runtime, fail(), deadline_in(Millis{5000}));
    ASSERT_TRUE(failed.has_error());
    EXPECT_EQ(failed.error().code, Errc::internal);
    EXPECT_EQ(failed.error().detail, "broken");
    EXPECT_TRUE(run_sync<int>(runtime, answer(1), deadline_in(Millis{5000})).has_value());
}

// ids: C29
TEST(RunSync, task_that_outlives_its_deadline_is_abandoned) {
    Runtime runtime;
    const auto late = run_sync<int>(runtime, never(), deadline_in(Millis{10}));
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, Errc::deadline_exceeded);
    EXPECT_TRUE(run_sync<int>(runtime, answer(1), deadline_in(Millis{5000})).has_value());
}

// ids: S33
TEST(RunSync, many_threads_share_one_runtime) {
    Runtime runtime;
    std::vector<std::thread> threads;
    std::atomic<int> right{0};
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 200; ++i) {
                const int expected = thread * 1000 + i;
                const auto got =
                    run_sync<int>(runtime, answer(expected), deadline_in(Millis{30'000}));
                if (got.has_value() && *got == expected) ++right;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right.load(), 1600);
}

// ids: S34
TEST(Runtime, a_forked_child_knows_that_the_loop_is_not_its_own) {
    Runtime runtime;
    ASSERT_TRUE(runtime.belongs_here());
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(runtime.belongs_here() ? 1 : 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace vedfolnir::runtime
