// What AuditDesk moves into archives, reads back from them, keeps and erases.
#include "compose/audit_desk.hpp"
#include "compose/audit_files.hpp"
#include "compose/audit_keys.hpp"
#include "compose/state_dir.hpp"
#include "crypto/random.hpp"
#include "sql/audit_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::compose {
namespace {

constexpr std::uint32_t page = 2000;
constexpr std::string_view head_beginning = R"({"format":"vedfolnir-audit-head)";

/// Heads that stand in an archive, without reading its entries.
Result<std::vector<audit::SignedHead>> heads_in(const std::string& path) {
    auto reader = ArchiveReader::open(path);
    if (!reader) return std::move(reader).error();
    std::vector<audit::SignedHead> heads;
    while (const auto text = (*reader)->next_text()) {
        if (!text->starts_with(head_beginning)) continue;
        auto head = audit::parse_head(*text);
        if (!head) return std::move(head).error();
        heads.push_back(std::move(*head));
    }
    return heads;
}

void vouch(const std::vector<audit::SignedHead>& heads, const std::string& name,
           std::size_t source, const crypto::VerifyKey& key, VerifyReport& report,
           std::vector<audit::Checkpoint>& checkpoints) {
    for (const auto& head : heads) {
        const auto called = fmt::format("head {} of {}", head.head.number, name);
        if (audit::is_signed_by(head, key)) {
            checkpoints.push_back(
                {head.head.partition, head.head.size, head.head.root, called, source});
        } else {
            report.findings.push_back({audit::Fault::head_forged, head.head.partition, 0,
                                       std::max<std::uint64_t>(head.head.size, 1) - 1,
                                       fmt::format("{} is not signed by the key {}", called, key.id())});
        }
    }
}

/// Walks the partitions of an archive, one after the other.
class ArchiveWalk {
public:
    ArchiveWalk(const std::vector<audit::Checkpoint>& checkpoints, VerifyReport& report)
        : checkpoints_(checkpoints), report_(report) {}

    void operator()(const audit::ArchiveHeader& header) {
        finish();
        header_ = header;
        verifier_.emplace(header.partition, header.first_id, checkpoints_);
        ++report_.partitions;
    }
    void operator()(const audit::StoredEntry& stored) {
        if (!verifier_) return;
        ++report_.entries;
        if (auto finding = verifier_->add(stored)) give_up(std::move(*finding));
    }
    void operator()(const audit::SignedHead&) { ++report_.heads; }

    void finish() {
        if (!verifier_) return;
        const bool vouched = std::ranges::any_of(checkpoints_, [&](const auto& checkpoint) {
            return checkpoint.partition == header_.partition && checkpoint.size == header_.size;
        });
        if (!vouched)
            report_.notes.push_back(fmt::format("no head covers partition {} in its full size",
                                                header_.partition));
        if (auto finding = verifier_->finish(header_.size, header_.frontier))
            give_up(std::move(*finding));
        verifier_.reset();
    }

private:
    void give_up(audit::Finding finding) {
        if (report_.findings.empty()) report_.first_bad_id = header_.first_id + finding.first;
        report_.findings.push_back(std::move(finding));
        verifier_.reset();
    }

    const std::vector<audit::Checkpoint>& checkpoints_;
    VerifyReport& report_;
    audit::ArchiveHeader header_;
    std::optional<audit::PartitionVerifier> verifier_;
};

}  // namespace

Result<std::shared_ptr<const audit::Sealer>> AuditDesk::sealer() {
    auto keys = settings_.options.keys;
    if (keys.keys.empty()) {
        auto key = development_key(state_dir_);
        if (!key) return std::move(key).error();
        keys.keys.push_back({1, std::move(*key)});
    }
    auto ring = crypto::KeyRing::open(keys);
    if (!ring) return std::move(ring).error();
    return std::make_shared<const audit::Sealer>(std::move(*ring),
                                                 std::make_shared<crypto::KernelRandom>());
}

