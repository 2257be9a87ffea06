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
/// Read at once of an archive that is checked: it can be stopped after each.
constexpr std::uint64_t entries_slice = 5000;
/// To have a whole archive on disk.
constexpr std::chrono::minutes sync_max{5};

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

using SharedChecker = std::shared_ptr<ArchiveChecker>;

Result<SharedChecker> checker_of(const std::string& path, const audit::SignedHead& head) {
    auto reader = ArchiveReader::open(path);
    if (!reader) return std::move(reader).error();
    const auto checkpoints = checkpoint_of(head);
    return std::make_shared<ArchiveChecker>(std::move(*reader), checkpoints);
}

Error another_archive(const std::string& path, std::uint64_t partition) {
    return {Errc::bad_value,
            fmt::format("{} is not the archive of partition {} of this trail; move it away", path,
                        partition)};
}

Error unsound(const std::string& path, const audit::Finding& finding) {
    return {Errc::bad_value, fmt::format("{}: index {} is not as it was written: {}; move it away, "
                                         "and the month is archived anew",
                                         path, finding.first, finding.text)};
}

/// Empty: there is none.
Result<std::optional<ArchiveFile>> find_file(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return std::optional<ArchiveFile>();
        return Error{Errc::bad_options, fmt::format("{}: {}", path, std::strerror(errno))};
    }
    return std::optional(ArchiveFile{path, static_cast<std::uint64_t>(status.st_ino),
                                     static_cast<std::uint64_t>(status.st_size),
                                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec});
}

