// SESSION_DATABASE_URL: which SQL database, checked before anything connects.
#pragma once

#include "vedfolnir/result.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::config {

/// Accepts `sqlite:///relative/file` and `sqlite:////absolute/file` and returns the file's path.
/// Errors: bad_options for other databases, in-memory ones and malformed URLs; the text never repeats the URL.
[[nodiscard]] Result<std::string> sqlite_file(std::string_view url);

}  // namespace vedfolnir::config
