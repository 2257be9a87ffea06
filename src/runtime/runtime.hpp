// One event loop on one thread, owned by one process.
#pragma once

#include "runtime/wake.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace vedfolnir::runtime {

/// Starts its thread on construction; construct it on first use only (pre-forking servers fork after import).
/// After a fork the child must not touch it: see `belongs_here()`. Destruction stops the loop and joins the thread.
class Runtime {
public:
    Runtime();
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    [[nodiscard]] boost::asio::any_io_executor executor() const noexcept;

    /// False in a forked child: the thread exists in the parent only.
    [[nodiscard]] bool belongs_here() const noexcept;

    /// For callers that wait through a Waiter. Outlives the runtime where a Wake does.
    [[nodiscard]] WakePool& wakes() noexcept { return *wakes_; }

    /// Stops the loop and joins the thread; coroutines still suspended are destroyed with the loop.
    /// Call before destroying what they refer to. Idempotent.
    void stop() noexcept;

private:
    struct Impl;
    std::shared_ptr<WakePool> wakes_ = std::make_shared<WakePool>();
    std::unique_ptr<Impl> impl_;
    unsigned forks_;
};

}  // namespace vedfolnir::runtime
