// A second process of our own: forked, spoken to by lines, killed if it is still there at the end.
// Header-only, because tests of several layers use it. Fork before the parent starts threads.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace vedfolnir::test {

/// One end of the conversation.
class Wire {
public:
    Wire(int in, int out) : in_(in), out_(out) {}
    Wire(Wire&& other) noexcept
        : in_(std::exchange(other.in_, -1)), out_(std::exchange(other.out_, -1)) {}
    ~Wire() { close_both(); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    Wire& operator=(Wire&&) = delete;

    void say(const std::string& line) const {
        const auto text = line + "\n";
        if (write(out_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
            throw std::runtime_error("the other process is gone");
        }
    }
    /// The next line; empty when the other end is gone or stays silent for half a minute.
    [[nodiscard]] std::optional<std::string> hear() const {
        std::string line;
        for (;;) {
            pollfd ready{in_, POLLIN, 0};
            const int polled = poll(&ready, 1, 30'000);
            if (polled < 0 && errno == EINTR) continue;
            char character = 0;
            if (polled <= 0 || read(in_, &character, 1) != 1) return std::nullopt;
            if (character == '\n') return line;
            line.push_back(character);
        }
    }
    void close_both() {
        if (in_ >= 0) close(in_);
        if (out_ >= 0) close(out_);
        in_ = out_ = -1;
    }

private:
    int in_;
    int out_;
};

class Child {
public:
    /// Runs `work` in a forked process; its return value is the exit status (an exception is 70).
    explicit Child(const std::function<int(Wire&)>& work) : Child(fork_with(work)) {}
    ~Child() {
        if (pid_ > 0) kill_and_wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] Wire& wire() noexcept { return wire_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// SIGKILL: as a power cut would end it.
    void kill_and_wait() {
        kill(pid_, SIGKILL);
        static_cast<void>(wait());
    }
    /// Waits for its end; the exit status, or minus the signal that ended it.
    [[nodiscard]] int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    struct Forked {
        pid_t pid;
        int in;
        int out;
    };
    explicit Child(Forked forked) : pid_(forked.pid), wire_(forked.in, forked.out) {}

    static Forked fork_with(const std::function<int(Wire&)>& work) {
        int down[2];
        int up[2];
        if (pipe(down) != 0 || pipe(up) != 0) throw std::runtime_error("pipe failed");
        std::fflush(nullptr);
        const pid_t pid = fork();
        if (pid < 0) throw std::runtime_error("fork failed");
        close(pid == 0 ? down[1] : down[0]);
        close(pid == 0 ? up[0] : up[1]);
        if (pid > 0) return {pid, up[0], down[1]};
        int status = 70;
        try {
            Wire wire(down[0], up[1]);
            status = work(wire);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "child: %s\n", error.what());
        }
        std::fflush(nullptr);
        _exit(status);
    }

    pid_t pid_;
    Wire wire_;
};

}  // namespace vedfolnir::test
