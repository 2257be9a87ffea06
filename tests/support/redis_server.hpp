// A real Redis or Valkey of one's own: in a temporary folder, on a Unix socket and, when asked, on a free port.
#pragma once

#include "support/resp_client.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vedfolnir::test {

/// A moment between two looks at a condition; never a way to wait for something to have happened.
void pause();

/// Polls `condition` until it holds; false if it does not within `limit`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

struct RedisServerOptions {
    std::vector<std::string> settings{};  ///< Lines of redis.conf.
    std::vector<std::string> acl{};       ///< Lines of an ACL file; the default user is then off.
    std::string password{};               ///< Of the default user.
    bool tcp = false;
    bool tls = false;  ///< TLS on the port, with fresh certificates for `certificate_host`.
    std::string certificate_host = "localhost";
    bool client_certificates = false;  ///< Require them.
};

/// A certificate authority of one test, and what it signed.
class Certificates {
public:
    explicit Certificates(std::filesystem::path folder, const std::string& server_host);

    [[nodiscard]] std::string ca() const { return (folder_ / "ca.crt").string(); }
    [[nodiscard]] std::string certificate(const std::string& name) const {
        return (folder_ / (name + ".crt")).string();
    }
    [[nodiscard]] std::string key(const std::string& name) const {
        return (folder_ / (name + ".key")).string();
    }

private:
    void sign(const std::string& name, const std::string& host) const;
    std::filesystem::path folder_;
};

/// The program to start: VEDFOLNIR_TEST_REDIS_SERVER, else `redis-server`.
[[nodiscard]] std::string redis_program();

/// Started on construction and ready to answer; killed, with its folder, on destruction. Kills exactly its own process.
/// Throws std::runtime_error with the server's log when it does not start.
class RedisServer {
public:
    explicit RedisServer(RedisServerOptions options = {});
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    [[nodiscard]] std::string socket_path() const { return (folder_ / "s").string(); }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] const Certificates& certificates() const { return *certificates_; }
    [[nodiscard]] std::filesystem::path folder() const { return folder_; }

    /// One command with all rights.
    RespReply admin(const std::vector<std::string>& words);
    /// A connection with all rights, for more than one command.
    [[nodiscard]] std::unique_ptr<RespClient> client() const;

    void freeze();  ///< SIGSTOP: the process neither answers nor refuses.
    void thaw();
    void kill();   ///< SIGKILL, and waits for its end.
    void start();  ///< Again, on the same socket and port.

    /// Calls of each command since the last CONFIG RESETSTAT, from INFO commandstats. Subcommands as
    /// `client|list`. Asking counts as a call of `info`, from the next question on.
    std::int64_t calls(const std::string& command);

private:
    void write_configuration();
    bool ready();

    RedisServerOptions options_;
    std::filesystem::path folder_;
    std::unique_ptr<Certificates> certificates_;
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
};

/// A port that nothing listens on at this moment.
[[nodiscard]] std::uint16_t free_port();

/// A new private folder; short, because socket paths must be.
[[nodiscard]] std::filesystem::path temporary_folder();

}  // namespace vedfolnir::test
