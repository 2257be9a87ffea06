// vedfolnir fsck: whether Redis and SQL fit together, and putting right what does not.
#include "compose/fsck.hpp"

#include "commands/commands.hpp"
#include "compose/state_dir.hpp"
#include "model/visible.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

void print_json(const Context& context, const ops::FsckReport& report, bool repair) {
    json::object found;
    for (const auto& [defect, count] : report.found) found[ops::to_string(defect)] = count;
    json::array findings;
    for (const ops::Finding& finding : report.findings) {
        findings.push_back(json::object{{"defect", ops::to_string(finding.defect)},
                                        {"where", finding.where},
                                        {"repaired", finding.repaired}});
    }
    context.console.print(json::object{{"keys", report.keys},
                                       {"records", report.records},
                                       {"rows", report.rows},
                                       {"copies", report.copies},
                                       {"defects", report.defects},
                                       {"repaired", report.repaired},
                                       {"found", std::move(found)},
                                       {"findings", std::move(findings)},
                                       {"key_ring_doubtful", report.key_ring_doubtful},
                                       {"repair", repair}});
}

void print_table(const Context& context, const ops::FsckReport& report, bool repair) {
    context.console.print(fmt::format("Looked at {} keys with {} records, {} open rows, {} copies.",
                                      report.keys, report.records, report.rows, report.copies));
    if (report.defects == 0) {
        context.console.print("Nothing is wrong.", Colour::green);
        return;
    }
    Table table({"DEFECT", "COUNT", "WHAT IT IS"});
    for (const auto& [defect, count] : report.found)
        table.add({std::string(ops::to_string(defect)), fmt::format("{}", count),
                   std::string(ops::explain(defect))},
                  Colour::yellow);
    context.console.print(table);
    for (const ops::Finding& finding : report.findings)
        context.console.print(fmt::format("{} {}{}", ops::to_string(finding.defect),
                                          model::visible(finding.where),
                                          finding.repaired ? " (repaired)" : ""),
                              Colour::dim);
    context.console.print(repair
                              ? fmt::format("Repaired {} of {}.", report.repaired, report.defects)
                              : std::string("Nothing was changed: --repair puts it right."));
}

/// The application's user may not look at all keys.
ExitCode refused(const Context& context, const Error& error) {
    if (error.detail.find("NOPERM") == std::string::npos) return context.console.fail(error);
    return context.console.fail(
        error,
        "set REDIS_URL to a Redis user who may SCAN, such as vedfolnir-operator of deploy/redis");
}

ExitCode fsck(const Context& context, bool repair) {
    ExitCode code{};
    auto settings = context.existing_settings(code);
    if (!settings) return code;
    if (const auto completed = compose::complete(settings->options); !completed)
        return context.console.fail(completed.error());
    if (repair && !context.may_write(settings->options, code)) return code;
    compose::FsckOptions wanted{.repair = repair, .actor = operator_name()};
    wanted.progress = [due = every_two_seconds()](std::uint64_t seen, std::string_view of_what) {
        if (due()) fmt::print(stderr, "{} {}\n", seen, of_what);
    };
    const auto report = compose::fsck(settings->options, wanted);
    if (!report) return refused(context, report.error());
    if (context.console.json)
        print_json(context, *report, repair);
    else
        print_table(context, *report, repair);
    if (report->key_ring_doubtful) {
        context.console.warn(
            "more records do not open than do: is VEDFOLNIR_KEY the application's? None of them was removed");
    }
    if (!report->untold.empty())
        context.console.warn("the audit trail does not tell of this run: " + report->untold);
    return report->clean() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_fsck(CLI::App& app, Chosen& chosen) {
    auto repair = std::make_shared<bool>(false);
    auto* command = app.add_subcommand(
        "fsck", "Whether Redis and SQL fit together; needs a Redis user who may SCAN");
    command->add_flag("--repair", *repair, "Put right what can be");
    command->callback([&chosen, repair] {
        chosen.action = [repair](Context& context) { return fsck(context, *repair); };
    });
}

}  // namespace vedfolnir::cli
