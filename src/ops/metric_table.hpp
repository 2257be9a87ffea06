// The table behind metrics.hpp. Private to ops.
#pragma once

#include "ops/metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <span>
#include <string_view>
#include <vector>

namespace vedfolnir::ops {

using Samples = std::vector<prometheus::ClientMetric>;

/// Who can tell a metric.
enum class Teller : std::uint8_t {
    process,  ///< Each process by itself.
    host,     ///< Any process, of this host's disk.
    stores    ///< Any process, of the stores.
};

struct Metric {
    std::string_view name;
    prometheus::MetricType type;
    Teller teller;
    std::string_view labels;  ///< Their names; empty: none.
    std::string_view help;
    /// Adds no sample where the sources do not say.
    void (*collect)(const MetricSources& sources, Samples& to);
};

/// In the order in which they are told.
[[nodiscard]] std::span<const Metric> metric_table() noexcept;

}  // namespace vedfolnir::ops
