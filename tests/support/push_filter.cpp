#include "support/push_filter.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <list>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace vedfolnir::test {
namespace {

/// One connection of a client, and ours to the server for it.
struct Pair {
    int client;
    int server;
    RespScanner answers{};
};

int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return made;
    ::close(made);
    return -1;
}

bool pass(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::optional<std::string> receive(int from) {
    char bytes[16 * 1024];
    const auto size = ::recv(from, bytes, sizeof bytes, 0);
    if (size <= 0) return std::nullopt;
    return std::string(bytes, static_cast<std::size_t>(size));
}

bool pass_answers(Pair& pair, std::atomic<std::uint64_t>& dropped) {
    const auto bytes = receive(pair.server);
    if (!bytes) return false;
    pair.answers.feed(*bytes);
    while (const auto message = pair.answers.next()) {
        if (message->starts_with('>')) {
            ++dropped;
        } else if (!pass(pair.client, *message)) {
            return false;
        }
    }
    return true;
}

void forward(int listener, const std::string& redis_socket, std::atomic<std::uint64_t>& dropped) {
    std::list<Pair> pairs;
    for (;;) {
        std::vector<pollfd> waits{{listener, POLLIN, 0}};
        for (const Pair& pair : pairs) {
            waits.push_back({pair.client, POLLIN, 0});
            waits.push_back({pair.server, POLLIN, 0});
        }
        ::poll(waits.data(), waits.size(), -1);
        std::size_t at = 1;
        for (auto pair = pairs.begin(); pair != pairs.end(); at += 2) {
            bool stands = true;
            if (waits[at].revents != 0) {
                const auto asked = receive(pair->client);
                stands = asked && pass(pair->server, *asked);
            }
            if (stands && waits[at + 1].revents != 0) stands = pass_answers(*pair, dropped);
            if (stands) {
                ++pair;
                continue;
            }
            ::close(pair->client);
            ::close(pair->server);
            pair = pairs.erase(pair);
        }
        if (waits[0].revents == 0) continue;
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const int server = connect_to(redis_socket);
        if (server < 0) {
            ::close(client);
        } else {
            pairs.push_back({client, server});
        }
    }
}

}  // namespace

std::optional<std::string> RespScanner::next() {
    std::size_t at = 0;
    for (std::uint64_t open = 1; open > 0;) {
        const auto end = buffer_.find("\r\n", at);
        if (end == std::string::npos) return std::nullopt;
        const char type = buffer_[at];
        std::int64_t number = 0;
        std::from_chars(buffer_.data() + at + 1, buffer_.data() + end, number);
        at = end + 2;
        --open;
        if (std::strchr("$=!", type) != nullptr && number >= 0) {
            at += static_cast<std::size_t>(number) + 2;
            if (buffer_.size() < at) return std::nullopt;
        } else if (std::strchr("*~>", type) != nullptr && number > 0) {
            open += static_cast<std::uint64_t>(number);
        } else if (type == '%') {
            open += 2 * static_cast<std::uint64_t>(number);
        }
    }
    std::string message = buffer_.substr(0, at);
    buffer_.erase(0, at);
    return message;
}

int PushFilter::listen_now() {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(made, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(made, 16) != 0 ||
        ::getsockname(made, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("the proxy cannot listen");
    port_ = ntohs(address.sin_port);
    return made;
}

PushFilter::PushFilter(const std::string& redis_socket)
    : listener_(listen_now()), child_([this, redis_socket](Wire&) {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          forward(listener_, redis_socket, *dropped_);
          return 0;
      }) {
    ::close(listener_);
}

}  // namespace vedfolnir::test
