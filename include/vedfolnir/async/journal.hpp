// The journal: what was done while SQL could not be asked, on a disk of this host, until SQL has it (R3).
#pragma once

#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace vedfolnir::async {

/// What waits for SQL, as one process sees it.
struct Waiting {
    std::uint64_t entries = 0;
    std::optional<TimePoint> since;  ///< When the first of them was written. Empty: none waits.
    bool others_replay =
        false;  ///< At the last `begin_replay` another process did, and SQL took what it wrote.
};

/// What one process replays, in order. Nobody else does until `end_replay`.
struct ReplayTurn {
    std::vector<Deferred> entries;  ///< Those that no process has replayed yet.
    OperationId
        file{};  ///< Names the journal that is emptied: one for each time that SQL was away.
    std::uint64_t position = 0;  ///< For `end_replay`.
};

/// One journal for all processes that share a state folder. Entries stand in the order in which they were
/// acknowledged. Every call ends by its deadline. Thread safety: called from the runtime's executor only, but for
/// `waiting`.
class Journal {
public:
    virtual ~Journal() = default;

    /// Appends; durable (fsync) before the answer. Errors: audit_unavailable (no space, no permission, the bound is
    /// reached, damage): nothing of it will be replayed.
    [[nodiscard]] virtual Task<bool> append(std::vector<Deferred> entries, Deadline deadline) = 0;

    /// Whether the journal changed since `news` was last asked. Two system calls; does not wait.
    [[nodiscard]] virtual bool changed() = 0;

    /// What this process has not seen yet, in order: what others appended, and at first what a dead process left.
    [[nodiscard]] virtual Task<std::vector<Deferred>> news(Deadline deadline) = 0;

    /// Empty: another process replays now, or nothing waits.
    [[nodiscard]] virtual Task<std::optional<ReplayTurn>> begin_replay(Deadline deadline) = 0;
    /// `done` of the turn's entries are in SQL, durably. Removes the journal if that was all there is: answers true.
    [[nodiscard]] virtual Task<bool> end_replay(ReplayTurn turn, std::uint64_t done,
                                                Deadline deadline) = 0;
    /// Keeps an entry that SQL refuses for good, for the operator.
    [[nodiscard]] virtual Task<bool> set_aside(Deferred entry, Error why, Deadline deadline) = 0;

    /// As of the last look. Any thread.
    [[nodiscard]] virtual Waiting waiting() const = 0;
};

}  // namespace vedfolnir::async
