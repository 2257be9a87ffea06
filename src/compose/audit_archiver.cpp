#include "compose/audit_archiver.hpp"

#include "compose/state_dir.hpp"
#include "sql/audit_retention.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <utility>

namespace vedfolnir::compose {
namespace {

using async::Task;

constexpr std::uint32_t entries_page = 2000;
/// Reading a whole archive back: a month of a busy installation takes about a minute.
constexpr std::chrono::minutes read_back_max{30};

Error not_archived(const audit::ArchiveHeader& header, const audit::Finding& finding) {
    return {Errc::conflict,
            fmt::format("partition {} is not archived, because index {} is not as it was written: "
                        "{}; vedfolnir audit verify says more",
                        header.partition, finding.first, finding.text)};
}

std::array<audit::Checkpoint, 1> checkpoint_of(const audit::SignedHead& head) {
    return {audit::Checkpoint{head.head.partition, head.head.size, head.head.root,
                              fmt::format("head {}", head.head.number), 0}};
}

/// What was written is what was there, or it does not appear.
Result<bool> read_back(const audit::ArchiveHeader& header, ArchiveWriter& writer) {
    if (auto finished = writer.finish(); !finished) return std::move(finished).error();
    auto reader = ArchiveReader::open(writer.draft());
    if (!reader) return std::move(reader).error();
    const auto checkpoints = checkpoint_of(header.head);
    const auto check = check_archive(**reader, checkpoints, [](std::uint64_t, std::uint64_t) {});
    if (!check) return check.error();
    if (check->finding) return not_archived(header, *check->finding);
    if (auto published = writer.publish(); !published) return std::move(published).error();
    return true;
}

/// False: there is none.
Result<bool> has_archive(const std::string& folder, const sql::PartitionState& partition) {
    const auto path = archive_path(folder, partition.partition);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return false;
        return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
    }
    const auto reader = ArchiveReader::open(path);
    if (!reader) return reader.error();
    const auto& header = (*reader)->header();
    if (header.partition == partition.partition && header.first_id == partition.first_id &&
        header.size == partition.size && header.frontier == partition.frontier)
        return true;
    return Error{Errc::bad_value,
                 fmt::format("{} is not the archive of partition {} of this trail; move it away",
                             path, partition.partition)};
}

/// It says that this month's file or entries are not what they have to be; other months may be well.
bool is_of_one_month(const Error& error) {
    return error.code == Errc::conflict || error.code == Errc::bad_value ||
           error.code == Errc::bad_options;
}

/// One error that names each. Not for none.
Error all_of(const std::vector<Error>& refused) {
    std::string text;
    for (const auto& error : refused) text += (text.empty() ? "" : "; ") + error.detail;
    return {refused.front().code, std::move(text)};
}

}  // namespace

runtime::BlockingPool& AuditArchiver::files() {
    if (!files_) files_ = std::make_unique<runtime::BlockingPool>(1, 8);
    return *files_;
}

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

Task<ArchiveReport> AuditArchiver::run(ArchiveOrder order) {
    std::function<Result<bool>()> make = [folder = order.folder]() -> Result<bool> {
        if (auto made = make_private_dir(folder); !made) return std::move(made).error();
        return true;
    };
    const auto made = co_await files().run<bool>(std::move(make), step());
    if (!made) co_return made.error();
    std::function<sql::TrailState(sql::Connection&)> look = sql::read_state;
    auto state = co_await database_->read<sql::TrailState>(std::move(look), step());
    if (!state) co_return state.error();
    auto report = std::make_shared<ArchiveReport>();
    std::vector<Error> refused;
    for (auto& partition : state->partitions) {
        if (partition.open || partition.dropped || partition.size == 0) continue;
        const auto done = co_await archive(std::move(partition), order, report);
        if (!done) {
            if (!is_of_one_month(done.error())) co_return done.error();
            refused.push_back(done.error());
            continue;
        }
        if (!*done) break;
    }
    if (!refused.empty()) co_return all_of(refused);
    co_return std::move(*report);
}

