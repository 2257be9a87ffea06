// Turns between processes: who may write to a file that they share.
#pragma once

#include "runtime/private_file.hpp"
#include "vedfolnir/types.hpp"

#include <string>

namespace vedfolnir::sql {

/// Two lock files beside the database. `PATH-turn` is held by the one that writes, `PATH-next` by
/// the one that waits at the front, so that whoever just wrote cannot overtake a waiter (SQLite's
/// own busy handler lets it: waits of seconds were measured). The kernel releases both when a
/// process dies. A forked child closes its copies, so that it does not prolong a turn that its
/// parent took.
/// Thread safety: one thread at a time; several objects on one path exclude each other like
/// processes.
class FileLock {
public:
    /// Throws Failure: audit_unavailable (the files cannot be made or opened).
    explicit FileLock(const std::string& database_path);

    /// Waits for the turn. False if `deadline` came first.
    [[nodiscard]] bool acquire(Deadline deadline);
    void release() noexcept;

private:
    runtime::PrivateFile turn_;
    runtime::PrivateFile next_;
};

}  // namespace vedfolnir::sql
