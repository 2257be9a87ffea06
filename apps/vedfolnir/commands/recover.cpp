// vedfolnir recover: sessions from SQL back into a Redis that lost them.
#include "compose/recover.hpp"

#include "commands/commands.hpp"
#include "compose/state_dir.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

struct Arguments {
    bool dry_run = false;
    bool report = false;
    std::uint32_t rate = 0;
};

/// One line that is written over, on a terminal only.
class Progress {
public:
    void show(const compose::RecoverReport& report) {
        if (!on_) return;
        fmt::print(stderr, "\r{} copies, {} restored", report.seen, report.restored);
        std::fflush(stderr);
        shown_ = true;
    }
    ~Progress() {
        if (shown_) fmt::print(stderr, "\n");
    }
    Progress() = default;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

private:
    bool on_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
};

void print(const Context& context, json::object report, bool dry_run) {
    report["dry_run"] = dry_run;
    if (context.console.json) {
        context.console.print(report);
        return;
    }
    const auto number = [&](const char* name) {
        return report.at(name).to_number<std::uint64_t>();
    };
    context.console.print(
        fmt::format("{} copies in SQL: {} {}, {} stood in Redis, {} ended, {} expired, "
                    "{} refused.",
                    number("seen"), number("restored"), dry_run ? "would be restored" : "restored",
                    number("present"), number("ended"), number("expired"), number("refused")));
}

ExitCode last_report(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto jobs = manager->jobs();
    if (!jobs) return context.console.fail(jobs.error());
    const auto found = std::ranges::find(jobs->jobs, "recover", &JobStatus::job);
    boost::system::error_code bad;
    const auto report = found == jobs->jobs.end() ? json::value() : json::parse(found->detail, bad);
    if (!report.is_object()) {
        return context.console.fail(ExitCode::failed, "not_found", "nothing was recovered yet",
                                    "vedfolnir recover --dry-run shows what would be");
    }
    if (!context.console.json)
        context.console.print(fmt::format("{}, {}:", utc(found->finished), found->outcome));
    print(context, report.as_object(), false);
    return ExitCode::ok;
}

ExitCode recover(const Context& context, const Arguments& arguments) {
    if (arguments.report) return last_report(context);
    ExitCode code{};
    auto settings = context.valid_settings(code);
    if (!settings) return code;
    if (const auto completed = compose::complete(settings->options); !completed)
        return context.console.fail(completed.error());
    Progress progress;
    compose::RecoverOptions wanted{.dry_run = arguments.dry_run, .per_second = arguments.rate};
    wanted.progress = [&progress](const compose::RecoverReport& report) { progress.show(report); };
    const auto report = compose::recover(settings->options, wanted);
    if (!report) return context.console.fail(report.error());
    print(context, json::parse(report->json()).as_object(), arguments.dry_run);
    return ExitCode::ok;
}

}  // namespace

void add_recover(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<Arguments>();
    auto* command = app.add_subcommand(
        "recover", "Put the sessions that SQL holds back into a Redis that lost them");
    command->add_flag("--dry-run", arguments->dry_run, "Only say what would be restored");
    command->add_flag("--report", arguments->report, "What the last recovery did");
    command->add_option("--rate", arguments->rate, "At most this many copies a second")
        ->type_name("N");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return recover(context, *arguments); };
    });
}

}  // namespace vedfolnir::cli
