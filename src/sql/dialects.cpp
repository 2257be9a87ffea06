#include "sql/dialects.hpp"

#include "sql/mysql_dialect.hpp"
#include "sql/postgres_dialect.hpp"
#include "sql/sqlite_dialect.hpp"

namespace vedfolnir::sql {

std::unique_ptr<Dialect> make_dialect(Location location) {
    switch (location.server.engine) {
    case model::DatabaseEngine::postgresql:
        return std::make_unique<PostgresDialect>(std::move(location));
    case model::DatabaseEngine::mysql:
        return std::make_unique<MysqlDialect>(std::move(location));
    case model::DatabaseEngine::sqlite:
        break;
    }
    return std::make_unique<SqliteDialect>(std::move(location));
}

}  // namespace vedfolnir::sql
