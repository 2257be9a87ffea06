// A bounded pool of threads for libraries that block (SOCI), reached from coroutines by deadline.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace vedfolnir::runtime {

/// Runs blocking functions on its own threads. At most `queue_max` wait; more are refused at once.
/// Thread safety: `run` and `submit` from any thread. Destruction waits for the functions that already run.
class BlockingPool {
public:
    BlockingPool(std::size_t threads, std::size_t queue_max);
    ~BlockingPool();
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    /// Hands `work` to a thread. False if the queue is full.
    [[nodiscard]] bool submit(std::function<void()> work);

    /// Runs `work` on a thread of the pool and resumes the caller with its result. A function whose turn comes after
    /// `deadline` is not run. One that still runs then is abandoned, not stopped: give it the deadline as well.
    /// Errors: deadline_exceeded (outcome unknown), store_unavailable (queue full).
    template <class T>
    [[nodiscard]] async::Task<T> run(std::function<Result<T>()> work, Deadline deadline);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

template <class T>
async::Task<T> BlockingPool::run(std::function<Result<T>()> work, Deadline deadline) {
    struct State {
        explicit State(const boost::asio::any_io_executor& executor) : answered(executor) {}
        boost::asio::steady_timer answered;
        std::optional<Result<T>> result;
    };
    auto executor = co_await boost::asio::this_coro::executor;
    auto state = std::make_shared<State>(executor);
    state->answered.expires_at(deadline);
    const bool accepted = submit([state, executor, deadline, work = std::move(work)] {
        std::optional<Result<T>> result;
        if (std::chrono::steady_clock::now() >= deadline) {
            result.emplace(
                Error{Errc::deadline_exceeded, "waited in the queue until the deadline"});
        } else {
            try {
                result.emplace(work());
            } catch (const std::exception& error) {
                result.emplace(Error{Errc::internal, error.what()});
            }
        }
        boost::asio::post(executor, [state, result = std::move(result)]() mutable {
            state->result = std::move(result);
            state->answered.cancel();
        });
    });
    if (!accepted) co_return Error{Errc::store_unavailable, "the queue of blocking calls is full"};
    // The answer is posted to this executor, so it cannot arrive between this test and the wait.
    if (!state->result) {
        co_await state->answered.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (!state->result)
        co_return Error{Errc::deadline_exceeded, "the call still ran at its deadline"};
    co_return std::move(*state->result);
}

}  // namespace vedfolnir::runtime
