// What the stores and this host's disk tell an operator: for metrics and health.
#pragma once

#include "ops/metrics.hpp"

namespace vedfolnir::compose {

/// Asks each store once, within the manager's own deadlines; a store that does not answer is asked nothing further.
[[nodiscard]] ops::MetricSources look_around(const SessionManager& manager);

}  // namespace vedfolnir::compose
