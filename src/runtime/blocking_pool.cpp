#include "runtime/blocking_pool.hpp"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace vedfolnir::runtime {

struct BlockingPool::Impl {
    std::mutex mutex;
    std::condition_variable ready;
    std::deque<std::function<void()>> queue;
    std::size_t queue_max = 0;
    bool stopping = false;
    std::vector<std::thread> threads;

    void serve() {
        for (;;) {
            std::function<void()> work;
            {
                std::unique_lock lock(mutex);
                ready.wait(lock, [&] { return stopping || !queue.empty(); });
                if (stopping) return;
                work = std::move(queue.front());
                queue.pop_front();
            }
            work();
        }
    }
};

BlockingPool::BlockingPool(std::size_t threads, std::size_t queue_max)
    : impl_(std::make_unique<Impl>()) {
    impl_->queue_max = queue_max;
    // As in Runtime: the host program's signal handlers never run on our threads.
    sigset_t all;
    sigset_t previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    for (std::size_t i = 0; i < threads; ++i) {
        impl_->threads.emplace_back([impl = impl_.get()] { impl->serve(); });
    }
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

BlockingPool::~BlockingPool() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
        impl_->queue.clear();
    }
    impl_->ready.notify_all();
    for (auto& thread : impl_->threads) thread.join();
}

bool BlockingPool::submit(std::function<void()> work) {
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->stopping || impl_->queue.size() >= impl_->queue_max) return false;
        impl_->queue.push_back(std::move(work));
    }
    impl_->ready.notify_one();
    return true;
}

}  // namespace vedfolnir::runtime
