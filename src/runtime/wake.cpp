#include "runtime/wake.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace vedfolnir {
namespace {

thread_local Waiter* in_force = nullptr;

}  // namespace

WaiterScope::WaiterScope(Waiter& waiter) noexcept { in_force = &waiter; }
WaiterScope::~WaiterScope() { in_force = nullptr; }
Waiter* WaiterScope::current() noexcept { return in_force; }

namespace runtime {

Wake::~Wake() {
    if (pool_) pool_->give_back(fd_);
}

Wake::Wake(Wake&& other) noexcept : pool_(std::move(other.pool_)), fd_(other.fd_) {}
Wake& Wake::operator=(Wake&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(fd_, other.fd_);
    return *this;
}

void Wake::signal() const noexcept {
    // Cannot fail: the counter is at most one, and the descriptor is open as long as this object.
    const std::uint64_t one = 1;
    static_cast<void>(::write(fd_, &one, sizeof one));
}

WakePool::~WakePool() {
    for (const int fd : idle_) ::close(fd);
}

std::optional<Wake> WakePool::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            const int fd = idle_.back();
            idle_.pop_back();
            return Wake(shared_from_this(), fd);
        }
        idle_.reserve(kept);  // So that giving back allocates nothing.
    }
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return std::nullopt;
    return Wake(shared_from_this(), fd);
}

void WakePool::give_back(int fd) noexcept {
    // Readable if its signal came: the next one to wait on it would wake at once.
    std::uint64_t count = 0;
    static_cast<void>(::read(fd, &count, sizeof count));
    {
        const std::lock_guard lock(mutex_);
        if (idle_.size() < kept) {
            idle_.push_back(fd);
            return;
        }
    }
    ::close(fd);
}

void wait_through(Waiter& waiter, int fd, Deadline until) {
    class Suspended {
    public:
        explicit Suspended(Waiter& mine) noexcept : mine_(mine) { in_force = nullptr; }
        ~Suspended() { in_force = &mine_; }
        Suspended(const Suspended&) = delete;
        Suspended& operator=(const Suspended&) = delete;

    private:
        Waiter& mine_;
    };
    const Suspended others_run(waiter);
    const auto left = std::chrono::ceil<Millis>(until - std::chrono::steady_clock::now());
    waiter.wait(fd, std::max(left, Millis{0}));
}

}  // namespace runtime
}  // namespace vedfolnir
