// The journal's file: one for all processes of a state folder, under a lock. Blocks.
#pragma once

#include "journal/format.hpp"
#include "runtime/private_file.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vedfolnir::journal {

/// What an operator wants to know. Nothing is locked or changed to find it out.
struct Status {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::optional<TimePoint> oldest;
    Tail tail = Tail::clean;
    std::uint64_t damage_at = 0;     ///< Offset, where `tail` is not clean.
    std::vector<std::string> aside;  ///< Files with what could not be replayed.
};
/// Errors: audit_unavailable (it cannot be read).
[[nodiscard]] Result<Status> look(const std::string& folder);

/// Every call opens the file anew, so that a forked child inherits nothing. Errors: audit_unavailable with the path and
/// the system's words. Thread safety: one thread at a time; any number of objects and processes on one folder.
class JournalFile {
public:
    JournalFile(std::string folder, const JournalOptions& options);

    struct Entry {
        TimePoint at{};
        std::string body;
    };

    /// Appends, after `opening` where the file is new; synced before the answer. On an Error nothing was appended.
    [[nodiscard]] Result<void> append(const std::vector<Entry>& entries, const Entry& opening,
                                      Deadline deadline);

    /// True where the file is not as `read_new` left it.
    [[nodiscard]] bool changed() const;
    /// What stands behind that which was read before.
    [[nodiscard]] Result<std::vector<Record>> read_new();

    struct Turn {
        FileId file{};
        std::vector<Record> records;  ///< Those behind what `finish` has noted.
        std::uint64_t position = 0;   ///< Where they begin, in records.
    };
    /// Takes the turn to replay; empty if another has it, or nothing waits.
    [[nodiscard]] Result<std::optional<Turn>> begin_replay(Deadline deadline);
    /// Whether another had the turn at the last `begin_replay`, and noted progress within the last two seconds.
    [[nodiscard]] bool others_replay() const noexcept { return others_replay_; }
    /// The first `count` records are in SQL: noted for whoever has the next turn. Removes the file if there is no other
    /// record; true then. Ends the turn.
    [[nodiscard]] Result<bool> finish(const FileId& file, std::uint64_t count, Deadline deadline);

    /// Writes `text` as a line of its own into the file of what SQL refused.
    [[nodiscard]] Result<void> set_aside(const std::string& text, Deadline deadline);

    [[nodiscard]] std::uint64_t entries() const noexcept { return known_.records; }
    [[nodiscard]] std::optional<TimePoint> oldest() const noexcept { return known_.oldest; }
    /// What was wrong with the file, once; empty: nothing.
    [[nodiscard]] std::string take_complaint();

private:
    /// How far a file was read.
    struct Known {
        FileId id{};
        ino_t inode = 0;
        std::size_t end = 0;        ///< Of the last whole record.
        std::uint64_t records = 0;  ///< Up to there.
        std::optional<TimePoint> oldest;
    };

    [[nodiscard]] Result<runtime::PrivateFile> open_locked(Deadline deadline);
    [[nodiscard]] Result<void> catch_up(int descriptor);
    [[nodiscard]] Result<void> begin(int descriptor, const Entry& opening);
    [[nodiscard]] Result<void> write(int descriptor, const std::string& bytes);
    [[nodiscard]] Result<void> keep_good_part(int descriptor);
    [[nodiscard]] Error failure(const std::string& what) const;
    [[nodiscard]] Error full(const std::string& why) const;

    std::string folder_;
    std::string path_;
    JournalOptions options_;
    Known known_;
    std::vector<Record> unread_;  ///< Read while appending, not handed out yet.
    FileId replayed_file_{};      ///< Of the turn.
    std::uint64_t replayed_ = 0;  ///< Records of it that are in SQL.
    bool others_replay_ = false;
    std::optional<runtime::PrivateFile> turn_;
    std::string complaint_;
};

}  // namespace vedfolnir::journal
