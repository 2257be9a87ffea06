#include "compose/overview.hpp"

#include "journal/file_journal.hpp"
#include "ops/fsck.hpp"

#include <chrono>
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

ops::StoreFigures stores_of(const SessionManager& manager) {
    ops::StoreFigures figures;
    const ManagerOptions& options = manager.options();
    if (options.store == StoreKind::redis) {
        const auto asked = Clock::now();
        figures.redis = answered(manager.store_info());
        figures.redis_up = figures.redis.has_value();
        if (figures.redis) figures.redis_time = since(asked);
    }
    if (options.store == StoreKind::memory) return figures;
    const auto asked = Clock::now();
    figures.sessions_live = live_sessions(manager, std::nullopt);
    figures.sql_up = figures.sessions_live.has_value();
    if (!figures.sessions_live) return figures;
    figures.sql_time = since(asked);
    figures.sessions_stale = live_sessions(manager, std::chrono::days(7));
    figures.sessions_ancient = live_sessions(manager, std::chrono::days(30));
    figures.fallback = answered(manager.fallback_status());
    figures.jobs = answered(manager.jobs());
    figures.fsck = last_fsck(manager);
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
