#include "sql/migrator.hpp"

#include "sql/failure.hpp"

namespace vedfolnir::sql {

std::size_t count_applied(Connection& db, const std::vector<Migration>& known,
                          std::string_view where) {
    const auto applied = db.query("schema_migrations_list", 3);
    for (std::size_t i = 0; i < applied.size(); ++i) {
        const auto version = applied[i].integer(0);
        const auto name = applied[i].text(1);
        if (i >= known.size() || known[i].version < version) {
            throw Failure(Errc::bad_options,
                          std::string(where) + " was written by a newer version (its schema has " +
                              name + ", this build knows up to " +
                              (known.empty() ? "none" : known.back().name) +
                              "); upgrade this installation, or use another database");
        }
        if (known[i].name != name || known[i].checksum != applied[i].text(2)) {
            throw Failure(Errc::bad_options,
                          std::string(where) + " has the migration " + name +
                              " in another form than this build (" + known[i].name +
                              "); its schema may differ: use the version that made it");
        }
    }
    return applied.size();
}

void migrate(Connection& db, const std::vector<Migration>& known, const Dialect& dialect,
             TimePoint now) {
    db.execute("schema_migrations_create");
    for (std::size_t i = count_applied(db, known, dialect.where()); i < known.size(); ++i) {
        for (const auto& statement : known[i].statements)
            db.statement(dialect.schema_statement(statement));
        db.execute("schema_migrations_add", {{"version", known[i].version},
                                             {"name", known[i].name},
                                             {"checksum", known[i].checksum},
                                             {"now", now.time_since_epoch().count()}});
    }
}

}  // namespace vedfolnir::sql
