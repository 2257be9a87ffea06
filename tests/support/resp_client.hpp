// A blocking Redis client of a hundred lines, for looking at what the product did without using the product.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vedfolnir::test {

/// One reply of RESP2.
struct RespReply {
    char type = '_';               ///< As on the wire: + - : $ *; '_' for a null.
    std::string text;              ///< Of + - and $.
    std::int64_t integer = 0;      ///< Of :
    std::vector<RespReply> items;  ///< Of *

    [[nodiscard]] bool failed() const noexcept { return type == '-'; }
    [[nodiscard]] bool null() const noexcept { return type == '_'; }
};

/// Connects to a Unix socket. Throws std::runtime_error when the connection fails or breaks.
class RespClient {
public:
    explicit RespClient(const std::string& socket_path);
    ~RespClient();
    RespClient(const RespClient&) = delete;
    RespClient& operator=(const RespClient&) = delete;

    RespReply command(const std::vector<std::string>& words);
    /// Without waiting for the reply; `receive` reads it.
    void send(const std::vector<std::string>& words);
    RespReply receive();

private:
    std::string line();
    std::string bytes(std::size_t count);
    void fill();

    int socket_ = -1;
    std::string buffer_;
};

}  // namespace vedfolnir::test