Result<VerifyReport> AuditDesk::verify_archive(const std::string& path, const VerifyOrder& order,
                                               const Progress& progress) {
    VerifyReport report;
    const auto key = verify_key(order.public_key_file);
    if (!key) return key.error();
    if (!*key) {
        return Error{Errc::key_unavailable,
                     "there is no key to check the archive's heads with: name --public-key FILE"};
    }
    auto own = heads_in(path);
    if (!own) return std::move(own).error();
    auto sources = copies(order, report);
    if (!sources) return std::move(sources).error();
    std::vector<audit::Checkpoint> checkpoints;
    vouch(*own, path, 0, **key, report, checkpoints);
    for (std::size_t i = 0; i < sources->size(); ++i)
        vouch((*sources)[i].heads, (*sources)[i].name, i + 1, **key, report, checkpoints);
    // Copies cover more than this archive: what is above its partitions' sizes is not its business.
    auto reader = ArchiveReader::open(path);
    if (!reader) return std::move(reader).error();
    ArchiveWalk walk(checkpoints, report);
    for (std::uint64_t lines = 1;; ++lines) {
        auto line = (*reader)->next();
        if (!line) return std::move(line).error();
        if (!*line) break;
        std::visit(walk, **line);
        if (lines % page == 0) progress(report.entries, 0);
    }
    walk.finish();
    if (report.partitions == 0)
        return Error{Errc::bad_value, fmt::format("{} holds no partition", path)};
    return report;
}

Result<void> AuditDesk::purge() {
    while (true) {
        auto removed = write<std::uint64_t>(
            [](sql::Connection& db) { return sql::purge_dropped(db, page); });
        if (!removed) return std::move(removed).error();
        if (*removed == 0) return {};
    }
}

Result<void> AuditDesk::write_partition(const sql::PartitionState& partition,
                                        const std::vector<audit::SignedHead>& heads,
                                        ArchiveWriter& file, const Progress& progress) {
    auto done = file.add(audit::archive_text(audit::ArchiveHeader{
        partition.partition, partition.first_id, partition.size, partition.frontier}));
    auto after = partition.first_id - 1;
    const auto until = after + partition.size;
    while (done && after < until) {
        auto entries = read<std::vector<audit::StoredEntry>>(
            [=](sql::Connection& db) { return sql::list_stored(db, after, until, page); });
        if (!entries) return std::move(entries).error();
        if (entries->empty()) break;
        for (const auto& entry : *entries)
            if (done) done = file.add(audit::archive_text(entry));
        after = entries->back().entry.position.id;
        progress(after, until);
    }
    for (const auto& head : heads)
        if (done && head.head.partition == partition.partition)
            done = file.add(audit::head_text(head));
    return done;
}

