// SESSION_DATABASE_URL taken apart: which SQL database, and how it is reached. Opens nothing.
#pragma once

#include "vedfolnir/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vedfolnir::model {

enum class DatabaseEngine : std::uint8_t { sqlite, postgresql, mysql };

struct DatabaseUrl {
    DatabaseEngine engine = DatabaseEngine::sqlite;
    std::string file;        ///< SQLite: relative or absolute path.
    std::string host;        ///< A server's name or address; empty where `socket` is set.
    std::uint16_t port = 0;  ///< 0: the engine's usual one.
    std::string socket;      ///< PostgreSQL: folder of the Unix socket; MySQL: the socket.
    std::string user;        ///< Empty: what the client library takes, the account of the process.
    std::string password;
    std::string database;
    /// TLS and names, as the engine calls them: `sslmode`, `ssl-ca` and the like. Only known ones.
    std::map<std::string, std::string, std::less<>> options;
};

/// Reads `sqlite:///relative`, `sqlite:////absolute`, `postgresql://user:password@host:port/database?sslmode=…` and
/// `mysql://…` (`mariadb://`), with a driver suffix or without, percent-decoded. A Unix socket is `?host=/folder`
/// (PostgreSQL) or `?socket=/file` (MySQL).
/// Errors: bad_options; the text says what to write and never repeats the URL.
[[nodiscard]] Result<DatabaseUrl> parse_database_url(std::string_view url);

}  // namespace vedfolnir::model
