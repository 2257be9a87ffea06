// AuditDesk on archives: writes them, and verifies them without a database.
#include "compose/audit_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vedfolnir::compose {
namespace {

/// Somebody waits for it at a terminal.
constexpr std::chrono::hours archive_max{24};

audit::Finding of_head(const audit::ArchiveHeader& header, audit::Fault fault, std::string text) {
    return {fault, header.partition, 0, std::max<std::uint64_t>(header.size, 1) - 1,
            std::move(text)};
}

/// What vouches for an archive: its own head, and those of the copies that are of its partition.
std::vector<audit::Checkpoint> checkpoints_of(const std::string& file,
                                              const audit::ArchiveHeader& header,
                                              const std::vector<audit::HeadSource>& copies,
                                              const crypto::VerifyKey& key, VerifyReport& report) {
    using audit::Fault;
    std::vector<audit::Checkpoint> checkpoints;
    const auto& own = header.head;
    const auto vouch = [&](const audit::SignedHead& head, const std::string& name,
                           std::size_t source) {
        const auto called = fmt::format("head {} of {}", head.head.number, name);
        ++report.heads;
        if (!audit::is_signed_by(head, key)) {
            report.findings.push_back(
                of_head(header, Fault::head_forged,
                        fmt::format("{} is not signed by the key {}", called, key.id())));
            return;
        }
        if (head.head.number == own.head.number && head.head != own.head) {
            report.findings.push_back(of_head(
                header, Fault::head_forged, fmt::format("{} is another one in {}", called, file)));
        }
        checkpoints.push_back(
            {head.head.partition, head.head.size, head.head.root, called, source});
    };
    vouch(own, file, 0);
    if (own.head.partition != header.partition || own.head.size != header.size)
        report.findings.push_back(
            of_head(header, Fault::head_missing,
                    fmt::format("the head in {} does not cover its partition", file)));
    for (std::size_t i = 0; i < copies.size(); ++i) {
        for (const auto& head : copies[i].heads)
            if (head.head.partition == header.partition) vouch(head, copies[i].name, i + 1);
    }
    return checkpoints;
}

}  // namespace

Result<ArchiveReport> AuditDesk::archive(const std::string& folder, const std::string& actor,
                                         const Progress& progress) {
    const auto& to = folder.empty() ? settings_.options.audit.archive_dir : folder;
    if (to.empty()) {
        return Error{Errc::bad_options,
                     "no folder for archives is named: VEDFOLNIR_AUDIT_ARCHIVE_DIR, or --to"};
    }
    const auto with = sealer();
    if (!with) return with.error();
    if (!archiver_) archiver_ = std::make_unique<AuditArchiver>(database_, *with, call_budget());
    ArchiveOrder order;
    order.folder = to;
    order.actor = actor;
    order.progress = progress;
    return runtime::run_sync(runtime_, archiver_->run(std::move(order)), deadline_in(archive_max));
}

Result<VerifyReport> AuditDesk::verify_archives(const std::vector<std::string>& files,
                                                const VerifyOrder& order,
                                                const Progress& progress) {
    VerifyReport report;
    const auto key = verify_key(order.public_key_file);
    if (!key) return key.error();
    if (!*key) {
        return Error{Errc::key_unavailable,
                     "there is no key to check the head of an archive with: name the public key "
                     "(--public-key FILE) or VEDFOLNIR_AUDIT_KEY_FILE"};
    }
    const auto sources = copies(order, report);
    if (!sources) return sources.error();
    for (const auto& file : files) {
        auto checked = verify_archive(file, *sources, **key, report, progress);
        if (!checked) return std::move(checked).error();
    }
    return report;
}

Result<void> AuditDesk::verify_archive(const std::string& file,
                                       const std::vector<audit::HeadSource>& copies,
                                       const crypto::VerifyKey& key, VerifyReport& report,
                                       const Progress& progress) {
    auto reader = ArchiveReader::open(file);
    if (!reader) return std::move(reader).error();
    const auto header = (*reader)->header();
    const bool first = report.findings.empty();
    std::vector<audit::Finding> of_heads = std::exchange(report.findings, {});
    const auto checkpoints = checkpoints_of(file, header, copies, key, report);
    auto check = check_archive(std::move(*reader), checkpoints, progress);
    if (!check) return std::move(check).error();
    report.entries += check->entries;
    ++report.partitions;
    // What was found in an entry itself speaks before what a head lets suspect.
    if (check->finding) report.findings.insert(report.findings.begin(), *check->finding);
    if (first && !report.findings.empty())
        report.first_bad_id = header.first_id + report.findings.front().first;
    report.findings.insert(report.findings.begin(), of_heads.begin(), of_heads.end());
    return {};
}

}  // namespace vedfolnir::compose
