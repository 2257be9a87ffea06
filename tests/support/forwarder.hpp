// A TCP connection's way that can be cut: what one end wrote then never reaches the other (security.md O2: a stopped
// process is no cut link, its peer's writes wait in the socket and arrive later). Header-only, because tests of several
// layers use it.
#pragma once

#include "support/redis_server.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vedfolnir::test {

/// Forwards connections from a port of its own to a port of this host, until it is cut. From then on it accepts none.
class Forwarder {
public:
    explicit Forwarder(std::uint16_t to) : to_(to), listener_(listen_on_any()) {
        thread_ = std::thread([this] { serve(); });
    }
    ~Forwarder() { cut(); }
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// At once; what is under way is lost.
    void cut() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }

private:
    struct Pair {
        int a;
        int b;
    };

    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }

    int listen_on_any() {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto address = loopback(0);
        socklen_t size = sizeof(address);
        const bool listens =
            ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
            ::listen(descriptor, 8) == 0 &&
            ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
        if (!listens) throw std::runtime_error("the forwarder cannot listen");
        port_ = ntohs(address.sin_port);
        return descriptor;
    }

    void accept_one() {
        const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = loopback(to_);
        if (::connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
            pairs_.push_back({near, far});
            return;
        }
        ::close(near);
        ::close(far);
    }

    /// False at the end of the connection.
    static bool pass_on(int from, int to) {
        std::array<char, 65536> buffer{};
        const auto got = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0) return false;
        for (ssize_t sent = 0; sent < got;) {
            const auto put = ::send(to, buffer.data() + sent, static_cast<std::size_t>(got - sent),
                                    MSG_NOSIGNAL);
            if (put <= 0) return false;
            sent += put;
        }
        return true;
    }

    void serve() {
        while (!stop_) {
            std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
            for (const Pair& pair : pairs_) {
                waiting.push_back({pair.a, POLLIN, 0});
                waiting.push_back({pair.b, POLLIN, 0});
            }
            if (::poll(waiting.data(), waiting.size(), 10) <= 0 || stop_) continue;
            for (std::size_t i = pairs_.size(); i > 0; --i) {
                const Pair pair = pairs_[i - 1];
                const bool alive = (waiting[2 * i - 1].revents == 0 || pass_on(pair.a, pair.b)) &&
                                   (waiting[2 * i].revents == 0 || pass_on(pair.b, pair.a));
                if (alive) continue;
                ::close(pair.a);
                ::close(pair.b);
                pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i - 1));
            }
            if (waiting[0].revents != 0) accept_one();
        }
        ::close(listener_);
        for (const Pair& pair : pairs_) {
            ::close(pair.a);
            ::close(pair.b);
        }
    }

    std::uint16_t to_;
    std::uint16_t port_ = 0;
    int listener_;
    std::vector<Pair> pairs_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace vedfolnir::test
