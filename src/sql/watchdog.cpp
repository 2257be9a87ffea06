#include "sql/watchdog.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <utility>

namespace vedfolnir::sql {

struct Watchdog::Impl {
    struct Watched {
        int socket;
        Deadline until;
    };

    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::uint64_t, Watched> watched;
    std::uint64_t last = 0;
    bool stopping = false;
    std::thread thread;

    void start() {
        // As in BlockingPool: the host program's signal handlers never run on our threads.
        sigset_t all;
        sigset_t previous;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &previous);
        thread = std::thread([this] { serve(); });
        pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    }

    void serve() {
        std::unique_lock lock(mutex);
        while (!stopping) {
            const auto next = std::ranges::min_element(
                watched, {}, [](const auto& entry) { return entry.second.until; });
            if (next == watched.end()) {
                changed.wait(lock);
            } else if (const auto until = next->second.until;
                       until <= std::chrono::steady_clock::now()) {
                ::shutdown(next->second.socket, SHUT_RDWR);
                watched.erase(next);
            } else {
                changed.wait_until(lock, until);
            }
        }
    }
};

Watchdog::Guard::Guard(Guard&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)), number_(other.number_) {}

Watchdog::Guard::~Guard() {
    if (impl_ == nullptr) return;
    // Under the lock: the socket may be closed, and its number taken by another, right after this.
    const std::lock_guard lock(impl_->mutex);
    impl_->watched.erase(number_);
}

Watchdog::Watchdog() : impl_(std::make_unique<Impl>()) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->changed.notify_one();
    if (impl_->thread.joinable()) impl_->thread.join();
}

Watchdog::Guard Watchdog::watch(int socket, Deadline until) {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->thread.joinable()) impl_->start();
    const auto number = ++impl_->last;
    const bool first = std::ranges::all_of(
        impl_->watched, [&](const auto& entry) { return until < entry.second.until; });
    impl_->watched.emplace(number, Impl::Watched{socket, until});
    if (first) impl_->changed.notify_one();
    return {impl_.get(), number};
}

}  // namespace vedfolnir::sql
