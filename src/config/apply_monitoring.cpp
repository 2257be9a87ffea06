// Metrics and health: where they are written, how often, and the limits of what is healthy.
#include "config/apply.hpp"

#include <fmt/format.h>

#include <array>

namespace vedfolnir::config {
namespace {

struct Limit {
    std::string_view warn;
    std::string_view critical;
    HealthLimit HealthOptions::*to;
};

constexpr std::array limits{
    Limit{"VEDFOLNIR_HEALTH_RESPONSE_WARN_MS", "VEDFOLNIR_HEALTH_RESPONSE_CRITICAL_MS",
          &HealthOptions::response_ms},
    Limit{"VEDFOLNIR_HEALTH_SESSIONS_WARN", "VEDFOLNIR_HEALTH_SESSIONS_CRITICAL",
          &HealthOptions::sessions},
    Limit{"VEDFOLNIR_HEALTH_CLEANUP_LAG_WARN_SECONDS",
          "VEDFOLNIR_HEALTH_CLEANUP_LAG_CRITICAL_SECONDS", &HealthOptions::cleanup_lag_seconds},
    Limit{"VEDFOLNIR_HEALTH_REDIS_MEMORY_WARN_PERCENT",
          "VEDFOLNIR_HEALTH_REDIS_MEMORY_CRITICAL_PERCENT", &HealthOptions::redis_memory_percent},
    Limit{"VEDFOLNIR_HEALTH_ERRORS_WARN_PERCENT", "VEDFOLNIR_HEALTH_ERRORS_CRITICAL_PERCENT",
          &HealthOptions::errors_percent},
    Limit{"VEDFOLNIR_HEALTH_SQL_BUSY_WARN_PERCENT", "VEDFOLNIR_HEALTH_SQL_BUSY_CRITICAL_PERCENT",
          &HealthOptions::sql_busy_percent},
    Limit{"VEDFOLNIR_HEALTH_MEMORY_WARN_MB", "VEDFOLNIR_HEALTH_MEMORY_CRITICAL_MB",
          &HealthOptions::memory_mb},
};

void apply_number(const Layers& layers, std::string_view name, double& to) {
    if (const auto value = layers.integer(name)) to = static_cast<double>(*value);
}

void apply_limit(Resolving& to, const Limit& names) {
    HealthLimit& limit = to.settings.options.health.*names.to;
    apply_number(to.layers, names.warn, limit.warn);
    apply_number(to.layers, names.critical, limit.critical);
    if (limit.critical < limit.warn)
        to.report.error(fmt::format("{}: {} is below {} ({})", names.critical, limit.critical,
                                    names.warn, limit.warn));
}

}  // namespace

void apply_monitoring(Resolving& to) {
    auto& metrics = to.settings.options.metrics;
    const auto& layers = to.layers;
    if (layers.boolean("SESSION_ENABLE_METRICS_COLLECTION").value_or(true))
        metrics.file = layers.text("VEDFOLNIR_METRICS_FILE").value_or("");
    if (const auto seconds = layers.integer("SESSION_METRICS_INTERVAL_SECONDS"))
        metrics.interval = Seconds(*seconds);
    for (const Limit& limit : limits) apply_limit(to, limit);
    auto& health = to.settings.options.health;
    if (const auto percent = layers.integer("VEDFOLNIR_HEALTH_REDIS_FRAGMENTATION_PERCENT"))
        health.redis_fragmentation = static_cast<double>(*percent) / 100;
    apply_number(layers, "VEDFOLNIR_HEALTH_REDIS_HIT_RATE_PERCENT", health.redis_hit_rate_percent);
    apply_number(layers, "VEDFOLNIR_HEALTH_REDIS_CLIENTS", health.redis_clients);
    apply_number(layers, "VEDFOLNIR_HEALTH_REDIS_SAVE_AGE_SECONDS", health.redis_save_age_seconds);
    apply_number(layers, "VEDFOLNIR_HEALTH_STALE_SESSIONS", health.stale_sessions);
    apply_number(layers, "VEDFOLNIR_HEALTH_ANCIENT_SESSIONS", health.ancient_sessions);
    apply_number(layers, "VEDFOLNIR_HEALTH_ORPHANS", health.orphans);
}

}  // namespace vedfolnir::config
