#include "compose/overview.hpp"

#include "journal/file_journal.hpp"

#include <chrono>
#include <utility>

namespace vedfolnir::compose {
namespace {

template <class T>
std::optional<T> answered(Result<T> result) {
    return result ? std::optional<T>(std::move(*result)) : std::nullopt;
}

ops::StoreFigures stores_of(const SessionManager& manager) {
    ops::StoreFigures figures;
    const ManagerOptions& options = manager.options();
    if (options.store == StoreKind::redis) {
        figures.redis = answered(manager.store_info());
        figures.redis_up = figures.redis.has_value();
    }
    if (options.store == StoreKind::memory) return figures;
    const auto live = answered(manager.count_scope({}));
    figures.sql_up = live.has_value();
    if (!live) return figures;
    figures.sessions_live = live->sessions;
    figures.fallback = answered(manager.fallback_status());
    figures.jobs = answered(manager.jobs());
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
