// Brings a database to the schema of this build.
#pragma once

#include "sql/connection.hpp"
#include "sql/sql_files.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::sql {

/// Compares what was applied with `known`. How many of `known` stand already.
/// Throws Failure: bad_options (applied by a newer version, or changed after it was applied).
[[nodiscard]] std::size_t count_applied(Connection& db, const std::vector<Migration>& known,
                                        std::string_view where);

/// Applies what is missing, in order. Call inside a write transaction that holds the schema (Dialect::lock_schema):
/// several processes may start at once, and the first does the work.
void migrate(Connection& db, const std::vector<Migration>& known, const Dialect& dialect,
             TimePoint now);

}  // namespace vedfolnir::sql
