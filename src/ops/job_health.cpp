#include "ops/job_health.hpp"

#include <algorithm>

namespace vedfolnir::ops {

Millis lag_of(const JobStatus& job, TimePoint now) noexcept {
    // One that runs on request only is never due.
    if (job.next_due == TimePoint{}) return job.lag;
    return std::max({Millis{0}, job.lag, Millis(now - job.next_due)});
}

JobHealth health_of(const JobStatus& job, TimePoint now, JobThresholds thresholds) noexcept {
    const Millis lag = lag_of(job, now);
    if (lag > thresholds.critical) return JobHealth::critical;
    if (lag > thresholds.warn) return JobHealth::late;
    return job.outcome == "failed" ? JobHealth::failing : JobHealth::ok;
}

std::string_view to_string(JobHealth health) noexcept {
    switch (health) {
    case JobHealth::ok:
        return "ok";
    case JobHealth::failing:
        return "failing";
    case JobHealth::late:
        return "late";
    case JobHealth::critical:
        return "critical";
    }
    return "unknown";
}

}  // namespace vedfolnir::ops
