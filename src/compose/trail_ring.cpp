#include "compose/trail_ring.hpp"

#include "compose/audit_keys.hpp"
#include "compose/database_file.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/audit_writer.hpp"
#include "sql/location.hpp"
#include "sql/sql.hpp"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

namespace vedfolnir::compose {
namespace {

Result<std::optional<bool>> trail_opens(const ManagerOptions& options) {
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    const auto database = sql::make_database(
        options.sql, options.state_dir,
        {.statement_timeout = options.sql.statement_timeout, .readers = 1, .clock = {}});
    if (!database) return database.error();
    runtime::Runtime runtime;
    const auto deadline = deadline_in(2 * options.sql.statement_timeout);
    std::function<std::optional<bool>(sql::Connection&)> work =
        [sealer = *sealer](sql::Connection& db) { return sql::trail_opens(db, *sealer); };
    auto opens = runtime::run_sync(
        runtime, (*database)->read<std::optional<bool>>(std::move(work), deadline), deadline);
    (*database)->close();
    runtime.stop();
    return opens;
}

std::string where(const ManagerOptions& options) {
    const auto location = sql::parse_location(options.sql.url, options.state_dir);
    return location ? location->text() : std::string("the database");
}

}  // namespace

Result<void> check_trail_ring(const ManagerOptions& options) {
    if (options.store == StoreKind::memory || missing_database_file(options)) return {};
    const auto opens = trail_opens(options);
    if (!opens) return opens.error();
    if (opens->value_or(true)) return {};
    return Error{
        Errc::key_unavailable,
        fmt::format("this key ring has another index secret than {}, in which users have other "
                    "names therefore; nothing was changed",
                    where(options))};
}

}  // namespace vedfolnir::compose