/// False: it has to stop.
Task<bool> AuditArchiver::archive(sql::PartitionState partition, ArchiveOrder order,
                                  std::shared_ptr<ArchiveReport> report) {
    const auto path = archive_path(order.folder, partition.partition);
    std::function<Result<bool>()> stands = [folder = order.folder, partition] {
        return has_archive(folder, partition);
    };
    const auto there = co_await files().run<bool>(std::move(stands), step());
    if (!there) co_return there.error();
    if (*there) {
        report->there.push_back(partition.partition);
        co_return true;
    }
    std::function<std::optional<audit::SignedHead>(sql::Connection&)> find =
        [partition](sql::Connection& db) { return sql::covering_head(db, partition); };
    auto head = co_await database_->read<std::optional<audit::SignedHead>>(std::move(find), step());
    if (!head) co_return head.error();
    if (!*head) {
        report->uncovered.push_back(partition.partition);
        co_return true;
    }
    audit::ArchiveHeader header{partition.partition, partition.first_id, partition.size,
                                partition.frontier, std::move(**head)};
    using Writer = std::shared_ptr<ArchiveWriter>;
    std::function<Result<Writer>()> create = [path, header]() -> Result<Writer> {
        auto made = ArchiveWriter::create(path, header);
        if (!made) return std::move(made).error();
        return Writer(std::move(*made));
    };
    auto writer = co_await files().run<Writer>(std::move(create), step());
    if (!writer) co_return writer.error();
    const auto copied = co_await copy(header, order, *writer);
    if (!copied) co_return copied.error();
    if (!*copied) co_return false;
    std::function<Result<bool>()> check = [header, writer = *writer] {
        return read_back(header, *writer);
    };
    const auto published = co_await files().run<bool>(std::move(check), deadline_in(read_back_max));
    if (!published) co_return published.error();
    report->made.push_back({header.partition, header.size, path});
    co_return co_await note(std::move(header), std::move(order));
}

/// False: it had to stop, and the draft goes.
Task<bool> AuditArchiver::copy(audit::ArchiveHeader header, ArchiveOrder order,
                               std::shared_ptr<ArchiveWriter> writer) {
    const auto until = header.first_id + header.size - 1;
    for (auto after = header.first_id - 1; after < until;) {
        if (!order.goes_on()) co_return false;
        std::function<Page(sql::Connection&)> read = [after, until](sql::Connection& db) {
            Page page{sql::list_stored(db, after, until, entries_page)};
            for (auto& stored : page.entries)
                stored.entry.commitment = audit::commitment_to(stored.personal);
            return page;
        };
        auto page = co_await database_->read<Page>(std::move(read), step());
        if (!page) co_return page.error();
        // A gap shows when the file is read back.
        if (page->entries.empty()) break;
        after = page->entries.back().entry.position.id;
        std::function<Result<bool>()> write = [writer, page = std::move(*page)]() -> Result<bool> {
            for (const auto& stored : page.entries) {
                if (auto added = writer->add(stored); !added) return std::move(added).error();
            }
            return true;
        };
        const auto written = co_await files().run<bool>(std::move(write), step());
        if (!written) co_return written.error();
        order.progress(after - header.first_id + 1, header.size);
    }
    co_return true;
}

Task<sql::Archived> AuditArchiver::archived(std::string folder,
                                            std::vector<sql::PartitionState> partitions,
                                            Deadline deadline) {
    std::function<Result<sql::Archived>()> look =
        [folder = std::move(folder),
         partitions = std::move(partitions)]() -> Result<sql::Archived> {
        sql::Archived found;
        std::vector<Error> refused;
        for (const auto& partition : partitions) {
            const auto there = has_archive(folder, partition);
            if (!there) {
                refused.push_back(there.error());
            } else if (*there) {
                found.partitions.push_back(partition.partition);
            }
        }
        if (!refused.empty()) found.refused = all_of(refused);
        return found;
    };
    return files().run<sql::Archived>(std::move(look), deadline);
}

Task<bool> AuditArchiver::note(audit::ArchiveHeader header, ArchiveOrder order) {
    std::function<bool(sql::Connection&)> write = [sealer = sealer_, now = database_->now(), header,
                                                   ticket = order.ticket,
                                                   actor = order.actor](sql::Connection& db) {
        if (ticket) sql::act_under(db, *ticket);
        sql::write_trail_event(
            db, {*sealer, now}, "audit.archived", actor,
            boost::json::serialize(boost::json::object{{"partition", header.partition},
                                                       {"entries", header.size},
                                                       {"head", header.head.head.number}}));
        return true;
    };
    return database_->write<bool>(std::move(write), step());
}

}  // namespace vedfolnir::compose
