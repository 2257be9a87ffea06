#include "sql/file_lock.hpp"

#include "sql/failure.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <memory>
#include <pthread.h>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace vedfolnir::sql {
namespace {

using namespace std::chrono_literals;

/// Descriptors that a forked child must close. A plain array of atomics: the handler may not lock
/// or allocate.
constexpr std::size_t files_max = 256;
std::array<std::atomic<int>, files_max> open_files{};  // descriptor + 1; 0 = free

void close_in_child() {
    for (auto& file : open_files) {
        if (const int taken = file.exchange(0); taken != 0) close(taken - 1);
    }
}

void remember(int descriptor) {
    static const int installed = pthread_atfork(nullptr, nullptr, close_in_child);
    if (installed != 0) throw Failure(Errc::internal, "pthread_atfork failed");
    for (auto& file : open_files) {
        int expected = 0;
        if (file.compare_exchange_strong(expected, descriptor + 1)) return;
    }
    throw Failure(Errc::internal, "more than 128 databases are open in one process");
}

void forget(int descriptor) noexcept {
    for (auto& file : open_files) {
        int expected = descriptor + 1;
        if (file.compare_exchange_strong(expected, 0)) return;
    }
}

int open_private(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        const std::error_code why(errno, std::generic_category());
        throw Failure(Errc::audit_unavailable,
                      "cannot open " + path + ": " + why.message() +
                          "; make the folder and the file writable for uid " +
                          std::to_string(geteuid()));
    }
    try {
        remember(descriptor);
    } catch (...) {
        close(descriptor);
        throw;
    }
    return descriptor;
}

void close_private(int descriptor) noexcept {
    if (descriptor < 0) return;
    forget(descriptor);
    close(descriptor);
}

/// flock has no timeout, so it is polled: finely at first (a commit takes a fraction of a
/// millisecond).
bool lock_until(int descriptor, Deadline deadline) {
    auto pause = 50us;
    for (;;) {
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK && errno != EINTR) {
            const std::error_code why(errno, std::generic_category());
            throw Failure(Errc::audit_unavailable, "flock failed: " + why.message());
        }
        const auto left = deadline - std::chrono::steady_clock::now();
        if (left <= 0s) return false;
        std::this_thread::sleep_for(std::min<Deadline::duration>(pause, left));  // tidy: sleep-cpp
        pause = std::min<std::chrono::microseconds>(pause * 2, 2ms);
    }
}

}  // namespace

FileLock::FileLock(const std::string& database_path)
    : turn_(open_private(database_path + "-turn")) {
    try {
        next_ = open_private(database_path + "-next");
    } catch (...) {
        close_private(turn_);
        throw;
    }
}

FileLock::~FileLock() {
    close_private(turn_);
    close_private(next_);
}

bool FileLock::acquire(Deadline deadline) {
    if (!lock_until(next_, deadline)) return false;
    const std::unique_ptr<int, void (*)(int*)> at_the_front(
        &next_, [](int* next) { flock(*next, LOCK_UN); });
    return lock_until(turn_, deadline);
}

void FileLock::release() noexcept { flock(turn_, LOCK_UN); }

}  // namespace vedfolnir::sql
