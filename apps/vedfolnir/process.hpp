// What makes a command a daemon: signals as values, the file with its process id, words to systemd.
#pragma once

#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::cli {

/// Those that would end this process: SIGTERM, SIGINT and SIGHUP, but for what is ignored (by nohup, say).
[[nodiscard]] std::vector<int> ending_signals();
/// Ends this process as `signal` would have, so that who waits for it sees that; nothing is flushed.
[[noreturn]] void end_by(int signal);

/// Blocks SIGTERM, SIGINT and SIGHUP, or others, in this thread and in all it starts from here on; they arrive through `wait` only.
/// Make it before any thread.
class Signals {
public:
    explicit Signals(const std::vector<int>& signals = {SIGTERM, SIGINT, SIGHUP});
    /// The next signal; empty once `patience` is over.
    [[nodiscard]] std::optional<int> wait(Millis patience) const;

private:
    sigset_t set_{};
};

/// Holds a lock as long as it lives, and the process id is in the file as long: a file left by a process that was killed
/// is taken over, one of a living process is not.
class PidFile {
public:
    /// Errors: bad_options (the file cannot be written, or another process holds it).
    [[nodiscard]] static Result<PidFile> hold(const std::string& path);
    PidFile(PidFile&& other) noexcept;
    PidFile& operator=(PidFile&&) = delete;
    ~PidFile();

private:
    PidFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    std::string path_;
    int descriptor_ = -1;
};

/// sd_notify(3)'s protocol: datagrams to the socket that NOTIFY_SOCKET names. Without one, nothing is sent.
class Notifier {
public:
    Notifier();
    /// Lines of NAME=VALUE. A service manager that does not listen is nothing to act on.
    void send(std::string_view lines) const noexcept;
    /// How often the service manager wants to hear WATCHDOG=1: half of what it permits. Empty: it does not.
    [[nodiscard]] std::optional<Millis> watchdog() const noexcept { return watchdog_; }

private:
    std::string socket_;
    std::optional<Millis> watchdog_;
};

}  // namespace vedfolnir::cli
