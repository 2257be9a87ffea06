#include "runtime/blocking_pool.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>

namespace vedfolnir::runtime {
namespace {

constexpr Millis generous{20'000};

Result<int> run(Runtime& runtime, BlockingPool& pool, std::function<Result<int>()> work,
                Millis budget) {
    const Deadline deadline = deadline_in(budget);
    return run_sync<int>(runtime, pool.run<int>(std::move(work), deadline), deadline);
}

// ids: S34
TEST(BlockingPool, runs_on_its_own_thread_and_answers_the_caller) {
    Runtime runtime;
    BlockingPool pool(1, 4);
    const auto caller = std::this_thread::get_id();
    const auto result = run(
        runtime, pool,
        [caller]() -> Result<int> { return std::this_thread::get_id() == caller ? 1 : 2; },
        generous);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(*result, 2);
}

// ids: C29
TEST(BlockingPool, caller_stops_waiting_at_its_deadline) {
    Runtime runtime;
    std::promise<void> release;
    BlockingPool pool(1, 4);
    auto gate = release.get_future().share();
    const auto late = run(
        runtime, pool,
        [gate]() -> Result<int> {
            gate.wait();
            return 1;
        },
        Millis{20});
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, Errc::deadline_exceeded);
    release.set_value();
}

// ids: C29
TEST(BlockingPool, work_whose_turn_comes_too_late_is_not_run) {
    Runtime runtime;
    std::promise<void> release;
    auto gate = release.get_future().share();
    std::atomic<bool> ran{false};
    {
        BlockingPool pool(1, 4);
        ASSERT_TRUE(pool.submit([gate] { gate.wait(); }));
        const auto late = run(
            runtime, pool,
            [&ran]() -> Result<int> {
                ran = true;
                return 1;
            },
            Millis{20});
        EXPECT_TRUE(late.has_error());
        release.set_value();
        const auto next = run(
            runtime, pool, []() -> Result<int> { return 3; }, generous);
        EXPECT_TRUE(next.has_value());
    }
    EXPECT_FALSE(ran.load());
}

// ids: C29
TEST(BlockingPool, full_queue_is_refused_at_once) {
    Runtime runtime;
    std::promise<void> release;
    std::promise<void> started;
    auto gate = release.get_future().share();
    BlockingPool pool(1, 1);
    ASSERT_TRUE(pool.submit([gate, &started] {
        started.set_value();
        gate.wait();
    }));
    started.get_future().wait();
    ASSERT_TRUE(pool.submit([] {}));
    const auto refused = run(
        runtime, pool, []() -> Result<int> { return 1; }, generous);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::store_unavailable);
    release.set_value();
}

// ids: C28
TEST(BlockingPool, exception_becomes_an_error) {
    Runtime runtime;
    BlockingPool pool(1, 4);
    const auto failed = run(
        runtime, pool, []() -> Result<int> { throw std::runtime_error("broken"); }, generous);
    ASSERT_TRUE(failed.has_error());
    EXPECT_EQ(failed.error().detail, "broken");
}

}  // namespace
}  // namespace vedfolnir::runtime
