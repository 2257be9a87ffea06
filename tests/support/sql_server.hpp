// Real PostgreSQL and MariaDB servers of one's own, in temporary folders, and a shell on them that is not our code.
#pragma once

#include "support/redis_server.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vedfolnir::test {

enum class SqlEngine : std::uint8_t { sqlite, postgresql, mysql };

[[nodiscard]] std::string engine_name(SqlEngine engine);

/// One connection with all rights, by the engine's own client library. Throws std::runtime_error with the server's words.
class SqlShell {
public:
    virtual ~SqlShell() = default;
    /// Runs one statement; its rows as text, NULL as "NULL".
    virtual std::vector<std::vector<std::string>> run(const std::string& statement) = 0;
    /// The names of the last answer's columns.
    [[nodiscard]] virtual const std::vector<std::string>& columns() const = 0;
};

/// Started on construction and ready to answer; killed, with its folder, on destruction. Kills exactly its own process.
/// The servers refuse root, so as root they run as `nobody`. Throws std::runtime_error with the server's log when it does
/// not start, or is not installed.
class SqlServer {
public:
    explicit SqlServer(SqlEngine engine);
    ~SqlServer();
    SqlServer(const SqlServer&) = delete;
    SqlServer& operator=(const SqlServer&) = delete;

    /// The one that tests of this process share; started on first use, ended with the process.
    static SqlServer& shared(SqlEngine engine);

    /// A user with a password that needs escapes in a URL; owns the databases made here.
    static constexpr const char* user = "app";
    static constexpr const char* password = "s3cret@/:% '\\x";

    /// The name of a new, empty database.
    [[nodiscard]] std::string fresh_database();
    /// The URL of `database` over TCP, with user and password.
    [[nodiscard]] std::string url(const std::string& database) const;
    /// The same over the Unix socket.
    [[nodiscard]] std::string socket_url(const std::string& database) const;
    [[nodiscard]] std::unique_ptr<SqlShell> shell(const std::string& database = {}) const;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::filesystem::path folder() const { return folder_; }
    [[nodiscard]] const Certificates& certificates() const { return *certificates_; }

    void freeze();  ///< Neither answers nor refuses, whatever processes serve connections.
    void thaw();
    void kill();   ///< SIGKILL, and waits until all of its processes are gone.
    void start();  ///< Again, on the same data and port.

private:
    void initialize();
    void settle_users();
    [[nodiscard]] std::vector<std::string> command() const;
    [[nodiscard]] bool ready() const;
    void signal_all(int signal) const;

    SqlEngine engine_;
    std::filesystem::path folder_;
    std::unique_ptr<Certificates> certificates_;
    std::uint16_t port_ = 0;
    std::uint32_t databases_ = 0;
    pid_t pid_ = -1;
};

/// The URL of a new, empty database: on the server that the tests of this program share, or, of SQLite, in that file.
[[nodiscard]] inline std::string fresh_database(SqlEngine engine, const std::string& file) {
    if (engine == SqlEngine::sqlite) return "sqlite:///" + file;
    auto& server = SqlServer::shared(engine);
    return server.url(server.fresh_database());
}

}  // namespace vedfolnir::test