/// By its header. Empty: there is none.
Result<std::optional<audit::ArchiveHeader>> find_header(const std::string& folder,
                                                        const sql::PartitionState& partition) {
    const auto path = archive_path(folder, partition.partition);
    const auto file = find_file(path);
    if (!file) return file.error();
    if (!*file) return std::optional<audit::ArchiveHeader>();
    const auto reader = ArchiveReader::open(path);
    if (!reader) return reader.error();
    const auto& header = (*reader)->header();
    if (header.partition == partition.partition && header.first_id == partition.first_id &&
        header.size == partition.size && header.frontier == partition.frontier)
        return std::optional(header);
    return another_archive(path, partition.partition);
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
        if (auto made = make_private_dir(folder, "the folder for archives"); !made)
            return std::move(made).error();
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
    std::function<Result<bool>()> stands = [folder = order.folder, partition]() -> Result<bool> {
        const auto header = find_header(folder, partition);
        if (!header) return header.error();
        return header->has_value();
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
    const auto published = co_await publish(header, order, *writer);
    if (!published) co_return published.error();
    if (!*published) co_return false;
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

/// What was written is what was there, or it does not appear. False: it had to stop.
Task<bool> AuditArchiver::publish(audit::ArchiveHeader header, ArchiveOrder order,
                                  std::shared_ptr<ArchiveWriter> writer) {
    std::function<Result<SharedChecker>()> begin = [header, writer]() -> Result<SharedChecker> {
        if (auto finished = writer->finish(); !finished) return std::move(finished).error();
        return checker_of(writer->draft(), header.head);
    };
    const auto checker =
        co_await files().run<SharedChecker>(std::move(begin), deadline_in(sync_max));
    if (!checker) co_return checker.error();
    for (bool over = false; !over;) {
        if (!order.goes_on()) co_return false;
        const auto advanced = co_await advance(*checker);
        if (!advanced) co_return advanced.error();
        over = *advanced;
    }
    if (const auto& finding = (*checker)->check().finding) co_return not_archived(header, *finding);
    std::function<Result<bool>()> appear = [writer]() -> Result<bool> {
        if (auto published = writer->publish(); !published) return std::move(published).error();
        return true;
    };
    co_return co_await files().run<bool>(std::move(appear), deadline_in(sync_max));
}

Task<bool> AuditArchiver::advance(std::shared_ptr<ArchiveChecker> checker) {
    std::function<Result<bool>()> some = [checker = std::move(checker)] {
        return checker->advance(entries_slice);
    };
    return files().run<bool>(std::move(some), step());
}

Task<sql::Archived> AuditArchiver::archived(std::string folder,
                                            std::vector<sql::PartitionState> partitions,
                                            Deadline deadline) {
    // The rest is for dropping.
    const auto now = std::chrono::steady_clock::now();
    const Deadline until = now + (deadline - now) / 2;
    sql::Archived found;
    std::vector<Error> refused;
    for (auto& partition : partitions) {
        const auto name = partition.partition;
        const auto sound = co_await soundness(folder, std::move(partition), until);
        if (!sound) {
            if (!is_of_one_month(sound.error())) co_return sound.error();
            refused.push_back(sound.error());
        } else if (*sound == Soundness::unknown) {
            refused.push_back(Error{
                Errc::deadline_exceeded,
                fmt::format("the archive of partition {} is still being read, and its entries "
                            "kept; the next run goes on there",
                            name)});
        } else if (*sound == Soundness::sound) {
            found.partitions.push_back(name);
        }
    }
    if (!refused.empty()) found.refused = all_of(refused);
    co_return std::move(found);
}

/// Reads each file once, and again when it was changed.
Task<AuditArchiver::Soundness> AuditArchiver::soundness(std::string folder,
                                                        sql::PartitionState partition,
                                                        Deadline until) {
    const auto path = archive_path(folder, partition.partition);
    using Found = std::optional<ArchiveFile>;
    std::function<Result<Found>()> look = [path] { return find_file(path); };
    const auto file = co_await files().run<Found>(std::move(look), step());
    if (!file) co_return file.error();
    if (!*file) co_return Soundness::absent;
    if (const auto known = checked_.find(**file); known != checked_.end()) {
        if (known->second) co_return *known->second;
        co_return Soundness::sound;
    }
    if (!checking_ || checking_->file != **file) {
        // What was begun before goes on first.
        if (std::chrono::steady_clock::now() >= until) co_return Soundness::unknown;
        auto begun = co_await begin_check(std::move(folder), std::move(partition), path);
        if (!begun) co_return begun.error();
        checking_ = Checking{**file, std::move(*begun)};
    }
    for (bool over = false; !over;) {
        if (std::chrono::steady_clock::now() >= until) co_return Soundness::unknown;
        const auto advanced = co_await advance(checking_->checker);
        if (!advanced) {
            checking_.reset();
            co_return advanced.error();
        }
        over = *advanced;
    }
    std::optional<Error> wrong;
    if (const auto& finding = checking_->checker->check().finding) wrong = unsound(path, *finding);
    checking_.reset();
    std::erase_if(checked_, [&](const auto& entry) { return entry.first.path == path; });
    checked_.emplace(**file, wrong);
    if (wrong) co_return std::move(*wrong);
    co_return Soundness::sound;
}

/// Against the head that the database has, not only the one in the file.
Task<std::shared_ptr<ArchiveChecker>> AuditArchiver::begin_check(std::string folder,
                                                                 sql::PartitionState partition,
                                                                 std::string path) {
    using Head = std::optional<audit::SignedHead>;
    std::function<Head(sql::Connection&)> find = [partition](sql::Connection& db) {
        return sql::covering_head(db, partition);
    };
    auto head = co_await database_->read<Head>(std::move(find), step());
    if (!head) co_return head.error();
    if (!*head) {
        co_return Error{Errc::bad_value,
                        fmt::format("no signed head covers partition {}, to hold {} against",
                                    partition.partition, path)};
    }
    std::function<Result<SharedChecker>()> open = [folder = std::move(folder), partition, path,
                                                   head = **head]() -> Result<SharedChecker> {
        const auto header = find_header(folder, partition);
        if (!header) return header.error();
        if (!*header || (*header)->head != head) return another_archive(path, partition.partition);
        return checker_of(path, head);
    };
    co_return co_await files().run<SharedChecker>(std::move(open), step());
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
