// A proxy before a Redis that drops what the server tells by itself (RESP3 pushes), as a broken network element would.
// The connections stand, requests are answered; only invalidations never arrive.
#pragma once

#include "support/child.hpp"
#include "support/shared_memory.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::test {

/// Takes whole RESP3 messages out of a stream of bytes.
class RespScanner {
public:
    void feed(std::string_view bytes) { buffer_ += bytes; }
    /// The next complete message; empty until more bytes come.
    [[nodiscard]] std::optional<std::string> next();

private:
    std::string buffer_;
};

/// Runs in a process of its own from construction to destruction. Construct it before the parent starts threads.
class PushFilter {
public:
    explicit PushFilter(const std::string& redis_socket);

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Pushes that did not get through.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return (*dropped_).load(); }

private:
    int listen_now();

    std::uint16_t port_ = 0;
    SharedMemory<std::atomic<std::uint64_t>> dropped_;
    int listener_;
    Child child_;
};

}  // namespace vedfolnir::test
