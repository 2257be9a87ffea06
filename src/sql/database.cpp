#include "sql/database.hpp"

#include "runtime/fail_point.hpp"
#include "runtime/scope_timer.hpp"
#include "sql/database_parts.hpp"
#include "sql/dialects.hpp"
#include "sql/migrator.hpp"
#include "sql/sql_files.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

namespace vedfolnir::sql {
namespace {

using runtime::AtomicCounters;

/// Two that met in a deadlock may meet again.
constexpr int attempts_max = 4;

/// Whether another process has migrated already, asked without a turn: reading must not wait for
/// writers.
bool is_current(Connection& db, const std::vector<Migration>& known, const std::string& where) {
    if (db.query("schema_migrations_exists", 1).at(0).integer(0) == 0) return false;
    return count_applied(db, known, where) == known.size();
}

/// What a migration may take: an index on a large table is not built within one call.
constexpr Millis migration_timeout{60'000};

}  // namespace

void Database::Impl::open(const Limit& limit) {
    // Somebody may have replaced the file (a restored backup): writes into the old one would be
    // lost without a word.
    if (ready && !dialect->moved()) return;
    // Whoever opens is bounded by a limit of its own; our caller is answered at its deadline in any
    // case.
    const std::lock_guard lock(opening);
    if (limit.passed())
        throw Failure(Errc::audit_unavailable, dialect->where() + " was opened too slowly");
    if (ready && !dialect->moved()) return;
    ready = false;
    dialect->prepare();
    open_prepared(limit);
    ++openings;
    ready = true;
}

void Database::Impl::open_prepared(const Limit& limit) {
    const auto known = migrations(dialect->name());
    const auto explained = [&](Connection& db, const auto& work) {
        try {
            work(db);
        } catch (const std::exception& failure) {
            const auto diagnosis = db.diagnose(failure);
            throw Failure(diagnosis.error);
        }
    };
    bool current = false;
    const auto reader = connect(Role::reader, limit);
    explained(*reader, [&](Connection& db) { current = is_current(db, known, dialect->where()); });
    if (current) return;
    const Turn turn(*dialect, limit.deadline);
    const auto migrating = connect(Role::writer, limit);
    const Limit own(std::max(limit.deadline, deadline_in(migration_timeout)));
    explained(*migrating, [&](Connection& db) {
        db.begin(Role::writer, own);
        dialect->lock_schema(db);
        migrate(db, known, *dialect, now());
        db.commit();
    });
}

Held Database::Impl::take(Role role, const Limit& limit) {
    const auto current = openings.load();
    auto held = (role == Role::writer ? idle_writers : idle_readers).take(current);
    // As many connections as threads, so there is nothing to wait for.
    if (!held.connection) held = {connect(role, limit), current};
    return held;
}

void Database::Impl::give_back(Role role, Held held, const std::optional<Diagnosis>& failed) {
    // Ends the transaction if it is open, and the limit's hold on the connection.
    const bool usable = held.connection->rollback() && !(failed && failed->connection_is_lost);
    // Lost: the next call looks at the database again, and says what is wrong there.
    if (usable) {
        (role == Role::writer ? idle_writers : idle_readers).put(std::move(held));
    } else {
        ready = false;
    }
}

std::unique_ptr<const Turn> Database::Impl::take_turn(const Limit& limit) {
    for (;;) {
        open(limit);
        auto turn = std::make_unique<const Turn>(*dialect, limit.deadline);
        if (!dialect->moved()) return turn;
    }
}

std::optional<Diagnosis> Database::Impl::read(const Work& work, const Limit& limit, bool counted) {
    open(limit);
    auto held = take(Role::reader, limit);
    auto& db = *held.connection;
    db.count_statements(counted);
    std::optional<Diagnosis> failed;
    try {
        db.begin(Role::reader, limit);
        work(db);
        db.commit();
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
    }
    give_back(Role::reader, std::move(held), failed);
    return failed;
}

std::optional<Diagnosis> Database::Impl::write(const Work& work, Call& call) {
    const auto turn = take_turn(call.limit);
    auto held = take(Role::writer, call.limit);
    auto& db = *held.connection;
    std::optional<Diagnosis> failed;
    try {
        db.begin(Role::writer, call.limit);
        work(db);
        if (call.limit.passed() || !call.claim()) {
            throw Failure(Errc::audit_unavailable,
                          "the deadline passed before the commit; nothing was written");
        }
        runtime::fail_point("sql.written");
        db.commit();
        runtime::fail_point("sql.committed");
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
    }
    if (failed && call.state == Call::State::committing) {
        failed->worth_a_retry = false;
        if (failed->unanswered) {
            failed->error =
                Error{Errc::deadline_exceeded,
                      "the connection broke during a commit whose outcome is unknown: " +
                          failed->error.detail};
        }
    }
    give_back(Role::writer, std::move(held), failed);
    return failed;
}

Result<void> Database::Impl::execute(Use use, const Work& work, Call& call) {
    try {
        for (int attempt = 1;; ++attempt) {
            const auto failed =
                writes(use) ? write(work, call) : read(work, call.limit, use == Use::read);
            if (!failed) return {};
            if (!failed->worth_a_retry || attempt == attempts_max || call.limit.passed())
                return failed->error;
        }
    } catch (const std::exception& failure) {
        return dialect->diagnose(failure, nullptr).error;
    }
}

Database::Database(std::unique_ptr<Dialect> dialect, DatabaseSettings settings)
    : impl_(std::make_unique<Impl>()) {
    impl_->dialect = std::move(dialect);
    impl_->settings = std::move(settings);
    if (auto* counters = impl_->settings.counters; counters != nullptr) {
        counters->sql_writers = impl_->settings.writers;
        counters->sql_readers = impl_->settings.readers;
    }
}

Database::~Database() {
    // A child's copies of threads and connections cannot be joined or closed; they end with the
    // process.
    if (impl_->pid != getpid()) static_cast<void>(impl_.release());
}

void Database::close() {
    if (impl_->pid != getpid()) return;
    const std::lock_guard lock(impl_->pools_mutex);
    impl_->closed = true;
    impl_->pools.reset();
}

TimePoint Database::now() const { return impl_->now(); }

std::uint64_t Database::opening_number() const noexcept { return impl_->openings; }

async::Task<void> Database::run(Use use, Work work, Deadline deadline) {
    if (impl_->pid != getpid()) {
        co_return Error{
            Errc::internal,
            "the SQL database was opened before a fork; open a new manager in the child"};
    }
    const auto limit = use == Use::write_whole
                           ? deadline
                           : std::min(deadline, deadline_in(impl_->settings.statement_timeout));
    auto call = std::make_shared<Call>(limit);
    auto* const threads = impl_->threads();
    if (threads == nullptr) co_return Error{Errc::audit_unavailable, "the database was closed"};
    auto& pool = writes(use) ? threads->writer : threads->reader;
    auto* const counters = impl_->settings.counters;
    std::function<Result<void>()> task;
    if (use == Use::write && impl_->shares_commits()) {
        auto member = std::make_shared<Member>(Member{std::move(work), call});
        impl_->waiting.add(member, impl_->settings.queue_max);
        task = [impl = impl_.get(), counters, member] {
            const runtime::ScopeTimer busy(counters, &AtomicCounters::sql_writing_us);
            return impl->write_with_others(member);
        };
    } else {
        task = [impl = impl_.get(), counters, use, call, work = std::move(work)] {
            const runtime::ScopeTimer busy(counters, writes(use) ? &AtomicCounters::sql_writing_us
                                                                 : &AtomicCounters::sql_reading_us);
            return impl->execute(use, work, *call);
        };
    }
    auto result = co_await pool.run<void>(std::move(task), limit);
    if (result) co_return result;
    const auto& error = result.error();
    // Not even in somebody else's transaction, if it can still be kept out.
    if (error.code == Errc::store_unavailable && call->abandon()) {
        co_return Error{Errc::audit_unavailable,
                        "too many calls wait for " + impl_->dialect->where()};
    }
    if (error.code != Errc::deadline_exceeded && error.code != Errc::store_unavailable)
        co_return error;
    if (call->abandon()) {
        co_return Error{Errc::audit_unavailable,
                        impl_->dialect->where() +
                            " did not answer by the deadline; nothing was written"};
    }
    co_return Error{Errc::deadline_exceeded,
                    impl_->dialect->where() +
                        " was still committing at the deadline; the outcome is unknown"};
}

Result<std::shared_ptr<Database>> make_database(const SqlOptions& options,
                                                const std::string& state_dir,
                                                DatabaseSettings settings) {
    auto location = parse_location(options.url, state_dir);
    if (!location) return location.error();
    settings.statement_timeout = options.statement_timeout;
    settings.writers = location->is_file() ? 1 : options.writers;
    return std::make_shared<Database>(make_dialect(std::move(*location)), std::move(settings));
}

}  // namespace vedfolnir::sql
