// vedfolnir audit archive | hold | release | export | erase
#include "commands/audit_keep.hpp"

#include "commands/audit_view.hpp"
#include "compose/audit_desk.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;
using compose::AuditDesk;

struct ArchiveArguments {
    std::string before;
    std::string file;
};

struct HoldArguments {
    std::uint64_t partition = 0;
    std::string reason;
};

struct ExportArguments {
    std::string since;
    std::string until;
    std::string format = "jsonl";
    std::string archive;
};

struct EraseArguments {
    std::string user;
};

std::unique_ptr<AuditDesk> open_desk(const Context& context, ExitCode& code) {
    const auto settings = context.existing_settings(code);
    if (!settings) return nullptr;
    auto desk = AuditDesk::open(*settings);
    if (desk) return std::move(*desk);
    code = context.console.fail(desk.error());
    return nullptr;
}

json::array numbers(const std::vector<std::uint64_t>& values) {
    return json::array(values.begin(), values.end());
}

ExitCode archive(const Context& context, const ArchiveArguments& arguments) {
    const auto before = parse_time(arguments.before, wall_clock_now());
    if (!before) return wrong_time(context, arguments.before);
    ExitCode code{};
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    const auto report =
        desk->archive(*before, arguments.file, operator_name(), progress_on_stderr());
    if (!report) return context.console.fail(report.error());
    if (context.console.json) {
        context.console.print(json::object{{"archived", numbers(report->partitions)},
                                           {"held", numbers(report->held)},
                                           {"entries", report->entries}});
        return ExitCode::ok;
    }
    for (const auto partition : report->held)
        context.console.warn(fmt::format("partition {} is held and stays", partition));
    context.console.print(report->partitions.empty()
                              ? std::string("Nothing to archive.")
                              : fmt::format("Archived {} entries of the partitions {} in {}.",
                                            report->entries, fmt::join(report->partitions, ", "),
                                            arguments.file));
    return ExitCode::ok;
}

ExitCode hold(const Context& context, const HoldArguments& arguments) {
    ExitCode code{};
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    const auto done = desk->hold(arguments.partition, arguments.reason, operator_name());
    if (!done) return context.console.fail(done.error());
    if (!*done)
        return context.console.fail(ExitCode::failed, "not_found",
                                    fmt::format("partition {} is not held", arguments.partition));
    if (context.console.json) {
        context.console.print(json::object{{"partition", arguments.partition},
                                           {"held", !arguments.reason.empty()}});
    } else {
        context.console.print(fmt::format("Partition {} {}.", arguments.partition,
                                          arguments.reason.empty() ? "may go" : "stays"));
    }
    return ExitCode::ok;
}

/// A cell that a spreadsheet takes for nothing but text (C35), quoted as RFC 4180 has it.
std::string csv_cell(std::string_view text) {
    std::string cell = "\"";
    if (!text.empty() && std::string_view("=+-@\t\r\n").find(text.front()) != std::string_view::npos)
        cell += '\'';
    for (const char c : text) {
        if (c == '"') cell += '"';
        cell += c;
    }
    return cell += '"';
}

std::string csv_line(const async::AuditEvent& event) {
    const std::array<std::string, 7> cells{fmt::format("{}", event.id),
                                           utc(event.at),
                                           event.type,
                                           event.handle ? event.handle->text() : "",
                                           event.user_id,
                                           event.actor,
                                           event.detail};
    std::string line;
    for (const auto& cell : cells) line += (line.empty() ? "" : ",") + csv_cell(cell);
    return line;
}

ExitCode export_events(const Context& context, const ExportArguments& arguments) {
    const auto now = wall_clock_now();
    std::optional<TimePoint> since;
    std::optional<TimePoint> until;
    for (const auto& [text, into] : {std::pair{&arguments.since, &since}, {&arguments.until, &until}}) {
        if (text->empty()) continue;
        *into = parse_time(*text, now);
        if (!*into) return wrong_time(context, *text);
    }
    ExitCode code{};
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    const bool csv = arguments.format == "csv";
    if (csv) context.console.print("\"id\",\"at\",\"type\",\"handle\",\"user_id\",\"actor\",\"detail\"");
    const auto print = [&](const async::AuditEvent& event) {
        if ((since && event.at < *since) || (until && event.at >= *until)) return true;
        context.console.print(csv ? csv_line(event) : json::serialize(event_json(event)));
        return context.console.flush();
    };
    const auto done = arguments.archive.empty() ? desk->each_event(print)
                                                : desk->each_event_of(arguments.archive, print);
    return done ? ExitCode::ok : context.console.fail(done.error());
}

ExitCode erase(const Context& context, const EraseArguments& arguments) {
    ExitCode code{};
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    const auto receipt = desk->erase(arguments.user, operator_name());
    if (!receipt) return context.console.fail(receipt.error());
    if (context.console.json) {
        context.console.print(json::object{{"subject", receipt->subject},
                                           {"erased", receipt->had_key},
                                           {"entries", receipt->entries},
                                           {"at", utc(wall_clock_now())}});
    } else if (receipt->had_key) {
        context.console.print(fmt::format("{} UTC: the key of subject {} is deleted; what {} entries say "
                                          "of that person cannot be read any more.",
                                          utc(wall_clock_now()), receipt->subject, receipt->entries));
    } else {
        context.console.print(fmt::format("Subject {} has no key: nothing is left to erase.", receipt->subject));
    }
    return ExitCode::ok;
}

template <class Arguments>
CLI::App* add(CLI::App& audit, Chosen& chosen, const char* name, const char* about,
              std::shared_ptr<Arguments> arguments,
              ExitCode (*run)(const Context&, const Arguments&)) {
    auto* command = audit.add_subcommand(name, about);
    command->callback([&chosen, arguments, run] {
        chosen.action = [arguments, run](Context& context) { return run(context, *arguments); };
    });
    return command;
}

}  // namespace

void add_audit_keep(CLI::App& audit, Chosen& chosen) {
    auto archiving = std::make_shared<ArchiveArguments>();
    auto* command = add(audit, chosen, "archive",
                        "Move whole months into a file that reads back and verifies", archiving, archive);
    command->add_option("--before", archiving->before, "Months that ended before this UTC time or age")
        ->required()
        ->check(named());
    command->add_option("FILE", archiving->file, "A new file")->required()->check(named());

    auto holding = std::make_shared<HoldArguments>();
    command = add(audit, chosen, "hold", "Keep a month whatever its age", holding, hold);
    command->add_option("PARTITION", holding->partition, "The month, as 202601")->required();
    command->add_option("--reason", holding->reason, "Why")->required()->check(named());
    auto releasing = std::make_shared<HoldArguments>();
    command = add(audit, chosen, "release", "End a hold", releasing, hold);
    command->add_option("PARTITION", releasing->partition, "The month, as 202601")->required();

    auto exporting = std::make_shared<ExportArguments>();
    command = add(audit, chosen, "export", "All events on stdout, oldest first", exporting, export_events);
    command->add_option("--since", exporting->since, "Not older than this UTC time or age")->check(named());
    command->add_option("--until", exporting->until, "Not younger than this UTC time or age")->check(named());
    command->add_option("--format", exporting->format, "jsonl or csv")->check(CLI::IsMember({"jsonl", "csv"}));
    command->add_option("--archive", exporting->archive, "Those of an archive")->type_name("FILE")->check(named());

    auto erasing = std::make_shared<EraseArguments>();
    command = add(audit, chosen, "erase", "Make unreadable for ever what the trail says of a user", erasing, erase);
    command->add_option("--user", erasing->user, "User id")->required()->check(named());
}

}  // namespace vedfolnir::cli
