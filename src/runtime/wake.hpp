// Descriptors that tell a host's event loop that an operation ended, and waiting on them.
#pragma once

#include "vedfolnir/types.hpp"
#include "vedfolnir/waiter.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace vedfolnir::runtime {

class WakePool;

/// An eventfd, lent by its pool. Thread safety: `signal` from any thread.
class Wake {
public:
    Wake(std::shared_ptr<WakePool> pool, int fd) noexcept : pool_(std::move(pool)), fd_(fd) {}
    ~Wake();
    Wake(Wake&& other) noexcept;
    Wake& operator=(Wake&& other) noexcept;
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    void signal() const noexcept;

private:
    std::shared_ptr<WakePool> pool_;
    int fd_;
};

/// Keeps eventfds for reuse: a wait then costs no open and no close. One process's own: an eventfd inherited by a forked
/// child would wake the parent's tasks. Thread safety: any thread.
class WakePool : public std::enable_shared_from_this<WakePool> {
public:
    WakePool() = default;
    ~WakePool();
    WakePool(const WakePool&) = delete;
    WakePool& operator=(const WakePool&) = delete;

    /// Empty where the process has no descriptor left.
    [[nodiscard]] std::optional<Wake> take();

private:
    friend class Wake;
    void give_back(int fd) noexcept;

    /// More at once than this are closed after use.
    static constexpr std::size_t kept = 64;

    std::mutex mutex_;
    std::vector<int> idle_;
};

/// One wait through `waiter`; no scope is in force meanwhile, and `waiter`'s again afterwards, however it ends.
void wait_through(Waiter& waiter, int fd, Deadline until);

}  // namespace vedfolnir::runtime
