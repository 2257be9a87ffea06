#include "compose/overview.hpp"

#include "journal/file_journal.hpp"
#include "ops/fsck.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <utility>

namespace vedfolnir::compose {
namespace {

template <class T>
std::optional<T> answered(Result<T> result) {
    return result ? std::optional<T>(std::move(*result)) : std::nullopt;
}

using Clock = std::chrono::steady_clock;

Millis since(Clock::time_point asked) {
    return std::chrono::duration_cast<Millis>(Clock::now() - asked);
}

/// Of at least that age.
std::optional<std::uint64_t> live_sessions(const SessionManager& manager,
                                           std::optional<std::chrono::days> age) {
    EndScope scope;
    if (age)
        scope.begun_before = std::chrono::floor<Millis>(std::chrono::system_clock::now()) - *age;
    const auto count = manager.count_scope(scope);
    return count ? std::optional(count->sessions) : std::nullopt;
}

std::optional<ops::FsckFigures> last_fsck(const SessionManager& manager) {
    AuditFilter filter;
    filter.type = "fsck.done";
    filter.limit = 1;
    const auto events = manager.audit(filter);
    if (!events) return std::nullopt;
    if (events->empty()) return ops::FsckFigures{};
    const auto left = ops::defects_left(events->front().detail);
    if (!left) return std::nullopt;
    return ops::FsckFigures{events->front().at, *left};
}

struct RedisAnswer {
    std::optional<StoreInfo> info;
    Millis took{0};
};

RedisAnswer ask_redis(const SessionManager& manager) {
    const auto asked = Clock::now();
    RedisAnswer answer{answered(manager.store_info())};
    answer.took = since(asked);
    return answer;
}

void ask_sql(const SessionManager& manager, ops::StoreFigures& figures) {
    const auto asked = Clock::now();
    figures.sessions_live = live_sessions(manager, std::nullopt);
    figures.sql_up = figures.sessions_live.has_value();
    if (!figures.sessions_live) return;
    figures.sql_time = since(asked);
    const auto written = manager.try_sql();
    figures.sql_writes = written.has_value();
    if (!written) figures.sql_refusal = written.error().detail;
    figures.sessions_stale = live_sessions(manager, std::chrono::days(7));
    figures.sessions_ancient = live_sessions(manager, std::chrono::days(30));
    figures.fsck = last_fsck(manager);
}

/// All at once, so that nothing waits after something else for the same silent store. Only the lease of the background
/// work, which has a connection of its own, is asked for where both stores answered.
ops::StoreFigures stores_of(const SessionManager& manager) {
    ops::StoreFigures figures;
    const ManagerOptions& options = manager.options();
    if (options.store == StoreKind::memory) return figures;
    const bool has_redis = options.store == StoreKind::redis;
    std::future<RedisAnswer> redis;
    if (has_redis) redis = std::async(std::launch::async, ask_redis, std::cref(manager));
    auto fallback =
        std::async(std::launch::async, [&] { return answered(manager.fallback_status()); });
    ask_sql(manager, figures);
    figures.fallback = fallback.get();
    if (has_redis) {
        RedisAnswer answer = redis.get();
        figures.redis_up = answer.info.has_value();
        figures.redis = std::move(answer.info);
        if (*figures.redis_up) figures.redis_time = answer.took;
    }
    if (*figures.sql_up && figures.redis_up.value_or(true)) figures.jobs = answered(manager.jobs());
    return figures;
}

}  // namespace

ops::MetricSources look_around(const SessionManager& manager) {
    ops::MetricSources sources;
    sources.stores = stores_of(manager);
    sources.now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
    if (manager.options().store == StoreKind::memory) return sources;
    const auto waiting = journal::look(journal::folder_of(manager.options().state_dir));
    if (waiting) sources.journal = ops::JournalFigures{waiting->entries, waiting->oldest};
    return sources;
}

}  // namespace vedfolnir::compose
