#include "compose/fsck.hpp"

#include "compose/audit_keys.hpp"
#include "compose/fsck_run.hpp"
#include "runtime/run_sync.hpp"
#include "vedfolnir/session_manager.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::compose {

using async::Task;
using ops::Defect;

namespace {

/// A batch is many commands; nobody waits for it as for a page.
constexpr Millis batch_timeout{5'000};

RedisOptions patient(RedisOptions options) {
    options.request_timeout = std::max(options.request_timeout, batch_timeout);
    return options;
}

}  // namespace

Fsck::Fsck(const ManagerOptions& options, const FsckOptions& wanted, crypto::KeyRing ring,
           const sql::SharedSealer& sealer, const std::shared_ptr<sql::Database>& database,
           const runtime::Runtime& runtime)
    : options_(options),
      wanted_(wanted),
      ring_(std::move(ring)),
      redis_(runtime.executor(), patient(options.redis)),
      upkeep_(runtime.executor(), patient(options.redis)),
      store_(redis::make_store(runtime.executor(), patient(options.redis), nullptr)),
      archive_(sql::make_archive(database, sealer)),
      sql_(database, sealer),
      copies_(database) {}

Task<ops::FsckReport> Fsck::run(Deadline deadline) {
    deadline_ = deadline;
    const auto now = co_await upkeep_.now(soon());
    if (!now) co_return now.error();
    now_ = *now;
    if (const auto done = co_await walk(false); !done) co_return done.error();
    if (const auto done = co_await remove_unreadable(); !done) co_return done.error();
    if (const auto done = co_await walk(true); !done) co_return done.error();
    if (const auto done = co_await rows(); !done) co_return done.error();
    if (const auto done = co_await copies(); !done) co_return done.error();
    co_return std::move(report_);
}

Task<std::uint32_t> Fsck::tell(std::string detail, Deadline deadline) {
    async::AuditEvent event;
    event.at = now_;
    event.type = "fsck.done";
    event.actor = wanted_.actor;
    event.detail = std::move(detail);
    std::vector<async::AuditEvent> events;
    events.push_back(std::move(event));
    return archive_->append(std::move(events), deadline);
}

Deadline Fsck::soon() const {
    return std::min(deadline_, deadline_in(options_.redis.connect_timeout + batch_timeout +
                                           options_.sql.statement_timeout));
}

void Fsck::found(Defect defect, std::string where, bool repaired) {
    report_.add({defect, std::move(where), repaired});
}

void Fsck::tell_progress(std::uint64_t seen, std::string_view of_what) const {
    if (wanted_.progress) wanted_.progress(seen, of_what);
}

Task<bool> Fsck::repair(Task<bool> work) {
    if (!wanted_.repair) co_return false;
    const auto done = co_await std::move(work);
    if (!done) co_return done.error();
    co_return true;
}

namespace {

/// What a manager does with its first answer over a connection: missing endings are replayed. The handle is nobody's.
Result<void> replay_endings(const ManagerOptions& options) {
    ManagerOptions looking = options;
    looking.jobs.run = false;
    const auto manager = SessionManager::open(std::move(looking));
    if (!manager) return manager.error();
    const auto absent = manager->end(Handle{}.text(), EndReason::ended_by_operator, "system");
    if (!absent) return absent.error();
    return {};
}

/// Marks first: a replay removes records.
Result<void> check_marks(Fsck& checker, runtime::Runtime& runtime, const ManagerOptions& options,
                         bool repair, std::vector<ops::Finding>& findings) {
    const Deadline deadline =
        deadline_in(options.redis.connect_timeout + options.sql.statement_timeout);
    const auto before =
        runtime::run_sync<std::vector<std::string>>(runtime, checker.behind(deadline), deadline);
    if (!before) return before.error();
    if (before->empty()) return {};
    std::vector<std::string> after = *before;
    if (repair) {
        if (const auto replayed = replay_endings(options); !replayed) return replayed.error();
        const Deadline again =
            deadline_in(options.redis.connect_timeout + options.sql.statement_timeout);
        auto still =
            runtime::run_sync<std::vector<std::string>>(runtime, checker.behind(again), again);
        if (!still) return still.error();
        after = std::move(*still);
    }
    for (const std::string& mark : *before) {
        const bool repaired = std::ranges::find(after, mark) == after.end();
        findings.push_back({Defect::mark_behind, options.redis.prefix + mark, repaired});
    }
    return {};
}

}  // namespace

Result<ops::FsckReport> fsck(const ManagerOptions& options, const FsckOptions& wanted) {
    if (options.store != StoreKind::redis)
        return Error{Errc::unsupported, "fsck compares Redis with SQL; sessions live in SQL only"};
    auto ring = crypto::KeyRing::open(options.keys);
    if (!ring) return std::move(ring).error();
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    Fsck checker(options, wanted, std::move(*ring), *sealer, *database, runtime);
    std::vector<ops::Finding> marks;
    const auto compared = check_marks(checker, runtime, options, wanted.repair, marks);
    const Deadline deadline = deadline_in(wanted.budget);
    auto report = compared
                      ? runtime::run_sync<ops::FsckReport>(runtime, checker.run(deadline), deadline)
                      : Result<ops::FsckReport>(compared.error());
    if (report) {
        for (ops::Finding& mark : marks) report->add(std::move(mark));
        const Deadline soon = deadline_in(options.sql.statement_timeout);
        const auto told =
            runtime::run_sync<std::uint32_t>(runtime, checker.tell(report->json(), soon), soon);
        if (!told) report->untold = told.error().detail;
    }
    runtime.stop();
    (*database)->close();
    return report;
}

}  // namespace vedfolnir::compose
