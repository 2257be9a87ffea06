// The seam between engines: what SQLite, PostgreSQL and MariaDB do differently, apart from query
// text.
#pragma once

#include "sql/watchdog.hpp"
#include "vedfolnir/error.hpp"
#include "vedfolnir/types.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace soci {
class session;
}

namespace vedfolnir::sql {

class Connection;

enum class Role : std::uint8_t { writer, reader };

/// Bounds what a call may take. The engine asks it while it waits or works; a limit that has passed
/// ends the statement.
struct Limit {
    Deadline deadline;
    std::atomic<bool> abandoned{false};  ///< Nobody waits for the answer any more.

    explicit Limit(Deadline deadline_) : deadline(deadline_) {}
    [[nodiscard]] bool passed() const noexcept {
        return abandoned.load(std::memory_order_relaxed) ||
               std::chrono::steady_clock::now() >= deadline;
    }
};

/// What an engine's exception means.
struct Diagnosis {
    Error error;
    bool connection_is_lost = false;  ///< Close it; the next call opens a new one.
    bool unanswered =
        false;  ///< The server is gone: whether a commit under way arrived is unknown.
    bool exists_already = false;  ///< The table, index or row that a statement makes is there.
    /// A second attempt may go another way: a deadlock, a connection that a restart had ended, a row that somebody
    /// else wrote in the same moment.
    bool worth_a_retry = false;
};

/// One database of one engine. Thread safety: any thread, except that a `soci::session` belongs to
/// one at a time.
class Dialect {
public:
    virtual ~Dialect() = default;

    /// Names the database in errors.
    [[nodiscard]] virtual std::string where() const = 0;
    /// Folder of this engine's own files in storage/sql.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// The statements that begin a transaction which ends by `limit`.
    [[nodiscard]] virtual std::vector<std::string> begin(Role role, const Limit& limit) const = 0;
    /// Ends a query whose rows stay locked until the commit; empty: writers take turns, so nothing has to be locked.
    [[nodiscard]] virtual std::string_view row_lock() const noexcept = 0;

    /// Checks and creates what must exist before the first connection. Throws Failure with the fix
    /// in its text.
    virtual void prepare() = 0;
    /// True if the database that open connections use is no longer the one that the location names.
    [[nodiscard]] virtual bool moved() const noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<soci::session> connect() = 0;
    /// Sets a fresh connection up. A writer's is opened during a turn. Throws as Connection does,
    /// or Failure.
    virtual void greet(Connection& fresh, Role role) = 0;

    /// Puts `connection` under `limit` (null: none) until the next call. `limit` must outlive that.
    virtual void bound(soci::session& connection, const Limit* limit) = 0;
    /// Bounds one exchange with a server that may never answer: by `limit` (null: a commit, for its own time) and a
    /// moment more, in which the server's own timeout should have come.
    [[nodiscard]] virtual Watchdog::Guard watch(soci::session& connection, const Limit* limit) = 0;

    /// Waits until this process may write; servers decide themselves and answer at once. False:
    /// `deadline` came first.
    [[nodiscard]] virtual bool begin_turn(Deadline deadline) = 0;
    virtual void end_turn() noexcept = 0;
    /// Keeps other processes from migrating until `connection`'s transaction or connection ends; called inside a write
    /// transaction. Throws as Connection does, or Failure.
    virtual void lock_schema(Connection& connection) const = 0;
    /// False: each statement that changes the schema commits by itself.
    [[nodiscard]] virtual bool schema_rolls_back() const noexcept { return true; }
    /// A statement of a migration in this engine's words.
    [[nodiscard]] virtual std::string schema_statement(std::string statement) const = 0;

    /// True while `connection` is inside a transaction.
    [[nodiscard]] virtual bool in_transaction(soci::session& connection) const = 0;
    /// `connection` may be null (connecting failed).
    [[nodiscard]] virtual Diagnosis diagnose(const std::exception& failure,
                                             soci::session* connection) const = 0;
};

}  // namespace vedfolnir::sql
