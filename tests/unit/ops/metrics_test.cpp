#include "ops/metrics.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::ops {
namespace {

MetricSources of_a_process() {
    MetricSources sources;
    sources.now = TimePoint(Millis(10'000));
    sources.process = ProcessFigures{};
    return sources;
}

bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// ids: S62 S66
TEST(metrics, what_nobody_asked_is_left_out_and_not_zero) {
    MetricSources none;
    EXPECT_EQ(metrics_text(none), "");
    EXPECT_EQ(metrics_json(none), R"({"metrics":[]})");

    const auto text = metrics_text(of_a_process());
    EXPECT_TRUE(has(text, "vedfolnir_fallback_active 0"));
    EXPECT_EQ(text.find("vedfolnir_redis_up"), std::string::npos);

    MetricSources silent;
    silent.stores = StoreFigures{.redis_up = false, .sql_up = true};
    EXPECT_TRUE(has(metrics_text(silent), "vedfolnir_redis_up 0"));
    EXPECT_EQ(metrics_text(silent).find("memory"), std::string::npos);
}

// ids: S62
TEST(metrics, sessions_ended_are_told_by_reason) {
    auto sources = of_a_process();
    sources.process->counters.ended[static_cast<std::size_t>(EndReason::security)] = 3;
    const auto text = metrics_text(sources);
    EXPECT_TRUE(has(text, "# TYPE vedfolnir_sessions_ended_total counter"));
    EXPECT_TRUE(has(text, R"(vedfolnir_sessions_ended_total{reason="security"} 3)"));
    EXPECT_TRUE(has(text, R"(vedfolnir_sessions_ended_total{reason="logout"} 0)"));
}

// ids: S63
TEST(metrics, buckets_are_cumulative_and_the_last_holds_every_request) {
    auto sources = of_a_process();
    Timing& load = sources.process->timings[static_cast<std::size_t>(Operation::load)];
    load.buckets.front() = 2;
    load.buckets[5] = 3;
    load.buckets.back() = 1;
    load.sum_us = 2'500'000;
    const auto text = metrics_text(sources);
    const std::string name = "vedfolnir_operation_duration_seconds";
    EXPECT_TRUE(has(text, name + R"(_bucket{operation="load",le="5e-05"} 2)"));
    EXPECT_TRUE(has(text, name + R"(_bucket{operation="load",le="0.002"} 5)"));
    EXPECT_TRUE(has(text, name + R"(_bucket{operation="load",le="1"} 5)"));
    EXPECT_TRUE(has(text, name + R"(_bucket{operation="load",le="+Inf"} 6)"));
    EXPECT_TRUE(has(text, name + R"(_count{operation="load"} 6)"));
    EXPECT_TRUE(has(text, name + R"(_sum{operation="load"} 2.5)"));
}

// ids: S65
TEST(metrics, lag_of_a_job_that_nobody_runs_grows) {
    MetricSources sources;
    JobStatus cleanup;
    cleanup.job = "cleanup";
    cleanup.next_due = TimePoint(Millis(1'000));
    cleanup.removed = 1000;
    StoreFigures stores;
    stores.jobs = JobsReport{.jobs = {cleanup}, .now = TimePoint(Millis(3'500))};
    sources.stores = stores;
    EXPECT_TRUE(has(metrics_text(sources), R"(vedfolnir_job_lag_seconds{job="cleanup"} 2.5)"));
    EXPECT_TRUE(has(metrics_text(sources), R"(vedfolnir_job_removed_total{job="cleanup"} 1000)"));
    EXPECT_TRUE(has(metrics_text(sources), "vedfolnir_jobs_led 0"));
}

// ids: S66 S50
TEST(metrics, ages_of_what_waits_are_told_in_seconds) {
    auto sources = of_a_process();
    sources.process->counters.audit_queue = 2;
    sources.process->counters.audit_since_ms = 8'000;
    sources.journal = JournalFigures{7, TimePoint(Millis(4'000))};
    const auto text = metrics_text(sources);
    EXPECT_TRUE(has(text, "vedfolnir_audit_queue_depth 2"));
    EXPECT_TRUE(has(text, "vedfolnir_audit_lag_seconds 2"));
    EXPECT_TRUE(has(text, "vedfolnir_journal_entries 7"));
    EXPECT_TRUE(has(text, "vedfolnir_journal_age_seconds 6"));
    EXPECT_NE(metrics_json(sources).find(R"("name":"vedfolnir_journal_entries")"),
              std::string::npos);
}

}  // namespace
}  // namespace vedfolnir::ops