Result<ArchiveReport> AuditDesk::archive(TimePoint before, const std::string& path,
                                         const std::string& actor, const Progress& progress) {
    ArchiveReport report;
    if (auto purged = purge(); !purged) return std::move(purged).error();
    const auto covered = heads(true, settings_.audit.heads_file);
    if (!covered) return covered.error();
    auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return std::move(state).error();
    std::vector<sql::PartitionState> chosen;
    for (auto& partition : state->partitions) {
        if (partition.open || partition.dropped ||
            partition.partition >= audit::partition_of(before))
            continue;
        if (partition.hold) {
            report.held.push_back(partition.partition);
        } else {
            chosen.push_back(std::move(partition));
        }
    }
    if (chosen.empty()) return report;
    auto signed_heads = all_heads(0);
    if (!signed_heads) return std::move(signed_heads).error();
    auto file = ArchiveWriter::open(path);
    if (!file) return std::move(file).error();
    for (const auto& partition : chosen) {
        auto done = write_partition(partition, *signed_heads, **file, progress);
        if (!done) return std::move(done).error();
    }
    if (auto closed = (*file)->close(); !closed) return std::move(closed).error();
    // Nothing is removed before what was written has been read back and found whole.
    const auto verified = verify_archive(path, {}, progress);
    if (!verified) return verified.error();
    if (!verified->findings.empty() || verified->partitions != chosen.size()) {
        return Error{Errc::conflict,
                     fmt::format("{} does not verify, so nothing was removed: {}; vedfolnir audit "
                                 "verify says more",
                                 path,
                                 verified->findings.empty() ? "partitions are missing"
                                                            : verified->findings.front().text)};
    }
    report.entries = verified->entries;
    const auto with = sealer();
    if (!with) return with.error();
    for (const auto& partition : chosen) {
        auto dropped = write<bool>([sealed = *with, now = database_->now(), actor,
                                    number = partition.partition](sql::Connection& db) {
            return sql::drop_partition(db, {*sealed, now}, number, actor);
        });
        if (!dropped) return std::move(dropped).error();
        if (*dropped) report.partitions.push_back(partition.partition);
    }
    if (auto purged = purge(); !purged) return std::move(purged).error();
    return report;
}

Result<sql::ErasureReceipt> AuditDesk::erase(const std::string& user_id,
                                             const std::string& actor) {
    const auto with = sealer();
    if (!with) return with.error();
    return write<sql::ErasureReceipt>(
        [sealed = *with, now = database_->now(), user_id, actor](sql::Connection& db) {
            return sql::erase_subject(db, {*sealed, now}, sealed->subject_of(user_id), actor);
        });
}

Result<bool> AuditDesk::hold(std::uint64_t partition, const std::string& reason,
                             const std::string& actor) {
    const auto with = sealer();
    if (!with) return with.error();
    return write<bool>([sealed = *with, now = database_->now(), partition, reason,
                        actor](sql::Connection& db) {
        if (reason.empty()) return sql::release_partition(db, {*sealed, now}, partition, actor);
        sql::hold_partition(db, {*sealed, now}, partition, reason, actor);
        return true;
    });
}

Result<void> AuditDesk::each_event(const EventSink& sink) {
    const auto with = sealer();
    if (!with) return with.error();
    for (std::uint64_t after = 0;;) {
        auto events = read<std::vector<async::AuditEvent>>([=, sealed = *with](sql::Connection& db) {
            std::vector<async::AuditEvent> opened;
            sql::EventOpener opener(db, *sealed);
            constexpr auto any = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
            for (const auto& stored : sql::list_stored(db, after, any, page))
                opened.push_back(opener.open(stored));
            return opened;
        });
        if (!events) return std::move(events).error();
        for (const auto& event : *events)
            if (!sink(event)) return {};
        if (events->size() < page) return {};
        after = events->back().id;
    }
}

Result<void> AuditDesk::each_event_of(const std::string& archive, const EventSink& sink) {
    const auto with = sealer();
    if (!with) return with.error();
    auto reader = ArchiveReader::open(archive);
    if (!reader) return std::move(reader).error();
    while (true) {
        auto entries = std::make_shared<std::vector<audit::StoredEntry>>();
        while (entries->size() < page) {
            auto line = (*reader)->next();
            if (!line) return std::move(line).error();
            if (!*line) break;
            if (auto* stored = std::get_if<audit::StoredEntry>(&**line))
                entries->push_back(std::move(*stored));
        }
        if (entries->empty()) return {};
        auto events = read<std::vector<async::AuditEvent>>([=, sealed = *with](sql::Connection& db) {
            std::vector<async::AuditEvent> opened;
            sql::EventOpener opener(db, *sealed);
            for (const auto& stored : *entries) opened.push_back(opener.open(stored));
            return opened;
        });
        if (!events) return std::move(events).error();
        for (const auto& event : *events)
            if (!sink(event)) return {};
    }
}

}  // namespace vedfolnir::compose
