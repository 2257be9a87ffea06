// Where the database is: SESSION_DATABASE_URL, read.
#pragma once

#include "vedfolnir/result.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::sql {

struct Location {
    std::string path;           ///< Absolute path of the SQLite file.
    bool private_home = false;  ///< The default file in the state directory, which may be created.
};

/// Reads `sqlite:///relative` or `sqlite:////absolute`; empty: `sessions.db` in `state_dir`.
/// Errors: bad_options (the message says what to write instead).
[[nodiscard]] Result<Location> parse_location(std::string_view url, const std::string& state_dir);

}  // namespace vedfolnir::sql
