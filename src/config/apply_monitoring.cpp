// Metrics: where they are written, how often.
#include "config/apply.hpp"

namespace vedfolnir::config {

void apply_monitoring(Resolving& to) {
    auto& metrics = to.settings.options.metrics;
    const auto& layers = to.layers;
    if (layers.boolean("SESSION_ENABLE_METRICS_COLLECTION").value_or(true))
        metrics.file = layers.text("VEDFOLNIR_METRICS_FILE").value_or("");
    if (const auto seconds = layers.integer("SESSION_METRICS_INTERVAL_SECONDS"))
        metrics.interval = Seconds(*seconds);
}

}  // namespace vedfolnir::config
