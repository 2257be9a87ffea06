#include "sql/database.hpp"

#include "runtime/blocking_pool.hpp"
#include "sql/failure.hpp"
#include "sql/migrator.hpp"
#include "sql/sql_files.hpp"
#include "sql/sqlite_dialect.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unistd.h>
#include <vector>

namespace vedfolnir::sql {
namespace {

/// One call, shared by its coroutine and its thread. Exactly one of them decides whether it is
/// written: the thread that starts the commit, or the coroutine that gives up first.
struct Call {
    enum class State : std::uint8_t { open, committing, abandoned };

    Limit limit;
    std::atomic<State> state{State::open};

    explicit Call(Deadline deadline) : limit(deadline) {}

    [[nodiscard]] bool move_to(State next) noexcept {
        auto expected = State::open;
        return state.compare_exchange_strong(expected, next);
    }
    /// True: nothing of it is or will be written.
    [[nodiscard]] bool abandon() noexcept {
        limit.abandoned = true;
        return move_to(State::abandoned);
    }
};

struct Pools {
    Pools(std::size_t readers, std::size_t queue_max)
        : writer(1, queue_max), reader(readers, queue_max) {}
    runtime::BlockingPool writer;
    runtime::BlockingPool reader;
};

class Turn {
public:
    Turn(Dialect& dialect, Deadline deadline) : dialect_(dialect) {
        if (!dialect_.begin_turn(deadline)) {
            throw Failure(Errc::audit_unavailable, "another process kept the write lock of " +
                                                       dialect_.where() +
                                                       " until the deadline; nothing was written");
        }
    }
    ~Turn() { dialect_.end_turn(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    Dialect& dialect_;
};

/// Whether another process has migrated already, asked without a turn: reading must not wait for
/// writers.
bool is_current(Connection& db, const std::vector<Migration>& known, const std::string& where) {
    if (db.query("schema_migrations_exists", 1).at(0).integer(0) == 0) return false;
    return count_applied(db, known, where) == known.size();
}

/// A connection and the opening it belongs to; one of an earlier opening is closed, not used.
struct Held {
    std::unique_ptr<Connection> connection;
    std::uint64_t opening = 0;
};

}  // namespace

struct Database::Impl {
    std::unique_ptr<Dialect> dialect;
    DatabaseSettings settings;
    pid_t pid = getpid();

    std::mutex opening;                      // guards `ready` and what becomes true with it
    std::atomic<bool> ready{false};          // prepared and migrated
    std::atomic<std::uint64_t> openings{0};  // how often that became true
    Held writer;                             // touched by the writer's thread only

    std::mutex readers_mutex;
    std::vector<Held> idle_readers;

    // Last: destroyed first, because their threads use everything above.
    std::mutex pools_mutex;
    bool closed = false;
    std::unique_ptr<Pools> pools;

    /// Null once closed.
    Pools* threads() {
        const std::lock_guard lock(pools_mutex);
        if (!pools && !closed)
            pools = std::make_unique<Pools>(settings.readers, settings.queue_max);
        return pools.get();
    }

    [[nodiscard]] std::unique_ptr<Connection> connect(Role role, const Limit& limit) {
        return std::make_unique<Connection>(*dialect, role, limit, settings.counters);
    }

    [[nodiscard]] TimePoint now() const {
        if (settings.clock) return settings.clock();
        return std::chrono::floor<Millis>(std::chrono::system_clock::now());
    }

