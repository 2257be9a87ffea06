#include "sql/database.hpp"

#include "runtime/blocking_pool.hpp"
#include "runtime/fail_point.hpp"
#include "sql/dialects.hpp"
#include "sql/failure.hpp"
#include "sql/migrator.hpp"
#include "sql/sql_files.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <unistd.h>
#include <vector>

namespace vedfolnir::sql {
namespace {

/// Two that met in a deadlock may meet again.
constexpr int attempts_max = 4;

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
    /// The thread's side of `abandon`; also true where an earlier attempt had come so far.
    [[nodiscard]] bool claim() noexcept {
        return move_to(State::committing) || state == State::committing;
    }
    /// True: nothing of it is or will be written.
    [[nodiscard]] bool abandon() noexcept {
        limit.abandoned = true;
        return move_to(State::abandoned);
    }
};

/// A call that may share a transaction with others. Written by its thread only, of which SQLite has one.
struct Member {
    std::function<void(Connection&)> work;
    std::shared_ptr<Call> call;
    std::optional<Result<void>> outcome{};

    void fail(Diagnosis diagnosis) { outcome.emplace(std::move(diagnosis.error)); }
};
using Members = std::vector<std::shared_ptr<Member>>;

/// Calls whose turn has not come.
class WaitingMembers {
public:
    /// Not kept beyond `max`: such a call goes alone.
    void add(std::shared_ptr<Member> member, std::size_t max) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() < max) waiting_.push_back(std::move(member));
    }
    void remove(const std::shared_ptr<Member>& member) {
        const std::lock_guard lock(mutex_);
        std::erase(waiting_, member);
    }
    /// The longest waiting; those that were given up meanwhile are forgotten.
    [[nodiscard]] Members take(std::size_t max) {
        const std::lock_guard lock(mutex_);
        std::erase_if(waiting_, [](const auto& member) {
            return member->call->state == Call::State::abandoned;
        });
        const auto count = std::min(max, waiting_.size());
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
        Members taken(waiting_.begin(), end);
        waiting_.erase(waiting_.begin(), end);
        return taken;
    }

private:
    std::mutex mutex_;
    std::deque<std::shared_ptr<Member>> waiting_;
};

struct Pools {
    explicit Pools(const DatabaseSettings& settings)
        : writer(settings.writers, settings.queue_max),
          reader(settings.readers, settings.queue_max) {}
    runtime::BlockingPool writer;
    runtime::BlockingPool reader;
};

/// Counts how long a thread is at work.
class BusyTime {
public:
    BusyTime(runtime::AtomicCounters* counters, bool writes) noexcept
        : counters_(counters), writes_(writes) {}
    ~BusyTime() {
        if (counters_ == nullptr) return;
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - began_);
        runtime::AtomicCounters::raise(writes_ ? counters_->sql_writing_us
                                               : counters_->sql_reading_us,
                                       static_cast<std::uint64_t>(took.count()));
    }
    BusyTime(const BusyTime&) = delete;
    BusyTime& operator=(const BusyTime&) = delete;

private:
    runtime::AtomicCounters* counters_;
    bool writes_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
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

/// Connections of one role that no call uses at the moment.
class IdleConnections {
public:
    /// Empty if there is none.
    [[nodiscard]] Held take(std::uint64_t opening) {
        const std::lock_guard lock(mutex_);
        while (!idle_.empty()) {
            auto held = std::move(idle_.back());
            idle_.pop_back();
            if (held.opening == opening) return held;
        }
        return {};
    }
    void put(Held held) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(held));
    }

private:
    std::mutex mutex_;
    std::vector<Held> idle_;
};

/// Calls of one commit: enough that its sync counts for little, few enough that nobody waits long for the others.
constexpr std::size_t members_max = 32;

/// What a migration may take: an index on a large table is not built within one call.
constexpr Millis migration_timeout{60'000};

}  // namespace

struct Database::Impl {
    std::unique_ptr<Dialect> dialect;
    DatabaseSettings settings;
    pid_t pid = getpid();

    std::mutex opening;                      // guards `ready` and what becomes true with it
    std::atomic<bool> ready{false};          // prepared and migrated
    std::atomic<std::uint64_t> openings{0};  // how often that became true
    IdleConnections idle_writers;
    IdleConnections idle_readers;
    WaitingMembers waiting;

    // Last: destroyed first, because their threads use everything above.
    std::mutex pools_mutex;
    bool closed = false;
    std::unique_ptr<Pools> pools;

