// vedfolnir recover: sessions from SQL back into a Redis that lost them.
#include "compose/recover.hpp"

#include "commands/commands.hpp"
#include "compose/state_dir.hpp"
#include "process.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <unistd.h>
#include <utility>

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
    void show(const compose::RecoverReport& report, std::uint64_t all) {
        if (!on_) return;
        fmt::print(stderr, "\r{} of {} copies, {} restored", report.seen, all, report.restored);
        static_cast<void>(std::fflush(stderr));  // only a picture of what is under way
        shown_ = true;
    }
    void end_line() {
        if (std::exchange(shown_, false)) fmt::print(stderr, "\n");
    }
    Progress() = default;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

private:
    bool on_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
};

json::value parsed(const std::string& text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    return failed ? json::value(json::string(text)) : value;
}

void print(const Context& context, const compose::RecoverReport& report, bool dry_run) {
    if (context.console.json) {
        auto out = parsed(report.json()).as_object();
        out["dry_run"] = dry_run;
        out["interrupted"] = report.interrupted;
        context.console.print(out);
        return;
    }
    context.console.print(fmt::format(
        "{} copies in SQL{}: {} {}, {} stood in Redis, {} were newer there, {} ended, {} expired, "
        "{} rejected, {} damaged, {} lost.",
        report.seen, report.interrupted ? " were looked at, not all" : "", report.restored,
        dry_run ? "would be restored" : "restored", report.present, report.conflicting,
        report.ended, report.expired, report.rejected, report.damaged, report.lost));
}

std::optional<AuditEntry> newest(const SessionManager& manager, const char* type) {
    AuditFilter filter;
    filter.type = type;
    filter.limit = 1;
    auto entries = manager.audit(filter);
    if (!entries || entries->empty()) return std::nullopt;
    return std::move(entries->front());
}

/// What came back, and how: by this command, or by itself when Redis returned.
ExitCode last_reports(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    json::object out;
    Table table({"WHAT", "WHEN", "BY", "REPORT"});
    for (const char* type :
         {"recovery.done", "recovery.cut_short", "fallback.ended", "fallback.reconciled"}) {
        const auto entry = newest(*manager, type);
        if (!entry) continue;
        out[type] = json::object{
            {"at", utc(entry->at)}, {"by", entry->actor}, {"report", parsed(entry->detail)}};
        table.add({type, utc(entry->at), entry->actor, entry->detail});
    }
    if (out.empty()) {
        return context.console.fail(ExitCode::failed, "not_found", "nothing was recovered yet",
                                    "vedfolnir recover --dry-run shows what would be");
    }
    if (context.console.json)
        context.console.print(out);
    else
        context.console.print(table);
    return ExitCode::ok;
}

/// Told already. The end is that of the signal, for scripts and whoever else waits for it.
[[noreturn]] void end_interrupted(const Context& context, int signal) {
    context.console.warn(
        "interrupted: what was restored stays; run it again, it restores what is still missing");
    static_cast<void>(context.console.flush());  // nobody is left to be told
    end_by(signal);
}

ExitCode recover(const Context& context, const Arguments& arguments) {
    if (arguments.report) return last_reports(context);
    ExitCode code{};
    auto settings = context.existing_settings(code);
    if (!settings) return code;
    if (const auto completed = compose::complete(settings->options); !completed)
        return context.console.fail(completed.error());
    if (!arguments.dry_run && !context.may_write(settings->options, code)) return code;
    compose::RecoverOptions wanted{.dry_run = arguments.dry_run,
                                   .actor = operator_name(),
                                   .per_second = arguments.rate,
                                   .goes_on = {},
                                   .progress = {}};
    Progress progress;
    wanted.progress = [&progress](const compose::RecoverReport& report, std::uint64_t all) {
        progress.show(report, all);
    };
    // Before any thread starts.
    const Signals signals(ending_signals());
    std::optional<int> signal;
    wanted.goes_on = [&] {
        if (!signal) signal = signals.wait(Millis{0});
        return !signal;
    };
    const auto report = compose::recover(settings->options, wanted);
    progress.end_line();
    if (!report) return context.console.fail(report.error());
    print(context, *report, arguments.dry_run);
    if (signal) end_interrupted(context, *signal);
    return ExitCode::ok;
}

}  // namespace

void add_recover(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<Arguments>();
    auto* command = app.add_subcommand(
        "recover", "Put the sessions that SQL holds back into a Redis that lost them");
    command->add_flag("--dry-run", arguments->dry_run, "Only say what would be restored");
    command->add_flag("--report", arguments->report,
                      "What came back last, by this command or by itself");
    command->add_option("--rate", arguments->rate, "At most this many copies a second")
        ->type_name("N");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return recover(context, *arguments); };
    });
}

}  // namespace vedfolnir::cli
