// Health: figures of the stores in, one judged check per limit out. Pure.
#pragma once

#include "ops/metrics.hpp"
#include "vedfolnir/options.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::ops {

[[nodiscard]] std::string_view to_string(HealthStatus status) noexcept;

/// One check for every limit that applies, in a fixed order. What could not be found out is `unknown`.
[[nodiscard]] std::vector<HealthCheck> assess(const MetricSources& sources,
                                              const HealthOptions& limits);

/// `critical` if one is; else `warn` if one is, or is unknown; healthy only if all are.
[[nodiscard]] HealthStatus overall(const std::vector<HealthCheck>& checks) noexcept;

}  // namespace vedfolnir::ops
