#include "support/resp_client.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace vedfolnir::test {

RespClient::RespClient(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof(address.sun_path))
        throw std::runtime_error("socket path too long");
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0 ||
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        const std::string why = std::strerror(errno);
        if (socket_ >= 0) ::close(socket_);
        throw std::runtime_error(socket_path + ": " + why);
    }
}

RespClient::~RespClient() { ::close(socket_); }

void RespClient::send(const std::vector<std::string>& words) {
    std::string wire = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
        wire += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    for (std::size_t sent = 0; sent < wire.size();) {
        const auto count = ::send(socket_, wire.data() + sent, wire.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) throw std::runtime_error("redis: the connection broke while sending");
        sent += static_cast<std::size_t>(count);
    }
}

RespReply RespClient::command(const std::vector<std::string>& words) {
    send(words);
    return receive();
}

void RespClient::fill() {
    char chunk[16384];
    const auto count = ::recv(socket_, chunk, sizeof(chunk), 0);
    if (count <= 0) throw std::runtime_error("redis: the connection broke while receiving");
    buffer_.append(chunk, static_cast<std::size_t>(count));
}

std::string RespClient::line() {
    for (;;) {
        const auto end = buffer_.find("\r\n");
        if (end != std::string::npos) {
            std::string text = buffer_.substr(0, end);
            buffer_.erase(0, end + 2);
            return text;
        }
        fill();
    }
}

std::string RespClient::bytes(std::size_t count) {
    while (buffer_.size() < count + 2) fill();
    std::string text = buffer_.substr(0, count);
    buffer_.erase(0, count + 2);
    return text;
}

RespReply RespClient::receive() {
    const std::string head = line();
    RespReply reply{head.at(0), head.substr(1), 0, {}};
    switch (reply.type) {
    case ':':
        reply.integer = std::stoll(reply.text);
        break;
    case '$':
    case '*': {
        const auto count = std::stoll(reply.text);
        if (count < 0) return {};
        if (reply.type == '$') {
            reply.text = bytes(static_cast<std::size_t>(count));
        } else {
            for (long long i = 0; i < count; ++i) reply.items.push_back(receive());
        }
        break;
    }
    default:
        break;
    }
    return reply;
}

}  // namespace vedfolnir::test
