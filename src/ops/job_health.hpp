// Whether background jobs keep up: lag, and what it means.
#pragma once

#include "vedfolnir/job_status.hpp"

#include <string_view>

namespace vedfolnir::ops {

enum class JobHealth : std::uint8_t {
    ok,
    failing,  ///< Its last run failed; it is tried again.
    late,     ///< Over `warn` behind.
    critical  ///< Over `critical` behind.
};

struct JobThresholds {
    Seconds warn{3600};
    Seconds critical{7200};
};

/// How far behind a job is: what it found itself behind when it last ran, or how long it has been due, whichever is more. It
/// grows where nobody runs it.
[[nodiscard]] Millis lag_of(const JobStatus& job, TimePoint now) noexcept;

[[nodiscard]] JobHealth health_of(const JobStatus& job, TimePoint now,
                                  JobThresholds thresholds = {}) noexcept;

[[nodiscard]] std::string_view to_string(JobHealth health) noexcept;

}  // namespace vedfolnir::ops
