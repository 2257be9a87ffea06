// One SQL database behind coroutines: a few connections that write, a few that read, opened on first use.
#pragma once

#include "runtime/counters.hpp"
#include "sql/connection.hpp"
#include "sql/dialect.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/options.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::sql {

using WallClock = std::function<TimePoint()>;

struct DatabaseSettings {
    Millis statement_timeout{2000};  ///< Bounds each call, together with its deadline.
    std::size_t writers = 4;         ///< Threads and connections that write; SQLite has one.
    std::size_t readers = 2;         ///< Threads and connections that read.
    std::size_t queue_max = 256;     ///< Calls that may wait for a writer, or for a reader.
    runtime::AtomicCounters* counters = nullptr;  ///< Must outlive the database.
    WallClock clock;                              ///< Empty: the system's.
};

/// Each call is one transaction on a thread of its own pool; the first one opens and, where needed,
/// migrates. Threads and connections belong to the process that made them: in a forked child every
/// call is an Error, and destruction leaves them alone. Make a new Database there.
/// Thread safety: any thread. Destroy it before the runtime, and never from inside a call.
class Database {
public:
    Database(std::unique_ptr<Dialect> dialect, DatabaseSettings settings);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `work` in a write transaction and commits it durably. `work` may run up to four times (deadlocks, lost
    /// connections, rows that somebody else inserted first), each after the attempt before was undone. Where one connection
    /// writes (SQLite), calls that wait at the same time share one commit: each is undone by itself if it fails, and
    /// answered after the commit that holds its rows.
    /// Errors: audit_unavailable, bad_options, conflict, denied: nothing was written.
    /// deadline_exceeded: the commit was under way at the deadline and its outcome is unknown;
    /// repeat with the same operation id.
    template <class T>
    [[nodiscard]] async::Task<T> write(std::function<T(Connection&)> work, Deadline deadline);

    /// The same, and never shares a commit: for batches, which others should not wait for.
    template <class T>
    [[nodiscard]] async::Task<T> write_alone(std::function<T(Connection&)> work, Deadline deadline);

    /// The same, for as long as the deadline allows, whatever the statement timeout: for what is done as a whole or not at
    /// all, however much it is.
    template <class T>
    [[nodiscard]] async::Task<T> write_whole(std::function<T(Connection&)> work, Deadline deadline);

    /// Runs `work` on one consistent state of the database. Errors: audit_unavailable, bad_options.
    template <class T>
    [[nodiscard]] async::Task<T> read(std::function<T(Connection&)> work, Deadline deadline);

    /// As `read`, for what no request waits for: its statements are not counted.
    template <class T>
    [[nodiscard]] async::Task<T> watch(std::function<T(Connection&)> work, Deadline deadline);

    [[nodiscard]] TimePoint now() const;

    /// How often the database was opened: rises when another file took the place of ours, or a connection was lost.
    [[nodiscard]] std::uint64_t opening_number() const noexcept;

    /// Waits for the calls that already run and ends the threads; later calls are an Error. For the time after the loop
    /// has stopped: a thread would post its answer to a loop that is being destroyed.
    void close();

private:
    using Work = std::function<void(Connection&)>;
    enum class Use : std::uint8_t { write, write_alone, write_whole, read, watch };
    static constexpr bool writes(Use use) noexcept {
        return use == Use::write || use == Use::write_alone || use == Use::write_whole;
    }
    [[nodiscard]] async::Task<void> run(Use use, Work work, Deadline deadline);

    template <class T>
    [[nodiscard]] async::Task<T> answer(Use use, std::function<T(Connection&)> work,
                                        Deadline deadline);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Opens nothing yet. Errors: bad_options (the URL).
[[nodiscard]] Result<std::shared_ptr<Database>> make_database(const SqlOptions& options,
                                                              const std::string& state_dir,
                                                              DatabaseSettings settings = {});

template <class T>
async::Task<T> Database::answer(Use use, std::function<T(Connection&)> work, Deadline deadline) {
    // Shared with the thread: an abandoned call may still write its answer when nobody waits any
    // more.
    auto result = std::make_shared<std::optional<T>>();
    Work keep = [result, work = std::move(work)](Connection& db) { result->emplace(work(db)); };
    auto done = co_await run(use, std::move(keep), deadline);
    if (!done) co_return done.error();
    co_return std::move(**result);
}

template <class T>
async::Task<T> Database::write(std::function<T(Connection&)> work, Deadline deadline) {
    return answer<T>(Use::write, std::move(work), deadline);
}

template <class T>
async::Task<T> Database::write_alone(std::function<T(Connection&)> work, Deadline deadline) {
    return answer<T>(Use::write_alone, std::move(work), deadline);
}

template <class T>
async::Task<T> Database::write_whole(std::function<T(Connection&)> work, Deadline deadline) {
    return answer<T>(Use::write_whole, std::move(work), deadline);
}

template <class T>
async::Task<T> Database::read(std::function<T(Connection&)> work, Deadline deadline) {
    return answer<T>(Use::read, std::move(work), deadline);
}

template <class T>
async::Task<T> Database::watch(std::function<T(Connection&)> work, Deadline deadline) {
    return answer<T>(Use::watch, std::move(work), deadline);
}

}  // namespace vedfolnir::sql
