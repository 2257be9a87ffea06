// The .sql files of storage/sql as compiled in: queries by name, migrations in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::sql {

/// Text of `queries/<dialect>/<name>.sql`, else of `queries/<name>.sql`, without its comments.
/// Throws Failure (internal) when there is neither.
[[nodiscard]] std::string query_text(std::string_view dialect, std::string_view name);

struct Migration {
    std::int64_t version = 0;
    std::string name;      ///< File name without folder and ending: "0001_sessions".
    std::string checksum;  ///< Of the file's bytes: 16 hexadecimal digits.
    std::vector<std::string> statements;
};

/// Ordered by version; a file in the dialect's folder takes the place of the common one of the same
/// name.
[[nodiscard]] std::vector<Migration> migrations(std::string_view dialect);

/// `script` without comments, cut at semicolons that end a line. For our own files: no strings with
/// such semicolons.
[[nodiscard]] std::vector<std::string> split_statements(std::string_view script);

}  // namespace vedfolnir::sql
