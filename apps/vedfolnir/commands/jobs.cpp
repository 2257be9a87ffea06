// vedfolnir jobs: what the background work did, who does it, whether it keeps up.
#include "commands/commands.hpp"
#include "model/visible.hpp"
#include "ops/job_health.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

json::value time_json(TimePoint at) {
    if (at == TimePoint{}) return nullptr;
    return json::string(utc(at));
}

json::object job_json(const JobStatus& job, TimePoint now) {
    return {{"job", job.job},
            {"health", ops::to_string(ops::health_of(job, now))},
            {"outcome", job.outcome},
            {"detail", job.detail},
            {"holder", job.holder},
            {"fence", job.fence},
            {"started", time_json(job.started)},
            {"finished", time_json(job.finished)},
            {"succeeded", time_json(job.succeeded)},
            {"next_due", time_json(job.next_due)},
            {"duration_ms", Millis(job.finished - job.started).count()},
            {"lag_ms", ops::lag_of(job, now).count()},
            {"removed", job.removed},
            {"removed_last", job.removed_last},
            {"runs", job.runs},
            {"failures", job.failures}};
}

void print_json(const Context& context, const JobsReport& report) {
    json::array jobs;
    for (const JobStatus& job : report.jobs) jobs.push_back(job_json(job, report.now));
    json::value leader;
    if (!report.leader.empty()) leader = report.leader;
    context.console.print(json::object{{"leader", std::move(leader)},
                                       {"lease_left_ms", report.lease_left.count()},
                                       {"jobs", std::move(jobs)}});
}

Colour colour_of(ops::JobHealth health) {
    switch (health) {
    case ops::JobHealth::ok:
        return Colour::none;
    case ops::JobHealth::failing:
    case ops::JobHealth::late:
        return Colour::yellow;
    case ops::JobHealth::critical:
        break;
    }
    return Colour::red;
}

void print_table(const Context& context, const JobsReport& report) {
    Table table({"JOB", "STATE", "LAST RUN", "TOOK", "NEXT", "LAG", "ITEMS", "LAST TIME", "RUNS",
                 "FAILED", "WHY"});
    for (const JobStatus& job : report.jobs) {
        const auto health = ops::health_of(job, report.now);
        table.add({job.job, std::string(ops::to_string(health)), relative(job.finished, report.now),
                   fmt::format("{} ms", Millis(job.finished - job.started).count()),
                   relative(job.next_due, report.now), span(ops::lag_of(job, report.now)),
                   fmt::format("{}", job.removed), fmt::format("{}", job.removed_last),
                   fmt::format("{}", job.runs), fmt::format("{}", job.failures), job.detail},
                  colour_of(health));
    }
    if (table.empty()) context.console.print("No job has run yet.");
    if (!table.empty()) context.console.print(table);
    if (!report.leader.empty())
        context.console.print(fmt::format("Done by {}.", model::visible(report.leader)),
                              Colour::dim);
}

ExitCode jobs(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto report = manager->jobs();
    if (!report) return context.console.fail(report.error());
    if (context.console.json)
        print_json(context, *report);
    else
        print_table(context, *report);
    if (report->leader.empty()) {
        context.console.warn(
            "nobody does the background work now: start `vedfolnir serve`, or an application with VEDFOLNIR_JOBS=true");
    }
    const bool critical = std::ranges::any_of(report->jobs, [&](const JobStatus& job) {
        return ops::health_of(job, report->now) == ops::JobHealth::critical;
    });
    return critical ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

void add_jobs(CLI::App& app, Chosen& chosen) {
    auto* command = app.add_subcommand(
        "jobs", "Background work: who does it, what it did, whether it keeps up");
    command->callback(
        [&chosen] { chosen.action = [](Context& context) { return jobs(context); }; });
}

}  // namespace vedfolnir::cli
