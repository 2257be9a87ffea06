#include "ops/job_health.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::ops {
namespace {

const TimePoint now{Millis{1'764'000'000'000}};

JobStatus due(Seconds ago) {
    JobStatus job;
    job.outcome = "done";
    job.next_due = now - ago;
    return job;
}

// ids: S72 S65
TEST(JobHealth, lag_of_a_job_that_nobody_runs_grows_and_changes_its_state) {
    EXPECT_EQ(lag_of(due(Seconds{-60}), now), Millis{0});
    EXPECT_EQ(health_of(due(Seconds{-60}), now), JobHealth::ok);
    EXPECT_EQ(health_of(due(Seconds{3600}), now), JobHealth::ok);
    EXPECT_EQ(health_of(due(Seconds{3601}), now), JobHealth::late);
    EXPECT_EQ(health_of(due(Seconds{7200}), now), JobHealth::late);
    EXPECT_EQ(health_of(due(Seconds{7201}), now), JobHealth::critical);
}

// ids: S72
TEST(JobHealth, what_a_run_found_itself_behind_counts_as_well) {
    JobStatus job = due(Seconds{-1});
    job.lag = Seconds{3700};
    EXPECT_EQ(health_of(job, now), JobHealth::late);
}

// ids: S72
TEST(JobHealth, failure_shows_before_it_has_made_the_job_late) {
    JobStatus job = due(Seconds{-1});
    job.outcome = "failed";
    EXPECT_EQ(health_of(job, now), JobHealth::failing);
    EXPECT_EQ(to_string(health_of(job, now)), "failing");
}

}  // namespace
}  // namespace vedfolnir::ops
