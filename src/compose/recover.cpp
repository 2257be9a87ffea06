#include "compose/recover.hpp"

#include "compose/audit_keys.hpp"
#include "compose/recovery.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"

#include <fmt/format.h>

#include <utility>

namespace vedfolnir::compose {
namespace {

/// What was restored stays and is told, also where the rest failed.
async::Task<RecoverReport> run_once(Recovery& recovery, Deadline deadline, Millis to_tell) {
    auto report = co_await recovery.run(deadline);
    if (report && recovery.done()) co_return report;
    if (report) report->interrupted = true;
    const auto told = co_await recovery.cut_short(deadline_in(to_tell));
    if (report && !told) co_return told.error();
    co_return report;
}

}  // namespace

std::string RecoverReport::json() const {
    return fmt::format(
        R"({{"seen":{},"restored":{},"present":{},"conflicting":{},"ended":{},"expired":{},"rejected":{},"damaged":{},"lost":{}}})",
        seen, restored, present, conflicting, ended, expired, rejected, damaged, lost);
}

Result<RecoverReport> recover(const ManagerOptions& options, const RecoverOptions& wanted) {
    if (options.store != StoreKind::redis)
        return Error{Errc::unsupported, "sessions live in SQL; there is nothing to put back"};
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    auto redis = redis::make_store(runtime.executor(), patient_for_batches(options.redis), nullptr);
    Recovery recovery(runtime.executor(), options, wanted, *database, *sealer, std::move(redis));
    const Deadline deadline = deadline_in(wanted.budget);
    const Millis to_tell = options.sql.statement_timeout;
    auto report = runtime::run_sync<RecoverReport>(runtime, run_once(recovery, deadline, to_tell),
                                                   deadline + to_tell);
    runtime.stop();
    (*database)->close();
    return report;
}

}  // namespace vedfolnir::compose
