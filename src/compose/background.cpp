#include "compose/background.hpp"

#include "compose/abridge.hpp"
#include "compose/audit_archiver.hpp"
#include "compose/audit_jobs.hpp"
#include "compose/operator_log.hpp"
#include "compose/recovery_job.hpp"
#include "jobs/cleanup.hpp"
#include "jobs/runner.hpp"
#include "jobs/snapshots.hpp"
#include "redis/upkeep.hpp"
#include "sql/database.hpp"
#include "sql/sql.hpp"
#include "sql/upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <unistd.h>
#include <utility>

namespace vedfolnir::compose {
namespace {

constexpr Millis batch_timeout{2'000};

/// Names this process among all that share the stores, now and later.
std::string holder_name() {
    std::string host(64, '\0');
    if (::gethostname(host.data(), host.size() - 1) != 0) host = "unknown";
    host.resize(host.find('\0') == std::string::npos ? host.size() : host.find('\0'));
    std::random_device random;
    return fmt::format("{}:{}:{:08x}", host, ::getpid(), random());
}

/// A batch is many commands; nobody waits for it as for a page. The lease has deadlines of its own.
RedisOptions patient(RedisOptions options) {
    options.request_timeout = std::max(options.request_timeout, batch_timeout);
    return options;
}

/// Lines of `key=value` for machines, readable for people.
jobs::Observer log_observer() {
    jobs::Observer observer;
    observer.leadership = [](jobs::Leading now, async::Fence fence) {
        const auto* state = now == jobs::Leading::held   ? "held"
                            : now == jobs::Leading::lost ? "lost"
                                                         : "given_up";
        log_line(fmt::format("event=lease state={} fence={}", state, fence));
    };
    observer.ran = [](const JobStatus& run) {
        const Millis took(run.finished - run.started);
        const bool often =
            run.job == "snapshots" || run.job == "recovery" || run.job == "audit_heads";
        if (often && run.outcome == "done" && run.removed_last == 0) return;
        log_line(fmt::format("event=job job={} outcome={} removed={} lag_ms={} ms={} next_ms={}{}",
                             run.job, run.outcome, run.removed_last, run.lag.count(), took.count(),
                             Millis(run.next_due - run.finished).count(),
                             run.detail.empty() ? "" : fmt::format(" detail=\"{}\"", run.detail)));
    };
    return observer;
}

}  // namespace

Result<Background> make_background(boost::asio::any_io_executor executor,
                                   const ManagerOptions& options, audit::SharedSealer sealer,
                                   runtime::AtomicCounters& counters) {
    // A database object of its own: no statement of a job is counted as, or waits with, a page's.
    auto database = sql::make_database(options.sql, options.state_dir,
                                       {.statement_timeout = options.sql.statement_timeout,
                                        .writers = 2,
                                        .readers = 1,
                                        .clock = {}});
    if (!database) return std::move(database).error();
    std::shared_ptr<AuditArchiver> archiver;
    sql::ArchivedLookup archived;
    if (!options.audit.archive_dir.empty()) {
        archiver =
            std::make_shared<AuditArchiver>(*database, sealer, 2 * options.sql.statement_timeout);
        archived = [archiver, folder = options.audit.archive_dir](
                       std::vector<sql::PartitionState> partitions, Deadline deadline) {
            return archiver->archived(folder, std::move(partitions), deadline);
        };
    }
    auto sql = std::make_shared<sql::SqlUpkeep>(*database, sealer, std::move(archived));
    std::shared_ptr<redis::RedisUpkeep> redis;
    if (options.store == StoreKind::redis)
        redis = std::make_shared<redis::RedisUpkeep>(executor, patient(options.redis));

    const jobs::Stores stores{redis, sql, &counters, operator_log()};
    std::vector<jobs::Job> work;
    work.push_back(jobs::cleanup(stores, options.jobs));
    work.push_back(jobs::retention(stores, options.jobs, options.lifetimes));
    if (options.audit.sign_interval > Seconds::zero())
        work.push_back(audit_heads(*database, options));
    if (archiver) work.push_back(audit_archive(archiver, options));
    if (redis && options.jobs.snapshots) {
        auto abridge = make_abridge(options);
        if (!abridge) return std::move(abridge).error();
        work.push_back(jobs::snapshots({redis, sql::make_fallback(*database, sealer), &counters},
                                       std::move(*abridge), *options.jobs.snapshots));
        work.push_back(recovery_job(executor, options, *database, sealer));
    }

    jobs::RunnerSettings settings{.executor = std::move(executor),
                                  .holder = holder_name(),
                                  .replaced_within = options.jobs.replaced_within,
                                  .store_timeout = options.sql.statement_timeout,
                                  .first_look = options.jobs.replaced_within / 10,
                                  .report = operator_log()};
    if (options.jobs.log) settings.observer = log_observer();
    jobs::RunnerPorts ports{redis ? std::shared_ptr<async::Lease>(redis) : sql, redis, sql};
    return Background{
        std::make_shared<jobs::Runner>(std::move(settings), std::move(ports), std::move(work)),
        [database = *database] { database->close(); }};
}

}  // namespace vedfolnir::compose
