// SessionManager::open: the one place that knows which stores there are.
#include "cache/announcement.hpp"
#include "cache/cached.hpp"
#include "compose/abridge.hpp"
#include "compose/audit_keys.hpp"
#include "compose/background.hpp"
#include "compose/operator_log.hpp"
#include "compose/state_dir.hpp"
#include "compose/validate.hpp"
#include "facade/instance.hpp"
#include "journal/file_journal.hpp"
#include "memory/memory_archive.hpp"
#include "memory/memory_store.hpp"
#include "redis/redis_store.hpp"
#include "resilient/resilient.hpp"
#include "sql/mass_ending.hpp"
#include "sql/sql.hpp"
#include "vedfolnir/session_manager.hpp"

#include <fmt/format.h>

#include <utility>

namespace vedfolnir {
namespace {

/// The counters that this host's workers share; of this process alone where they cannot be shared, which is said.
std::shared_ptr<cache::StripeTable> stripes_for(const ManagerOptions& options) {
    const RedisOptions& redis = options.redis;
    const std::string identity = fmt::format("{} {} {} {} {}", redis.host, redis.port,
                                             redis.unix_socket, redis.database, redis.prefix);
    // A folder of its own: others may have to enter the state folder.
    const std::string folder = options.state_dir + "/near-cache";
    if (!options.near_cache->share_between_workers)
        return cache::StripeTable::private_table(folder, identity);
    // Whatever keeps this from working, opening the table says it.
    static_cast<void>(compose::make_private_dir(options.state_dir));
    auto shared = cache::StripeTable::open(folder, identity);
    if (shared) return std::move(*shared);
    compose::operator_log()(
        "workers of this host see each other's session changes through Redis only, a moment later",
        shared.error());
    return cache::StripeTable::private_table(folder, identity);
}

void add_announcement(resilient::Parts& parts, std::shared_ptr<cache::StripeTable> stripes) {
    const auto announcement = std::make_shared<cache::Announcement>(std::move(stripes));
    parts.say_ahead = [announcement] { announcement->say(); };
    parts.heard_ahead = [announcement] { return announcement->heard(); };
}

/// Runs in each process on first use, on the options that `open` completed.
Result<manager::Ports> make_ports(runtime::Runtime& runtime, const ManagerOptions& options,
                                  runtime::AtomicCounters& counters) {
    if (options.store == StoreKind::memory) {
        return manager::Ports{std::make_shared<memory::MemoryStore>(memory::wall_clock, &counters),
                              std::make_shared<memory::MemoryArchive>()};
    }
    auto database = sql::make_database(
        options.sql, options.state_dir,
        {.statement_timeout = options.sql.statement_timeout, .counters = &counters, .clock = {}});
    if (!database) return std::move(database).error();
    auto sealer = compose::make_sealer(options.keys);
    if (!sealer) return std::move(sealer).error();
    auto background = compose::make_background(runtime.executor(), options, *sealer, counters);
    if (!background) return std::move(background).error();
    manager::Ports ports;
    ports.archive = sql::make_archive(*database, *sealer);
    ports.background = std::move(background->work);
    ports.mass_ending = std::make_shared<sql::SqlMassEnding>(*database, *sealer);
    // Its lines come from its own thread.
    auto journal = std::make_shared<journal::FileJournal>(
        options.state_dir, options.journal, [](std::string_view what, const Error& error) {
            compose::log_line(fmt::format("{}: {}", what, error.detail));
        });
    ports.journal = journal;
    ports.end_threads = [database = *database, background = std::move(background->end_threads),
                         journal] {
        background();
        database->close();
        journal->close();
    };
    if (options.store == StoreKind::sql) {
        ports.store = sql::make_store(*database);
        return ports;
    }
    if (options.jobs.snapshots) {
        auto abridge = compose::make_abridge(options);
        if (!abridge) return std::move(abridge).error();
        ports.copy = std::move(*abridge);
    }
    auto store = redis::make_store(runtime.executor(), options.redis, &counters);
    std::shared_ptr<async::ChangeFeed> feed = store;
    ports.store = store;
    ports.figures = store;
    const auto stripes = options.near_cache ? stripes_for(options) : nullptr;
    if (options.fallback) {
        resilient::Parts parts{store, store, store, sql::make_fallback(*database, *sealer),
                               ports.archive};
        if (stripes) add_announcement(parts, stripes);
        resilient::Settings settings{.options = *options.fallback,
                                     .lifetimes = options.lifetimes,
                                     .report = compose::operator_log(),
                                     .keeps_copies = options.jobs.snapshots.has_value()};
        auto resilient = resilient::Resilient::make(runtime.executor(), std::move(parts),
                                                    std::move(settings), &counters);
        feed = resilient;
        ports.store = resilient;
        ports.recovery = resilient;
    }
    if (!stripes) return ports;
    auto near = cache::Cached::make(ports.store, feed, stripes, *options.near_cache, &counters);
    ports.store = near;
    ports.near = near;
    return ports;
}

}  // namespace

Result<SessionManager> SessionManager::open(ManagerOptions options) {
    if (auto valid = compose::validate(options); !valid) return std::move(valid).error();
    if (auto completed = compose::complete(options); !completed)
        return std::move(completed).error();
    auto ring = crypto::KeyRing::open(options.keys);
    if (!ring) return std::move(ring).error();
    return SessionManager(std::make_unique<Impl>(std::move(options), std::move(*ring), make_ports,
                                                 compose::operator_log()));
}

}  // namespace vedfolnir
