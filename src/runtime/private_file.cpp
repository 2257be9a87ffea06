#include "runtime/private_file.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace vedfolnir::runtime {
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

Result<void> remember(int descriptor) {
    static const int installed = pthread_atfork(nullptr, nullptr, close_in_child);
    if (installed != 0) return Error{Errc::internal, "pthread_atfork failed"};
    for (auto& file : open_files) {
        int expected = 0;
        if (file.compare_exchange_strong(expected, descriptor + 1)) return {};
    }
    return Error{Errc::internal, "more than 256 private files are open in one process"};
}

/// False in a forked child: it was closed there already, and the number may be another file's by now.
bool forget(int descriptor) noexcept {
    for (auto& file : open_files) {
        int expected = descriptor + 1;
        if (file.compare_exchange_strong(expected, 0)) return true;
    }
    return false;
}

}  // namespace

Result<PrivateFile> PrivateFile::open(const std::string& path, Missing missing) {
    const int create = missing == Missing::create ? O_CREAT : 0;
    const int descriptor = ::open(path.c_str(), O_RDWR | create | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        const std::error_code why(errno, std::generic_category());
        return Error{Errc::audit_unavailable,
                     "cannot open " + path + ": " + why.message() +
                         "; make the folder and the file writable for uid " +
                         std::to_string(geteuid())};
    }
    if (auto remembered = remember(descriptor); !remembered) {
        close(descriptor);
        return remembered.error();
    }
    return PrivateFile(descriptor);
}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

PrivateFile& PrivateFile::operator=(PrivateFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

PrivateFile::~PrivateFile() {
    if (descriptor_ >= 0 && forget(descriptor_)) close(descriptor_);
}

/// flock has no timeout, so it is polled: finely at first (what is done under it takes a fraction of a millisecond).
Result<bool> PrivateFile::lock(Deadline deadline) {
    auto pause = 50us;
    for (;;) {
        if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK && errno != EINTR) {
            const std::error_code why(errno, std::generic_category());
            return Error{Errc::audit_unavailable, "flock failed: " + why.message()};
        }
        const auto left = deadline - std::chrono::steady_clock::now();
        if (left <= 0s) return false;
        std::this_thread::sleep_for(std::min<Deadline::duration>(pause, left));  // tidy: sleep-cpp
        pause = std::min<std::chrono::microseconds>(pause * 2, 2ms);
    }
}

void PrivateFile::unlock() noexcept { flock(descriptor_, LOCK_UN); }

}  // namespace vedfolnir::runtime
