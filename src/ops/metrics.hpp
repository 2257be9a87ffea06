// The metrics: one table of names, and what is told of them as text for Prometheus and as JSON.
#pragma once

#include "vedfolnir/fallback.hpp"
#include "vedfolnir/job_status.hpp"
#include "vedfolnir/session_manager.hpp"
#include "vedfolnir/store_info.hpp"
#include "vedfolnir/timings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::ops {

/// What one process did of late. Empty: not known.
struct Recent {
    std::uint64_t operations = 0;              ///< Loads and commits.
    std::uint64_t failed = 0;                  ///< Of them: without an answer, or with an Error.
    std::optional<double> sql_busy_percent{};  ///< Of the time of its threads for SQL.
    std::optional<std::uint64_t> resident_bytes{};
};

/// What one process counted since it started.
struct ProcessFigures {
    Counters counters;
    Timings timings{};
    std::optional<Recent> recent{};
};

/// What the last `vedfolnir fsck` found.
struct FsckFigures {
    std::optional<TimePoint> at{};  ///< Empty: it never ran.
    std::uint64_t left = 0;         ///< Defects that it left.
};

/// What waits for SQL on this host's disk.
struct JournalFigures {
    std::uint64_t entries = 0;
    std::optional<TimePoint> oldest{};
};

enum class HealthStatus : std::uint8_t {
    healthy,
    warn,
    critical,
    unknown  ///< The check could not run.
};

struct HealthCheck {
    std::string id;  ///< Stable, for instance `redis.memory`.
    HealthStatus status = HealthStatus::unknown;
    std::string message;
    std::optional<double> value{}, warn{}, critical{};  ///< What was found, and its limits.
};

/// What the stores say, for all processes. Empty: the store was not asked, did not answer, or has no such figure.
struct StoreFigures {
    std::optional<bool> redis_up{};    ///< Empty: sessions do not stand in Redis.
    std::optional<bool> sql_up{};      ///< Empty: there is no SQL.
    std::optional<bool> sql_writes{};  ///< It takes writes. Empty: it does not answer.
    std::string sql_refusal{};         ///< Why it does not take them.
    std::optional<StoreInfo> redis{};
    std::optional<Millis> redis_time{}, sql_time{};   ///< What the first answer took.
    std::optional<std::uint64_t> sessions_live{};     ///< Of logged-in users.
    std::optional<std::uint64_t> sessions_stale{};    ///< Those that began over 7 days ago.
    std::optional<std::uint64_t> sessions_ancient{};  ///< Those that began over 30 days ago.
    std::optional<FallbackStatus> fallback{};
    std::optional<JobsReport> jobs{};
    std::optional<FsckFigures> fsck{};
};

/// An empty part: its metrics are left out.
struct MetricSources {
    TimePoint now{};
    std::optional<ProcessFigures> process{};
    std::optional<StoreFigures> stores{};
    std::optional<JournalFigures> journal{};
    std::optional<std::vector<HealthCheck>> health{};
};

/// The text format of Prometheus, version 0.0.4.
[[nodiscard]] std::string metrics_text(const MetricSources& sources);
/// `{"metrics": [{"name", "type", "help", "samples": [...]}]}`: the same metrics with the same values.
[[nodiscard]] std::string metrics_json(const MetricSources& sources);
/// The table as Markdown, for docs/operate/monitoring.md.
[[nodiscard]] std::string metrics_reference();

}  // namespace vedfolnir::ops
