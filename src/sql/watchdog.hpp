// Ends exchanges with a server that does not answer: client libraries block, and a blocked thread cannot be cancelled.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <memory>

namespace vedfolnir::sql {

/// One thread that shuts down the sockets whose time is up; whoever waits on one is answered with a broken connection.
/// Started on first use. Thread safety: any thread.
class Watchdog {
    struct Impl;

public:
    /// Watches until it is destroyed.
    class Guard {
    public:
        Guard() = default;
        Guard(Guard&& other) noexcept;
        Guard& operator=(Guard&&) = delete;
        ~Guard();

    private:
        friend class Watchdog;
        Guard(Impl* impl, std::uint64_t number) : impl_(impl), number_(number) {}
        Impl* impl_ = nullptr;
        std::uint64_t number_ = 0;
    };

    Watchdog();
    /// All guards are gone before.
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Shuts `socket` down at `until`; it stays open as long as the guard lives.
    [[nodiscard]] Guard watch(int socket, Deadline until);

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace vedfolnir::sql
