// Where the database is: SESSION_DATABASE_URL, read.
#pragma once

#include "model/database_url.hpp"
#include "vedfolnir/result.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::sql {

struct Location {
    std::string path;           ///< SQLite: absolute path of the file.
    bool private_home = false;  ///< The default file in the state directory, which may be created.
    model::DatabaseUrl server;  ///< Other engines: how the server is reached.

    [[nodiscard]] bool is_file() const noexcept {
        return server.engine == model::DatabaseEngine::sqlite;
    }
    /// Names the database for people; never a password.
    [[nodiscard]] std::string text() const;
};

/// Reads a database URL; empty: `sessions.db` in `state_dir`.
/// Errors: bad_options (the message says what to write instead).
[[nodiscard]] Result<Location> parse_location(std::string_view url, const std::string& state_dir);

}  // namespace vedfolnir::sql
