// vedfolnir audit export | archive
#include "commands/audit_keep.hpp"

#include "commands/audit_view.hpp"
#include "compose/files.hpp"
#include "model/hex.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

struct ExportArguments {
    EventArguments events;
    std::string output;
};

struct ArchiveArguments {
    std::string to;
};

json::value text_or_null(std::string text) {
    if (text.empty()) return nullptr;
    return json::string(text);
}

/// All that its leaf is made of, and what it says.
json::object exported_json(const compose::ExportedEntry& exported) {
    const auto& entry = exported.stored.entry;
    json::object out{{"id", entry.position.id},       {"partition", entry.position.partition},
                     {"index", entry.position.index}, {"at", utc(exported.event.at)},
                     {"at_ms", entry.at_ms},          {"type", entry.type}};
    out["handle"] = text_or_null(entry.handle ? entry.handle->text() : "");
    out["operation"] = text_or_null(entry.operation ? model::hex_encode(*entry.operation) : "");
    out["part"] = entry.operation_part;
    out["subject"] = model::hex_encode(entry.subject.bytes);
    out["commitment"] = model::hex_encode(entry.commitment);
    out["leaf"] = model::hex_encode(exported.stored.leaf);
    out["user_id"] = text_or_null(exported.event.user_id);
    out["actor"] = exported.event.actor;
    out["detail"] = detail_json(exported.event.detail);
    return out;
}

Result<void> put_on_stdout(std::string_view line) {
    if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size()) return {};
    return Error{Errc::bad_options, "what is exported cannot be written to standard output"};
}

/// Standard output holds nothing but the lines.
ExitCode exported(const Context& context, std::uint64_t entries, const std::string& output) {
    if (output.empty()) return ExitCode::ok;
    if (context.console.json)
        context.console.print(json::object{{"file", output}, {"entries", entries}});
    else
        context.console.print(fmt::format("{} entries are in {}.", entries, output));
    return ExitCode::ok;
}

ExitCode export_events(const Context& context, const ExportArguments& arguments) {
    ExitCode code{};
    const auto filter =
        event_filter(context, arguments.events, code, "vedfolnir audit export --help");
    if (!filter) return code;
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    std::unique_ptr<compose::NewFile> file;
    if (!arguments.output.empty()) {
        auto made = compose::NewFile::create(arguments.output);
        if (!made)
            return context.console.fail(made.error(), "name a new file in a folder that is there");
        file = std::move(*made);
    }
    const auto entries = desk->export_entries(
        *filter,
        [&](const compose::ExportedEntry& entry) {
            const auto line = json::serialize(exported_json(entry)) + "\n";
            return file ? file->write(line) : put_on_stdout(line);
        },
        progress_on_stderr());
    if (!entries) return context.console.fail(entries.error());
    if (file) {
        if (const auto done = file->publish(); !done) return context.console.fail(done.error());
    }
    return exported(context, *entries, arguments.output);
}

json::object made_json(const compose::ArchiveReport::Made& made) {
    return {{"partition", made.partition}, {"entries", made.entries}, {"file", made.file}};
}

void print(const Context& context, const compose::ArchiveReport& report) {
    if (context.console.json) {
        json::array made;
        for (const auto& archive : report.made) made.push_back(made_json(archive));
        context.console.print(json::object{
            {"archived", std::move(made)},
            {"there", json::array(report.there.begin(), report.there.end())},
            {"uncovered", json::array(report.uncovered.begin(), report.uncovered.end())}});
        return;
    }
    for (const auto& archive : report.made)
        context.console.print(fmt::format("{} entries of partition {} are in {}.", archive.entries,
                                          archive.partition, archive.file));
    if (report.made.empty()) context.console.print("Nothing to archive.");
    for (const auto partition : report.uncovered)
        context.console.warn(fmt::format("no signed head covers partition {} in its full size, so "
                                         "it was not archived: vedfolnir audit head --sign",
                                         partition));
}

/// Fails where something that is over could not be archived: a timer should hear of it.
ExitCode archive(const Context& context, const ArchiveArguments& arguments) {
    ExitCode code{};
    const auto desk = open_desk_to_write(context, code);
    if (!desk) return code;
    const auto report = desk->archive(arguments.to, operator_name(), progress_on_stderr());
    if (!report && report.error().code == Errc::bad_options)
        return context.console.fail(report.error(), "vedfolnir audit archive --help");
    if (!report) return context.console.fail(report.error());
    print(context, *report);
    return report->uncovered.empty() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_audit_keep(CLI::App& audit, Chosen& chosen) {
    auto exporting = std::make_shared<ExportArguments>();
    auto* command = audit.add_subcommand(
        "export", "Events as lines of JSON, oldest first, with what proves them");
    add_event_options(*command, exporting->events);
    command->add_option("--output", exporting->output, "A new file, instead of standard output")
        ->type_name("FILE")
        ->check(named());
    command->callback([&chosen, exporting] {
        chosen.action = [exporting](Context& context) {
            return export_events(context, *exporting);
        };
    });
    auto archiving = std::make_shared<ArchiveArguments>();
    command = audit.add_subcommand("archive",
                                   "Copy months that are over into files that prove themselves");
    command
        ->add_option("--to", archiving->to, "The folder; without it, VEDFOLNIR_AUDIT_ARCHIVE_DIR")
        ->type_name("FOLDER")
        ->check(named());
    command->callback([&chosen, archiving] {
        chosen.action = [archiving](Context& context) { return archive(context, *archiving); };
    });
}

}  // namespace vedfolnir::cli
