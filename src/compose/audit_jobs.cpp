#include "compose/audit_jobs.hpp"

#include "compose/audit_keys.hpp"
#include "compose/audit_signer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::compose {
namespace {

using async::Task;
using jobs::JobResult;
using jobs::JobRun;

class Heads {
public:
    Heads(std::shared_ptr<sql::Database> database, const ManagerOptions& options)
        : signer_(std::move(database), 2 * options.sql.statement_timeout),
          key_path_(audit_key_path(options.audit, options.state_dir)),
          copy_to_(options.audit.heads_file) {}

    Task<JobResult> run(JobRun run) {
        JobResult result;
        auto key = co_await signer_.key(key_path_);
        if (!key) co_return key.error();
        if (!*key) co_return result;
        auto signing = std::move(**key);
        std::optional<async::Ticket> ticket = run.ticket;
        const auto made = co_await signer_.sign(std::move(signing), std::move(ticket));
        if (!made) co_return made.error();
        result.removed = *made;
        if (copy_to_.empty() || !run.goes_on()) co_return result;
        // Also where nothing is new: the last copy may have failed.
        const auto copied = co_await signer_.copy(copy_to_);
        if (!copied) co_return copied.error();
        co_return result;
    }

private:
    AuditSigner signer_;
    std::string key_path_;
    std::string copy_to_;
};

Task<JobResult> archive(std::shared_ptr<AuditArchiver> archiver, std::string folder, JobRun run) {
    ArchiveOrder order;
    order.folder = std::move(folder);
    order.actor = "system";
    order.ticket = run.ticket;
    order.goes_on = run.goes_on;
    const auto report = co_await archiver->run(std::move(order));
    if (!report) co_return report.error();
    if (!report->uncovered.empty()) {
        co_return Error{
            Errc::key_unavailable,
            fmt::format("no signed head covers the months {}, so they are not archived: vedfolnir "
                        "audit head --sign, or make a key with vedfolnir keys audit --generate",
                        fmt::join(report->uncovered, ", "))};
    }
    JobResult result;
    for (const auto& made : report->made) result.removed += made.entries;
    co_return result;
}

}  // namespace

jobs::Job audit_heads(std::shared_ptr<sql::Database> database, const ManagerOptions& options) {
    auto job = std::make_shared<Heads>(std::move(database), options);
    return {.name = "audit_heads",
            .interval = options.audit.sign_interval,
            .often = true,
            .run = [job](JobRun run) { return job->run(std::move(run)); }};
}

jobs::Job audit_archive(std::shared_ptr<AuditArchiver> archiver, const ManagerOptions& options) {
    return {.name = "audit_archive",
            .interval = options.jobs.cleanup_interval,
            .run = [archiver = std::move(archiver), folder = options.audit.archive_dir](
                       JobRun run) { return archive(archiver, folder, std::move(run)); }};
}

}  // namespace vedfolnir::compose
