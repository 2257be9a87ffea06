#include "ops/metric_table.hpp"

#include "ops/job_health.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <initializer_list>
#include <utility>

namespace vedfolnir::ops {
namespace {

using prometheus::ClientMetric;
using Type = prometheus::MetricType;
using Label = ClientMetric::Label;

double seconds(Millis time) { return std::chrono::duration<double>(time).count(); }
double seconds_of_ms(std::uint64_t ms) { return static_cast<double>(ms) / 1000; }

/// Both members are set: which of them is told follows from the family's type.
void add(Samples& to, double value, std::initializer_list<Label> labels = {}) {
    ClientMetric sample;
    sample.label = labels;
    sample.counter.value = value;
    sample.gauge.value = value;
    to.push_back(std::move(sample));
}

void add(Samples& to, std::uint64_t value, std::initializer_list<Label> labels = {}) {
    add(to, static_cast<double>(value), labels);
}

template <std::uint64_t Counters::*field>
void counted(const MetricSources& from, Samples& to) {
    if (from.process) add(to, from.process->counters.*field);
}

template <std::uint64_t Counters::*field>
void counted_ms(const MetricSources& from, Samples& to) {
    if (from.process) add(to, seconds_of_ms(from.process->counters.*field));
}

/// How long ago something happened that a counter holds as ms since 1970; 0 where nothing waits.
template <std::uint64_t Counters::*field>
void age_of(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    const std::uint64_t since = from.process->counters.*field;
    const auto now = static_cast<std::uint64_t>(from.now.time_since_epoch().count());
    add(to, since == 0 || since > now ? 0.0 : seconds_of_ms(now - since));
}

void sessions_created(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    add(to, from.process->counters.creates, {{"kind", "anonymous"}});
    add(to, from.process->counters.logins, {{"kind", "login"}});
}

void sessions_ended(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    const auto& ended = from.process->counters.ended;
    for (std::size_t i = 0; i < ended.size(); ++i)
        add(to, ended[i], {{"reason", std::string(to_string(static_cast<EndReason>(i)))}});
}

void loads(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    const Counters& counters = from.process->counters;
    const auto answered = counters.loads_found + counters.loads_unknown;
    add(to, counters.loads_found, {{"outcome", "found"}});
    // The parts are read one after the other, while loads go on.
    add(to, counters.loads - std::min(counters.loads, answered), {{"outcome", "none"}});
    add(to, counters.loads_unknown, {{"outcome", "unknown"}});
}

void cookies_refused(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    const Counters& counters = from.process->counters;
    add(to, counters.cookies_malformed, {{"why", "malformed"}});
    add(to, counters.cookies_forged, {{"why", "forged"}});
    add(to, counters.cookies_ambiguous, {{"why", "ambiguous"}});
}

void durations(const MetricSources& from, Samples& to) {
    if (!from.process) return;
    for (std::size_t i = 0; i < operation_count; ++i) {
        const Timing& timing = from.process->timings[i];
        ClientMetric sample;
        sample.label = {{"operation", std::string(to_string(static_cast<Operation>(i)))}};
        auto& histogram = sample.histogram;
        for (std::size_t at = 0; at < Timing::bounds_us.size(); ++at) {
            histogram.sample_count += timing.buckets[at];
            histogram.bucket.push_back(
                {histogram.sample_count, static_cast<double>(Timing::bounds_us[at]) / 1e6});
        }
        histogram.sample_count += timing.buckets.back();
        histogram.sample_sum = static_cast<double>(timing.sum_us) / 1e6;
        to.push_back(std::move(sample));
    }
}

void journal_entries(const MetricSources& from, Samples& to) {
    if (from.journal)
        add(to, from.journal->entries);
    else
        counted<&Counters::journal_entries>(from, to);
}

void journal_age(const MetricSources& from, Samples& to) {
    if (!from.journal) return age_of<&Counters::journal_since_ms>(from, to);
    const auto& oldest = from.journal->oldest;
    add(to, oldest ? std::max(0.0, seconds(Millis(from.now - *oldest))) : 0.0);
}

template <std::optional<bool> StoreFigures::*field>
void answers(const MetricSources& from, Samples& to) {
    if (!from.stores) return;
    const auto& up = (*from.stores).*field;
    if (up) add(to, *up ? 1.0 : 0.0);
}

template <auto field>
void redis(const MetricSources& from, Samples& to) {
    if (!from.stores || !from.stores->redis) return;
    const auto& value = (*from.stores->redis).*field;
    if (value) add(to, static_cast<double>(*value));
}

void sessions_live(const MetricSources& from, Samples& to) {
    if (from.stores && from.stores->sessions_live) add(to, *from.stores->sessions_live);
}

const FallbackStatus* fallback(const MetricSources& from) {
    return from.stores && from.stores->fallback ? &*from.stores->fallback : nullptr;
}

void fallback_mode(const MetricSources& from, Samples& to) {
    const auto* status = fallback(from);
    if (status == nullptr) return;
    for (const auto mode : {FallbackMode::automatic, FallbackMode::on, FallbackMode::off})
        add(to, status->state.mode == mode ? 1.0 : 0.0, {{"mode", std::string(to_string(mode))}});
}

void records_ahead(const MetricSources& from, Samples& to) {
    if (const auto* status = fallback(from)) add(to, status->state.ahead);
}

void endings_held(const MetricSources& from, Samples& to) {
    if (const auto* status = fallback(from)) add(to, status->state.held);
}

void endings_waiting(const MetricSources& from, Samples& to) {
    const auto* status = fallback(from);
    if (status != nullptr && status->endings_waiting) add(to, *status->endings_waiting);
}

void job_leader(const MetricSources& from, Samples& to) {
    if (from.stores && from.stores->jobs) add(to, from.stores->jobs->leader.empty() ? 0.0 : 1.0);
}

template <std::invocable<const JobStatus&, TimePoint> Value>
void per_job(const MetricSources& from, Samples& to, Value value) {
    if (!from.stores || !from.stores->jobs) return;
    for (const JobStatus& job : from.stores->jobs->jobs)
        add(to, value(job, from.stores->jobs->now), {{"job", job.job}});
}

template <std::uint64_t JobStatus::*field>
void job_counted(const MetricSources& from, Samples& to) {
    per_job(from, to, [](const JobStatus& job, TimePoint) { return job.*field; });
}

void job_lag(const MetricSources& from, Samples& to) {
    per_job(from, to,
            [](const JobStatus& job, TimePoint now) { return seconds(lag_of(job, now)); });
}

void job_duration(const MetricSources& from, Samples& to) {
    per_job(from, to, [](const JobStatus& job, TimePoint) {
        return seconds(Millis(job.finished - job.started));
    });
}

void job_success(const MetricSources& from, Samples& to) {
    per_job(from, to, [](const JobStatus& job, TimePoint) {
        return seconds(job.succeeded.time_since_epoch());
    });
}

void health(const MetricSources& from, Samples& to) {
    if (!from.health) return;
    for (const HealthCheck& check : *from.health)
        add(to, static_cast<double>(check.status), {{"check", check.id}});
}

using enum Teller;

constexpr std::array table{
    // Sessions and operations
    Metric{"vedfolnir_sessions_created_total", Type::Counter, process, "kind",
           "Sessions made: `anonymous` at their first write, `login` at every login.",
           sessions_created},
    Metric{
        "vedfolnir_sessions_ended_total", Type::Counter, process, "reason",
        "Sessions ended; `replaced` by a login under a new id, `expired` when their row is closed.",
        sessions_ended},
    Metric{"vedfolnir_endings_pending_total", Type::Counter, process, "",
           "Endings that SQL or Redis did not take at once.", counted<&Counters::endings_pending>},
    Metric{
        "vedfolnir_operation_duration_seconds", Type::Histogram, process, "operation",
        "How long operations took as their caller saw it, waiting included. Loads that the near cache answers are "
        "only counted (vedfolnir_near_cache_hits_total).",
        durations},
    Metric{"vedfolnir_slow_operations_total", Type::Counter, process, "",
           "Operations that took as long as VEDFOLNIR_SLOW_OPERATION_US.",
           counted<&Counters::slow_operations>},
    Metric{"vedfolnir_loads_total", Type::Counter, process, "outcome",
           "Loads; `none`: there is no such session, `unknown`: no store could say.", loads},
    Metric{"vedfolnir_saves_total", Type::Counter, process, "", "Sessions saved.",
           counted<&Counters::saves>},
    Metric{"vedfolnir_touches_total", Type::Counter, process, "", "Activity recorded.",
           counted<&Counters::touches>},
    Metric{"vedfolnir_merges_total", Type::Counter, process, "",
           "Saves that were merged with a parallel request's.", counted<&Counters::merges>},
    Metric{"vedfolnir_merge_conflicts_total", Type::Counter, process, "",
           "Keys that two parallel requests had changed; the later one counts.",
           counted<&Counters::conflicts_same_key>},
    Metric{"vedfolnir_commits_dropped_total", Type::Counter, process, "",
           "Commits not written because the session had ended.",
           counted<&Counters::commits_dropped>},
    Metric{"vedfolnir_changes_lost_total", Type::Counter, process, "",
           "Values changed after their session was saved.", counted<&Counters::changes_lost>},
    Metric{"vedfolnir_cookies_refused_total", Type::Counter, process, "why",
           "Session cookies that name no session of ours.", cookies_refused},
    Metric{"vedfolnir_records_unreadable_total", Type::Counter, process, "",
           "Records that did not open with this key ring.", counted<&Counters::records_unreadable>},
    Metric{"vedfolnir_redis_commands_total", Type::Counter, process, "",
           "Commands sent to Redis for sessions.", counted<&Counters::store_commands>},
    Metric{"vedfolnir_sql_statements_total", Type::Counter, process, "",
           "SQL statements for sessions; those of background jobs are not among them.",
           counted<&Counters::sql_statements>},
    // Near cache
    Metric{"vedfolnir_near_cache_hits_total", Type::Counter, process, "",
           "Loads answered from memory.", counted<&Counters::near_hits>},
    Metric{"vedfolnir_near_cache_stale_total", Type::Counter, process, "",
           "Records found in memory that were too old or changed.", counted<&Counters::near_stale>},
    Metric{"vedfolnir_near_cache_fills_total", Type::Counter, process, "",
           "Records kept in memory.", counted<&Counters::near_fills>},
    Metric{"vedfolnir_near_cache_fills_refused_total", Type::Counter, process, "",
           "Answers not kept, because a change overtook them.",
           counted<&Counters::near_fills_refused>},
    Metric{"vedfolnir_near_cache_invalidations_total", Type::Counter, process, "",
           "Changes told by Redis.", counted<&Counters::near_invalidations>},
    // Fallback
    Metric{"vedfolnir_fallback_active", Type::Gauge, process, "",
           "1 while this process uses the database in place of Redis.",
           counted<&Counters::fallback_active>},
    Metric{"vedfolnir_fallback_reads_total", Type::Counter, process, "",
           "Reads of sessions that the database answered.", counted<&Counters::fallback_reads>},
    Metric{"vedfolnir_fallback_writes_total", Type::Counter, process, "",
           "Writes of sessions that the database took.", counted<&Counters::fallback_writes>},
    Metric{"vedfolnir_fallback_unknown_total", Type::Counter, process, "",
           "Reads of sessions of which the database could not say.",
           counted<&Counters::fallback_unknown>},
    Metric{"vedfolnir_fallback_refused_total", Type::Counter, process, "",
           "Calls the database was spared, because too many waited.",
           counted<&Counters::fallback_refused>},
    Metric{"vedfolnir_fallback_restored_total", Type::Counter, process, "",
           "Sessions that Redis got back.", counted<&Counters::fallback_restored>},
    Metric{"vedfolnir_fallback_conflicts_total", Type::Counter, process, "",
           "Sessions that Redis did not take back, because something newer stood there.",
           counted<&Counters::fallback_conflicts>},
    Metric{"vedfolnir_fallback_queue_depth", Type::Gauge, process, "",
           "Calls that wait for their turn with the database.", counted<&Counters::fallback_queue>},
    Metric{"vedfolnir_fallback_mode", Type::Gauge, stores, "mode",
           "1 for the mode that is set: `auto`, `on` or `off`.", fallback_mode},
    Metric{"vedfolnir_fallback_records_waiting", Type::Gauge, stores, "",
           "Records that Redis was not told yet; counted up to 10 000.", records_ahead},
    Metric{"vedfolnir_endings_waiting", Type::Gauge, stores, "",
           "Endings in SQL that Redis was not told yet.", endings_waiting},
    Metric{"vedfolnir_endings_held_total", Type::Counter, stores, "",
           "Endings that Redis did not take when they happened.", endings_held},
    // Audit and journal
    Metric{"vedfolnir_audit_queue_depth", Type::Gauge, process, "",
           "Audit events in memory that wait for SQL.", counted<&Counters::audit_queue>},
    Metric{"vedfolnir_audit_lag_seconds", Type::Gauge, process, "", "Age of the oldest of them.",
           age_of<&Counters::audit_since_ms>},
    Metric{"vedfolnir_audit_dropped_total", Type::Counter, process, "",
           "Audit events lost, because the queue was full.", counted<&Counters::audit_dropped>},
    Metric{"vedfolnir_journal_entries", Type::Gauge, host, "",
           "Logins, endings and events on this host's disk that wait for SQL.", journal_entries},
    Metric{"vedfolnir_journal_age_seconds", Type::Gauge, host, "", "Age of the oldest of them.",
           journal_age},
    // Background work of this process
    Metric{"vedfolnir_cleanup_runs_total", Type::Counter, process, "",
           "Cleanup runs of this process.", counted<&Counters::cleanup_runs>},
    Metric{"vedfolnir_cleanup_failures_total", Type::Counter, process, "",
           "Those of them that failed.", counted<&Counters::cleanup_failures>},
    Metric{"vedfolnir_cleanup_removed_total", Type::Counter, process, "",
           "Expired sessions that they removed.", counted<&Counters::cleanup_removed>},
    Metric{"vedfolnir_cleanup_closed_total", Type::Counter, process, "",
           "Rows of sessions that they closed as expired.", counted<&Counters::cleanup_closed>},
    Metric{"vedfolnir_cleanup_seconds_total", Type::Counter, process, "", "Time that they took.",
           counted_ms<&Counters::cleanup_ms>},
    Metric{"vedfolnir_retention_removed_total", Type::Counter, process, "",
           "Rows that retention removed.", counted<&Counters::retention_removed>},
    Metric{"vedfolnir_snapshots_written_total", Type::Counter, process, "",
           "Copies of records written to SQL.", counted<&Counters::snapshots_written>},
    Metric{"vedfolnir_snapshot_failures_total", Type::Counter, process, "",
           "Runs of the copying that failed.", counted<&Counters::snapshots_failures>},
    Metric{"vedfolnir_snapshot_lag_seconds", Type::Gauge, process, "",
           "How far behind its last run was.", counted_ms<&Counters::snapshots_lag_ms>},
    // Background work of all processes
    Metric{"vedfolnir_jobs_led", Type::Gauge, stores, "",
           "1 while some process holds the lease of the background jobs.", job_leader},
    Metric{"vedfolnir_job_runs_total", Type::Counter, stores, "job",
           "Runs of a background job, by whomever.", job_counted<&JobStatus::runs>},
    Metric{"vedfolnir_job_failures_total", Type::Counter, stores, "job",
           "Those of them that failed.", job_counted<&JobStatus::failures>},
    Metric{"vedfolnir_job_removed_total", Type::Counter, stores, "job",
           "What they removed, closed or copied.", job_counted<&JobStatus::removed>},
    Metric{"vedfolnir_job_lag_seconds", Type::Gauge, stores, "job",
           "How far behind a job is; grows while nobody runs it.", job_lag},
    Metric{"vedfolnir_job_last_duration_seconds", Type::Gauge, stores, "job",
           "How long its last run took.", job_duration},
    Metric{"vedfolnir_job_last_success_timestamp_seconds", Type::Gauge, stores, "job",
           "When it last ended well, since 1970; 0: never.", job_success},
    // Stores
    Metric{
        "vedfolnir_health_status", Type::Gauge, stores, "check",
        "A check of `vedfolnir health`: 0 healthy, 1 warn, 2 critical, 3 unknown. `process.…` is told by each process of itself, the others by the daemon's file.",
        health},
    Metric{"vedfolnir_sessions_live", Type::Gauge, stores, "",
           "Sessions of logged-in users that are live by SQL.", sessions_live},
    Metric{"vedfolnir_redis_up", Type::Gauge, stores, "", "1 if Redis answers.",
           answers<&StoreFigures::redis_up>},
    Metric{"vedfolnir_sql_up", Type::Gauge, stores, "", "1 if SQL answers.",
           answers<&StoreFigures::sql_up>},
    Metric{"vedfolnir_sql_writable", Type::Gauge, stores, "",
           "1 if SQL takes writes; left out while it does not answer.",
           answers<&StoreFigures::sql_writes>},
    Metric{"vedfolnir_redis_memory_used_bytes", Type::Gauge, stores, "",
           "INFO used_memory: of the whole server.", redis<&StoreInfo::used_memory>},
    Metric{"vedfolnir_redis_memory_peak_bytes", Type::Gauge, stores, "", "INFO used_memory_peak.",
           redis<&StoreInfo::used_memory_peak>},
    Metric{"vedfolnir_redis_memory_limit_bytes", Type::Gauge, stores, "",
           "INFO maxmemory; 0: no limit.", redis<&StoreInfo::max_memory>},
    Metric{"vedfolnir_redis_memory_fragmentation_ratio", Type::Gauge, stores, "",
           "INFO mem_fragmentation_ratio.", redis<&StoreInfo::fragmentation>},
    Metric{"vedfolnir_redis_evicted_keys_total", Type::Counter, stores, "", "INFO evicted_keys.",
           redis<&StoreInfo::evicted_keys>},
    Metric{"vedfolnir_redis_expired_keys_total", Type::Counter, stores, "", "INFO expired_keys.",
           redis<&StoreInfo::expired_keys>},
    Metric{"vedfolnir_redis_keyspace_hits_total", Type::Counter, stores, "", "INFO keyspace_hits.",
           redis<&StoreInfo::keyspace_hits>},
    Metric{"vedfolnir_redis_keyspace_misses_total", Type::Counter, stores, "",
           "INFO keyspace_misses.", redis<&StoreInfo::keyspace_misses>},
    Metric{"vedfolnir_redis_connected_clients", Type::Gauge, stores, "", "INFO connected_clients.",
           redis<&StoreInfo::connected_clients>},
    Metric{"vedfolnir_redis_last_save_timestamp_seconds", Type::Gauge, stores, "",
           "INFO rdb_last_save_time: the last snapshot on disk, since 1970.",
           redis<&StoreInfo::last_save>},
};

}  // namespace

std::span<const Metric> metric_table() noexcept { return table; }

}  // namespace vedfolnir::ops
