#include "sql/migrator.hpp"

#include "sql/failure.hpp"

#include <charconv>

namespace vedfolnir::sql {
namespace {

/// A migration whose statements commit one by one. Its row in schema_migrations has, in the place of the checksum, how
/// many of them stand, and whether the next one was under way.
struct Progress {
    static constexpr std::string_view trying = "try ";
    static constexpr std::string_view stopped = "done ";

    bool begun = false;
    std::size_t done = 0;
    bool under_way = false;  ///< The process ended before it could say how the next statement went.

    static bool is_progress(std::string_view checksum) {
        return checksum.starts_with(trying) || checksum.starts_with(stopped);
    }
    static Progress read(Connection& db, const Migration& migration) {
        Progress progress;
        for (const auto& row : db.query("schema_migrations_list", 3)) {
            const auto text = row.text(2);
            if (row.integer(0) != migration.version || !is_progress(text)) continue;
            const auto* end = text.data() + text.size();
            std::from_chars(text.data() + text.find(' ') + 1, end, progress.done);
            progress.begun = true;
            progress.under_way = text.starts_with(trying);
        }
        return progress;
    }
};

void add_row(Connection& db, const Migration& migration, const std::string& checksum,
             TimePoint now) {
    db.execute("schema_migrations_add", {{"version", migration.version},
                                         {"name", migration.name},
                                         {"checksum", checksum},
                                         {"now", now.time_since_epoch().count()}});
}

void mark(Connection& db, const Migration& migration, const std::string& checksum) {
    db.execute("schema_migrations_mark", {{"version", migration.version}, {"checksum", checksum}});
}

/// Where an earlier attempt ended in the middle of a statement, that one may stand already; nowhere else is something
/// that exists taken for ours.
void apply_stepwise(Connection& db, const Migration& migration, const Dialect& dialect,
                    TimePoint now) {
    const auto before = Progress::read(db, migration);
    if (!before.begun) add_row(db, migration, std::string(Progress::stopped) + "0", now);
    for (std::size_t i = before.done; i < migration.statements.size(); ++i) {
        mark(db, migration, std::string(Progress::trying) + std::to_string(i));
        try {
            db.statement(dialect.schema_statement(migration.statements[i]));
        } catch (const std::exception& failure) {
            const auto diagnosis = db.diagnose(failure);
            if (diagnosis.unanswered) throw;
            const bool may_stand = before.under_way && i == before.done;
            if (may_stand && diagnosis.exists_already) continue;
            mark(db, migration, std::string(Progress::stopped) + std::to_string(i));
            throw Failure(diagnosis.error);
        }
    }
    mark(db, migration, migration.checksum);
}

}  // namespace

std::size_t count_applied(Connection& db, const std::vector<Migration>& known,
                          std::string_view where) {
    const auto applied = db.query("schema_migrations_list", 3);
    for (std::size_t i = 0; i < applied.size(); ++i) {
        const auto version = applied[i].integer(0);
        const auto name = applied[i].text(1);
        if (Progress::is_progress(applied[i].text(2))) return i;
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
        if (!dialect.schema_rolls_back()) {
            apply_stepwise(db, known[i], dialect, now);
            continue;
        }
        for (const auto& statement : known[i].statements)
            db.statement(dialect.schema_statement(statement));
        add_row(db, known[i], known[i].checksum, now);
    }
}

}  // namespace vedfolnir::sql