    void open(const Limit& limit);
    void open_prepared(const Limit& limit);
    void write(const Work& work, Call& call);
    void read(const Work& work, const Limit& limit);
    [[nodiscard]] Held take_reader(const Limit& limit);
    [[nodiscard]] Result<void> execute(Role role, const Work& work, Call& call);
};

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
    explained(*migrating, [&](Connection& db) {
        db.begin(Role::writer);
        migrate(db, known, dialect->where(), now());
        db.commit();
    });
}

Held Database::Impl::take_reader(const Limit& limit) {
    const auto current = openings.load();
    {
        const std::lock_guard lock(readers_mutex);
        while (!idle_readers.empty()) {
            auto held = std::move(idle_readers.back());
            idle_readers.pop_back();
            if (held.opening == current) return held;
        }
    }
    // As many connections as threads, so there is nothing to wait for.
    return {connect(Role::reader, limit), current};
}

void Database::Impl::read(const Work& work, const Limit& limit) {
    open(limit);
    auto held = take_reader(limit);
    auto& db = *held.connection;
    db.bound(&limit);
    std::optional<Diagnosis> failed;
    try {
        db.begin(Role::reader);
        work(db);
        db.commit();
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
    }
    // Ends the transaction if it is open, and the limit's hold on the connection.
    const bool usable = db.rollback();
    if (failed && failed->connection_is_lost) ready = false;
    if (usable && !(failed && failed->connection_is_lost)) {
        const std::lock_guard lock(readers_mutex);
        idle_readers.push_back(std::move(held));
    }
    if (failed) throw Failure(failed->error);
}

void Database::Impl::write(const Work& work, Call& call) {
    open(call.limit);
    const Turn turn(*dialect, call.limit.deadline);
    if (writer.connection && writer.opening != openings) writer.connection.reset();
    if (!writer.connection) writer = {connect(Role::writer, call.limit), openings};
    auto& db = *writer.connection;
    try {
        db.bound(&call.limit);
        db.begin(Role::writer);
        work(db);
        if (call.limit.passed() || !call.move_to(Call::State::committing)) {
            throw Failure(Errc::audit_unavailable,
                          "the deadline passed before the commit; nothing was written");
        }
        db.commit();
    } catch (const std::exception& failure) {
        const auto diagnosis = db.diagnose(failure);
        if (!db.rollback() || diagnosis.connection_is_lost) {
            writer.connection.reset();
            // The next call looks at the file and its folder again, and says what is wrong there.
            ready = false;
        }
        throw Failure(diagnosis.error);
    }
}

Result<void> Database::Impl::execute(Role role, const Work& work, Call& call) {
    try {
        if (role == Role::reader) {
            read(work, call.limit);
        } else {
            write(work, call);
        }
        return {};
    } catch (const std::exception& failure) {
        return dialect->diagnose(failure, nullptr).error;
    }
}

Database::Database(std::unique_ptr<Dialect> dialect, DatabaseSettings settings)
    : impl_(std::make_unique<Impl>()) {
    impl_->dialect = std::move(dialect);
    impl_->settings = std::move(settings);
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

async::Task<void> Database::run(Role role, Work work, Deadline deadline) {
    if (impl_->pid != getpid()) {
        co_return Error{
            Errc::internal,
            "the SQL database was opened before a fork; open a new manager in the child"};
    }
    const auto limit = std::min(deadline, deadline_in(impl_->settings.statement_timeout));
    auto call = std::make_shared<Call>(limit);
    auto* const threads = impl_->threads();
    if (threads == nullptr) co_return Error{Errc::audit_unavailable, "the database was closed"};
    auto& pool = role == Role::writer ? threads->writer : threads->reader;
    std::function<Result<void>()> task = [impl = impl_.get(), role, call, work = std::move(work)] {
        return impl->execute(role, work, *call);
    };
    auto result = co_await pool.run<void>(std::move(task), limit);
    if (result) co_return result;
    const auto& error = result.error();
    if (error.code == Errc::store_unavailable) {
        co_return Error{Errc::audit_unavailable,
                        "too many calls wait for " + impl_->dialect->where()};
    }
    if (error.code != Errc::deadline_exceeded) co_return error;
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
    return std::make_shared<Database>(std::make_unique<SqliteDialect>(std::move(*location)),
                                      std::move(settings));
}

}  // namespace vedfolnir::sql
