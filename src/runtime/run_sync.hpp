// The one bridge from coroutines to blocking callers. Header-only: a template.
#pragma once

#include "runtime/runtime.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/result.hpp"

#include <boost/asio/co_spawn.hpp>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace vedfolnir::runtime {

/// Runs `task` on the runtime's thread and waits for it, at most until `deadline` plus a small allowance for the
/// hand-over. The task keeps its own deadline; if it still runs then, it is abandoned, not cancelled (its state is
/// shared), and the answer is `deadline_exceeded`: its outcome is unknown.
/// Thread safety: any thread but the runtime's own.
template <class T>
[[nodiscard]] Result<T> run_sync(Runtime& runtime, async::Task<T> task, Deadline deadline) {
    struct State {
        std::mutex mutex;
        std::condition_variable done;
        std::optional<Result<T>> result;
    };
    constexpr Millis hand_over_allowance{100};
    auto state = std::make_shared<State>();
    auto deliver = [state](std::exception_ptr failure, std::optional<Result<T>> result) {
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                result.emplace(Error{Errc::internal, error.what()});
            } catch (...) {
                result.emplace(Error{Errc::internal, "an exception of unknown type"});
            }
        }
        const std::lock_guard lock(state->mutex);
        state->result = std::move(result);
        state->done.notify_one();
    };
    boost::asio::co_spawn(
        runtime.executor(),
        [](async::Task<T> inner) -> boost::asio::awaitable<std::optional<Result<T>>> {
            co_return std::optional<Result<T>>(co_await std::move(inner));
        }(std::move(task)),
        std::move(deliver));
    std::unique_lock lock(state->mutex);
    if (!state->done.wait_until(lock, deadline + hand_over_allowance,
                                [&] { return state->result.has_value(); })) {
        return Error{Errc::deadline_exceeded, "the operation did not end within its deadline"};
    }
    return std::move(*state->result);
}

}  // namespace vedfolnir::runtime
