// Background work: whether this process may do it, how often, how much at once, and what is kept how long.
#include "config/apply.hpp"

#include <array>
#include <optional>
#include <utility>

namespace vedfolnir::config {
namespace {

constexpr std::array<std::string_view, 3> interval_names{"REDIS_SESSION_CLEANUP_INTERVAL",
                                                         "SESSION_CLEANUP_INTERVAL",
                                                         "SESSION_CLEANUP_INTERVAL_SECONDS"};

void apply_days(const Layers& layers, std::string_view name, Seconds& to) {
    if (const auto days = layers.integer(name)) to = Seconds(*days * 86400);
}

void apply_snapshots(const Layers& layers, std::optional<SnapshotOptions>& to) {
    SnapshotOptions snapshots;
    if (const auto ms = layers.integer("VEDFOLNIR_SNAPSHOT_LAG_MS"))
        snapshots.lag_max = Millis(*ms);
    if (auto names = layers.names("VEDFOLNIR_SNAPSHOT_KEYS")) snapshots.keys = std::move(*names);
    const bool theirs = layers.boolean("DB_SESSION_SYNC").value_or(true);
    const auto ours = layers.text("VEDFOLNIR_SNAPSHOTS");
    if (ours ? lower(*ours) == "off" : !theirs)
        to.reset();
    else
        to = std::move(snapshots);
}

}  // namespace

void apply_jobs(Resolving& to) {
    auto& jobs = to.settings.options.jobs;
    const auto& layers = to.layers;
    const auto ours = layers.boolean("VEDFOLNIR_JOBS");
    const auto theirs = layers.boolean("SESSION_FEATURE_BACKGROUND_CLEANUP");
    jobs.run = ours.value_or(theirs.value_or(true));
    if (ours && theirs && *ours != *theirs) {
        to.report.warn(
            "VEDFOLNIR_JOBS and SESSION_FEATURE_BACKGROUND_CLEANUP differ; VEDFOLNIR_JOBS wins");
    }
    jobs.cleanup_interval =
        one_limit(to, interval_names, jobs.cleanup_interval, "cleanup interval");
    if (const auto seconds = layers.integer("SESSION_BATCH_CLEANUP_INTERVAL_SECONDS"))
        jobs.retention_interval = Seconds(*seconds);
    if (const auto ms = layers.integer("VEDFOLNIR_JOBS_LEASE_MS"))
        jobs.replaced_within = Millis(*ms);
    if (const auto size = layers.integer("SESSION_CLEANUP_BATCH_SIZE"))
        jobs.batch = static_cast<std::uint32_t>(*size);
    if (const auto count = layers.integer("SESSION_MAX_CLEANUP_BATCHES"))
        jobs.batches_max = static_cast<std::uint32_t>(*count);
    apply_snapshots(layers, jobs.snapshots);
    apply_days(layers, "SESSION_EXPIRED_RETENTION_DAYS", jobs.ended_kept);
    apply_days(layers, "SESSION_AUDIT_RETENTION_DAYS", jobs.audit_kept);
    apply_days(layers, "VEDFOLNIR_STATISTICS_RETENTION_DAYS", jobs.statistics_kept);
    apply_days(layers, "VEDFOLNIR_RESTORABLE_BACKUP_DAYS", jobs.restorable_backup);
}

}  // namespace vedfolnir::config
