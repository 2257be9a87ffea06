#include "compose/sample_record.hpp"

#include "crypto/sealing.hpp"
#include "model/record.hpp"
#include "redis/redis_store.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/database.hpp"
#include "sql/listings.hpp"

#include <functional>

namespace vedfolnir::compose {
namespace {

/// Some of the newest may have logged in again or ended while we look.
constexpr std::uint32_t tries_max = 5;

async::SessionQuery newest() {
    async::SessionQuery query;
    query.now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
    query.limit = tries_max;
    return query;
}

}  // namespace

ops::SampleFacts try_sample_record(const ManagerOptions& options, const std::string& state_dir,
                                   const crypto::KeyRing& ring) {
    ops::SampleFacts facts;
    runtime::Runtime runtime;
    const auto database = sql::make_database(
        options.sql, state_dir, {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) {
        facts.failure = database.error().detail;
        return facts;
    }
    const auto deadline = deadline_in(2 * options.sql.statement_timeout);
    std::function<std::vector<async::SessionRow>(sql::Connection&)> list = [](sql::Connection& db) {
        return sql::list_sessions(db, newest());
    };
    const auto rows = runtime::run_sync<std::vector<async::SessionRow>>(
        runtime, (*database)->read<std::vector<async::SessionRow>>(std::move(list), deadline),
        deadline);
    if (!rows) {
        facts.failure = rows.error().detail;
        return facts;
    }
    RedisOptions looking = options.redis;
    looking.install_functions = false;
    looking.request_timeout = looking.connect_timeout;
    const auto store = redis::make_store(runtime.executor(), looking, nullptr);
    for (const auto& row : *rows) {
        const auto limit = 2 * looking.connect_timeout;
        const auto bytes = runtime::run_sync<std::optional<std::string>>(
            runtime, store->load(row.key, deadline_in(limit)), deadline_in(limit));
        if (!bytes) {
            facts.failure = bytes.error().detail;
            break;
        }
        if (!*bytes) ++facts.missing;
        if (!*bytes || model::parse_note(**bytes)) continue;
        facts.handle = row.handle.text();
        facts.opens =
            crypto::open_record(ring, row.key, **bytes, options.limits, options.plain_records)
                .has_value();
        break;
    }
    runtime.stop();
    return facts;
}

}  // namespace vedfolnir::compose
