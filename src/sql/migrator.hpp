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

/// Applies what is missing, in order. Call inside a write transaction of the only writer: several
/// processes may start at once, and the first to get its turn does the work.
void migrate(Connection& db, const std::vector<Migration>& known, std::string_view where,
             TimePoint now);

}  // namespace vedfolnir::sql
