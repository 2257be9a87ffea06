#include "runtime/runtime.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <csignal>
#include <optional>
#include <pthread.h>
#include <thread>

namespace vedfolnir::runtime {
namespace asio = boost::asio;

namespace {

/// The host program's signal handlers must run on its own threads (Python's, gunicorn's), never on ours.
class BlockedSignals {
public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &previous_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

private:
    sigset_t previous_{};
};

/// Counts the forks that led to this process. Asked on every load: a system call for the process id would cost more
/// than the rest of a near-cache hit's bookkeeping.
std::atomic<unsigned> forks{0};

unsigned forks_so_far() {
    static const int registered =
        pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(registered);
    return forks.load(std::memory_order_relaxed);
}

}  // namespace

struct Runtime::Impl {
    asio::io_context loop{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{
        asio::make_work_guard(loop)};
    std::thread thread;
};

Runtime::Runtime() : impl_(std::make_unique<Impl>()), forks_(forks_so_far()) {
    const BlockedSignals blocked;
    impl_->thread = std::thread([loop = &impl_->loop] { loop->run(); });
}

Runtime::~Runtime() { stop(); }

asio::any_io_executor Runtime::executor() const noexcept { return impl_->loop.get_executor(); }

bool Runtime::belongs_here() const noexcept { return forks_ == forks_so_far(); }

void Runtime::stop() noexcept {
    if (!impl_ || !impl_->thread.joinable()) return;
    impl_->work.reset();
    impl_->loop.stop();
    impl_->thread.join();
}

}  // namespace vedfolnir::runtime
