// The one bridge from coroutines to blocking callers. Header-only: a template.
#pragma once

#include "runtime/runtime.hpp"
#include "runtime/wake.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/result.hpp"

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace vedfolnir::runtime {

/// What the caller and the task share. Whoever lets go last frees it: the task may outlive the caller's patience.
template <class T>
struct Outcome {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<T>> result;
    /// Told instead of `done` where the caller waits through a Waiter.
    std::optional<Wake> wake;

    void deliver(std::optional<Result<T>> value) {
        {
            const std::lock_guard lock(mutex);
            result = std::move(value);
        }
        // After the lock: whoever wakes wants it at once, and would sleep again.
        if (wake)
            wake->signal();
        else
            done.notify_one();
    }

    [[nodiscard]] bool is_done() {
        const std::lock_guard lock(mutex);
        return result.has_value();
    }
};

/// Starts `task` on the runtime's thread.
template <class T>
void start(Runtime& runtime, async::Task<T> task, std::shared_ptr<Outcome<T>> outcome) {
    auto deliver = [outcome = std::move(outcome)](std::exception_ptr failure,
                                                  std::optional<Result<T>> result) {
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                result.emplace(Error{Errc::internal, error.what()});
            } catch (...) {
                result.emplace(Error{Errc::internal, "an exception of unknown type"});
            }
        }
        outcome->deliver(std::move(result));
    };
    boost::asio::co_spawn(
        runtime.executor(),
        [](async::Task<T> inner) -> boost::asio::awaitable<std::optional<Result<T>>> {
            co_return std::optional<Result<T>>(co_await std::move(inner));
        }(std::move(task)),
        std::move(deliver));
}

/// Runs `task` on the runtime's thread and waits for it, at most until `deadline` plus a small allowance for the
/// hand-over: blocked, or through the thread's Waiter if a WaiterScope is in force. The task keeps its own deadline; if
/// it still runs then, or the Waiter throws, it is abandoned, not cancelled (its state is shared), and its outcome is
/// unknown; the answer is `deadline_exceeded`, or what the Waiter threw.
/// Thread safety: any thread but the runtime's own.
template <class T>
[[nodiscard]] Result<T> run_sync(Runtime& runtime, async::Task<T> task, Deadline deadline) {
    constexpr Millis hand_over_allowance{100};
    const Deadline patience = deadline + hand_over_allowance;
    auto outcome = std::make_shared<Outcome<T>>();
    Waiter* const waiter = WaiterScope::current();
    // Without a descriptor the thread blocks: late for the host's other tasks, but right.
    if (waiter != nullptr) outcome->wake = runtime.wakes().take();
    start(runtime, std::move(task), outcome);
    if (outcome->wake) {
        while (!outcome->is_done() && std::chrono::steady_clock::now() < patience)
            wait_through(*waiter, outcome->wake->fd(), patience);
    }
    std::unique_lock lock(outcome->mutex);
    if (!outcome->wake)
        outcome->done.wait_until(lock, patience, [&] { return outcome->result.has_value(); });
    if (!outcome->result)
        return Error{Errc::deadline_exceeded, "the operation did not end within its deadline"};
    return std::move(*outcome->result);
}

}  // namespace vedfolnir::runtime
