// Copies months of the audit trail that are over into files that prove themselves.
#pragma once

#include "audit/personal.hpp"
#include "compose/archive_file.hpp"
#include "runtime/blocking_pool.hpp"
#include "sql/audit_trail.hpp"
#include "sql/database.hpp"
#include "sql/upkeep.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::compose {

struct ArchiveOrder {
    std::string folder;  ///< Made with mode 0700 where it is missing.
    std::string actor;
    std::optional<async::Ticket> ticket{};                ///< Of background work.
    std::function<bool()> goes_on = [] { return true; };  ///< Asked before each page of entries.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress = [](std::uint64_t,
                                                                               std::uint64_t) {};
};

struct ArchiveReport {
    struct Made {
        std::uint64_t partition = 0;
        std::uint64_t entries = 0;
        std::string file;
    };
    std::vector<Made> made;
    std::vector<std::uint64_t> there;      ///< Archived before.
    std::vector<std::uint64_t> uncovered;  ///< No signed head covers them in their full size.
};

/// A file as it stands there: it is another one when any of this changed.
struct ArchiveFile {
    std::string path;
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
    std::int64_t written_s = 0;
    std::int64_t written_ns = 0;

    auto operator<=>(const ArchiveFile&) const = default;
};

/// Files are written and read on a thread of its own, which starts on first use. One executor; must outlive its tasks.
class AuditArchiver {
public:
    AuditArchiver(std::shared_ptr<sql::Database> database, audit::SharedSealer sealer,
                  Millis step_timeout)
        : database_(std::move(database)), sealer_(std::move(sealer)), step_timeout_(step_timeout) {}

    /// Writes an archive of each closed partition of which the folder has none, oldest first; each is read back before it
    /// appears, and leaves the event `audit.archived`. A month that cannot be archived keeps no other: the error at the end
    /// names each. Errors: those of reading and writing; bad_options, bad_value (a file, or it is of another trail); conflict
    /// (the entries are not as they were written); denied (the ticket).
    [[nodiscard]] async::Task<ArchiveReport> run(ArchiveOrder order);

    /// Those of which a sound archive stands in `folder`: every entry was read and held against the head in the database,
    /// once for each file. Refused: one cannot be read, is of another trail or not as it was written (bad_options, bad_value),
    /// or half of the time until the deadline was not enough to read it; the next call goes on there (deadline_exceeded). Errors: those of
    /// reading and waiting. Not twice at the same time.
    [[nodiscard]] async::Task<sql::Archived> archived(std::string folder,
                                                      std::vector<sql::PartitionState> partitions,
                                                      Deadline deadline);

private:
    enum class Soundness { absent, sound, unknown };
    struct Page {
        std::vector<audit::StoredEntry> entries;
    };
    [[nodiscard]] Deadline step() const { return deadline_in(step_timeout_); }
    [[nodiscard]] runtime::BlockingPool& files();
    [[nodiscard]] async::Task<bool> archive(sql::PartitionState partition, ArchiveOrder order,
                                            std::shared_ptr<ArchiveReport> report);
    [[nodiscard]] async::Task<bool> copy(audit::ArchiveHeader header, ArchiveOrder order,
                                         std::shared_ptr<ArchiveWriter> writer);
    [[nodiscard]] async::Task<bool> publish(audit::ArchiveHeader header, ArchiveOrder order,
                                            std::shared_ptr<ArchiveWriter> writer);
    [[nodiscard]] async::Task<bool> advance(std::shared_ptr<ArchiveChecker> checker);
    [[nodiscard]] async::Task<Soundness> soundness(std::string folder,
                                                   sql::PartitionState partition, Deadline until);
    [[nodiscard]] async::Task<std::shared_ptr<ArchiveChecker>> begin_check(
        std::string folder, sql::PartitionState partition, std::string path);
    [[nodiscard]] async::Task<bool> note(audit::ArchiveHeader header, ArchiveOrder order);

    std::shared_ptr<sql::Database> database_;
    audit::SharedSealer sealer_;
    Millis step_timeout_;
    struct Checking {
        ArchiveFile file;
        std::shared_ptr<ArchiveChecker> checker;
    };
    std::optional<Checking> checking_;
    std::map<ArchiveFile, std::optional<Error>> checked_;  ///< What is wrong with it.
    std::unique_ptr<runtime::BlockingPool> files_;
};

}  // namespace vedfolnir::compose
