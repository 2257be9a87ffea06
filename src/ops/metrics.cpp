#include "ops/metrics.hpp"

#include "ops/json_text.hpp"
#include "ops/metric_table.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace vedfolnir::ops {
namespace {

namespace json = boost::json;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::vector<MetricFamily> families(const MetricSources& sources) {
    std::vector<MetricFamily> told;
    for (const Metric& metric : metric_table()) {
        MetricFamily family{std::string(metric.name), std::string(metric.help), metric.type, {}};
        metric.collect(sources, family.metric);
        if (!family.metric.empty()) told.push_back(std::move(family));
    }
    return told;
}

std::string_view to_text(MetricType type) noexcept {
    switch (type) {
    case MetricType::Counter:
        return "counter";
    case MetricType::Gauge:
        return "gauge";
    case MetricType::Histogram:
        return "histogram";
    case MetricType::Summary:
        return "summary";
    default:  // newer versions of the library have more, which the table does not use
        break;
    }
    return "untyped";
}

json::object sample_json(const ClientMetric& sample, MetricType type) {
    json::object labels;
    for (const auto& label : sample.label) labels[label.name] = label.value;
    json::object out{{"labels", std::move(labels)}};
    if (type == MetricType::Counter) out["value"] = sample.counter.value;
    if (type == MetricType::Gauge) out["value"] = sample.gauge.value;
    if (type != MetricType::Histogram) return out;
    json::array buckets;
    for (const auto& bucket : sample.histogram.bucket)
        buckets.push_back({{"le", bucket.upper_bound}, {"count", bucket.cumulative_count}});
    out["count"] = sample.histogram.sample_count;
    out["sum"] = sample.histogram.sample_sum;
    out["buckets"] = std::move(buckets);
    return out;
}

std::string_view to_text(Teller teller) noexcept {
    switch (teller) {
    case Teller::process:
        return "process";
    case Teller::host:
        return "host";
    case Teller::stores:
        break;
    }
    return "stores";
}

}  // namespace

std::string metrics_text(const MetricSources& sources) {
    return prometheus::TextSerializer{}.Serialize(families(sources));
}

std::string metrics_json(const MetricSources& sources) {
    json::array metrics;
    for (const MetricFamily& family : families(sources)) {
        json::array samples;
        for (const ClientMetric& sample : family.metric)
            samples.push_back(sample_json(sample, family.type));
        metrics.push_back(json::object{{"name", family.name},
                                       {"type", to_text(family.type)},
                                       {"help", family.help},
                                       {"samples", std::move(samples)}});
    }
    return json_text(json::object{{"metrics", std::move(metrics)}});
}

std::string metrics_reference() {
    std::string out = "| Metric | Type | Labels | Told by | Meaning |\n|---|---|---|---|---|\n";
    for (const Metric& metric : metric_table()) {
        const auto labels =
            metric.labels.empty() ? std::string() : fmt::format("`{}`", metric.labels);
        out += fmt::format("| `{}` | {} | {} | {} | {} |\n", metric.name, to_text(metric.type),
                           labels, to_text(metric.teller), metric.help);
    }
    return out;
}

}  // namespace vedfolnir::ops
