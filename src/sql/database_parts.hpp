// What a Database is made of, for its own files only.
#pragma once

#include "runtime/blocking_pool.hpp"
#include "sql/database.hpp"
#include "sql/failure.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace vedfolnir::sql {

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

/// The right to write, from here to its end. Throws Failure (audit_unavailable).
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
    /// Opens where that is due, and waits for the turn. A file that was replaced meanwhile is opened anew: what is written
    /// into the old one would be lost without a word.
    [[nodiscard]] std::unique_ptr<const Turn> take_turn(const Limit& limit);
    [[nodiscard]] Held take(Role role, const Limit& limit);
    void give_back(Role role, Held held, const std::optional<Diagnosis>& failed);
    [[nodiscard]] Result<void> execute(Use use, const Work& work, Call& call);
};

}  // namespace vedfolnir::sql