    /// Null once closed.
    Pools* threads() {
        const std::lock_guard lock(pools_mutex);
        if (!pools && !closed) pools = std::make_unique<Pools>(settings);
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
    [[nodiscard]] std::optional<Diagnosis> write(const Work& work, Call& call);
    [[nodiscard]] bool shares_commits() const noexcept {
        return settings.writers == 1 && dialect->row_lock().empty();
    }
    [[nodiscard]] Result<void> write_with_others(const std::shared_ptr<Member>& first);
    void write_together(Members& members);
    [[nodiscard]] std::optional<Diagnosis> commit_together(Connection& db, Members& members);
    [[nodiscard]] static bool run_member(Connection& db, Member& member, bool several,
                                         std::optional<Diagnosis>& failed);
    [[nodiscard]] std::optional<Diagnosis> read(const Work& work, const Limit& limit, bool counted);
    [[nodiscard]] Held take(Role role, const Limit& limit);
    void give_back(Role role, Held held, const std::optional<Diagnosis>& failed);
    [[nodiscard]] Result<void> execute(Use use, const Work& work, Call& call);
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
    open(call.limit);
    const Turn turn(*dialect, call.limit.deadline);
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

/// One member's part of a transaction. False: the transaction did not survive its failure; where it had others, they have
/// lost what they wrote.
bool Database::Impl::run_member(Connection& db, Member& member, bool several,
                                std::optional<Diagnosis>& failed) {
    if (member.call->limit.passed()) {
        member.fail({Error{Errc::audit_unavailable,
                           "the deadline passed while others wrote; nothing was written"}});
        return true;
    }
    try {
        db.bound(&member.call->limit);
        if (several) db.statement("SAVEPOINT member");
        member.work(db);
        if (member.call->limit.passed() || !member.call->claim()) {
            throw Failure(Errc::audit_unavailable,
                          "the deadline passed before the commit; nothing was written");
        }
        if (several) db.statement("RELEASE member");
        return true;
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
        member.fail(*failed);
    }
    if (!several || failed->connection_is_lost) return false;
    try {
        db.bound(nullptr);
        // SQLite ends the whole transaction itself where a statement was interrupted or found no space.
        if (!db.in_transaction()) return false;
        db.statement("ROLLBACK TO member");
        db.statement("RELEASE member");
        return true;
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
        return false;
    }
}

/// Everybody who waits by now shares the commit. What was not written has no outcome yet, or its own failure as such.
std::optional<Diagnosis> Database::Impl::commit_together(Connection& db, Members& members) {
    std::optional<Diagnosis> failed;
    db.begin(Role::writer, members.front()->call->limit);
    const auto others = waiting.take(members_max - 1);
    members.insert(members.end(), others.begin(), others.end());
    const bool several = members.size() > 1;
    for (const auto& member : members) {
        if (!run_member(db, *member, several, failed)) return failed;
    }
    failed.reset();
    runtime::fail_point("sql.written");
    try {
        db.commit();
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
    }
    if (!failed) runtime::fail_point("sql.committed");
    for (const auto& member : members) {
        if (member->outcome) continue;
        if (failed)
            member->fail(*failed);
        else
            member->outcome.emplace();
    }
    return failed;
}

/// The first of `members` leads: its limit bounds the wait for the turn.
void Database::Impl::write_together(Members& members) {
    Member& first = *members.front();
    open(first.call->limit);
    const Turn turn(*dialect, first.call->limit.deadline);
    auto held = take(Role::writer, first.call->limit);
    std::optional<Diagnosis> failed;
    try {
        failed = commit_together(*held.connection, members);
    } catch (const std::exception& failure) {
        failed = held.connection->diagnose(failure);
        first.fail(*failed);
    }
    give_back(Role::writer, std::move(held), failed);
}

/// A member whose part failed ends alone; those whose rows went with it are written again, each in its own transaction.
Result<void> Database::Impl::write_with_others(const std::shared_ptr<Member>& first) {
    if (first->outcome) return *first->outcome;  // whoever led the commit wrote it
    waiting.remove(first);
    Members members{first};
    try {
        write_together(members);
    } catch (const std::exception& failure) {
        first->fail(dialect->diagnose(failure, nullptr));
    }
    for (const auto& member : members) {
        if (!member->outcome)
            member->outcome = execute(Use::write_alone, member->work, *member->call);
    }
    return *first->outcome;
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
            const BusyTime busy(counters, true);
            return impl->write_with_others(member);
        };
    } else {
        task = [impl = impl_.get(), counters, use, call, work = std::move(work)] {
            const BusyTime busy(counters, writes(use));
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
