#include "process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace vedfolnir::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

std::optional<long> number(const std::string& text) {
    long value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

Error refused(const std::string& path, std::string_view why) {
    return {Errc::bad_options, fmt::format("--pid-file {}: {}", path, why)};
}

}  // namespace

std::vector<int> ending_signals() {
    std::vector<int> signals;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        struct sigaction action {};
        const bool known = ::sigaction(signal, nullptr, &action) == 0;
        if (known && action.sa_handler != SIG_IGN) signals.push_back(signal);
    }
    return signals;
}

void end_by(int signal) {
    sigset_t its{};
    sigemptyset(&its);
    sigaddset(&its, signal);
    std::signal(signal, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &its, nullptr);
    ::raise(signal);
    std::abort();  // it is none that ends a process
}

Signals::Signals(const std::vector<int>& signals) {
    sigemptyset(&set_);
    for (const int signal : signals) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

std::optional<int> Signals::wait(Millis patience) const {
    const timespec limit{.tv_sec = patience.count() / 1000,
                         .tv_nsec = patience.count() % 1000 * 1'000'000};
    const int signal = sigtimedwait(&set_, nullptr, &limit);
    if (signal < 0) return std::nullopt;  // the time is over, or another signal came between
    return signal;
}

Result<PidFile> PidFile::hold(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) return refused(path, std::strerror(errno));
    PidFile file(path, descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        file.path_.clear();  // not ours to remove
        return refused(path, "another process that still runs holds it");
    }
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(descriptor, 0) != 0 ||
        ::write(descriptor, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return refused(path, std::strerror(errno));
    return file;
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), descriptor_(std::exchange(other.descriptor_, -1)) {}

PidFile::~PidFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
    if (descriptor_ >= 0) ::close(descriptor_);
}

Notifier::Notifier() : socket_(environment("NOTIFY_SOCKET")) {
    const auto microseconds = number(environment("WATCHDOG_USEC"));
    const auto process = number(environment("WATCHDOG_PID"));
    if (socket_.empty() || !microseconds || *microseconds <= 0) return;
    if (process && *process != ::getpid()) return;
    watchdog_ = Millis(std::max(1L, *microseconds / 2000));
}

void Notifier::send(std::string_view lines) const noexcept {
    sockaddr_un address{};
    if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    [[maybe_unused]] const auto sent =
        ::sendto(descriptor, lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), length);
    ::close(descriptor);
}

}  // namespace vedfolnir::cli
