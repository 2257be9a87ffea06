// vedfolnir journal status
#include "commands/commands.hpp"
#include "compose/state_dir.hpp"
#include "journal/file_journal.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace vedfolnir::cli {
namespace {

std::string_view word(journal::Tail tail) {
    switch (tail) {
    case journal::Tail::clean:
        return "clean";
    case journal::Tail::torn:
        return "torn";
    case journal::Tail::damaged:
        return "damaged";
    }
    return "damaged";
}

void print_json(const Context& context, const std::string& folder, const journal::Status& status) {
    boost::json::array aside;
    for (const auto& path : status.aside) aside.emplace_back(path);
    boost::json::object report{{"folder", folder},
                               {"entries", status.entries},
                               {"bytes", status.bytes},
                               {"state", word(status.tail)},
                               {"aside", std::move(aside)}};
    report["oldest"] = status.oldest ? boost::json::value(utc(*status.oldest)) : nullptr;
    if (status.tail != journal::Tail::clean) report["offset"] = status.damage_at;
    context.console.print(report);
}

void print_text(const Context& context, const std::string& folder, const journal::Status& status) {
    context.console.print(status.entries == 0
                              ? fmt::format("Nothing waits for SQL in {}.", folder)
                              : fmt::format("{} entries ({} bytes) wait for SQL in {}, since {}.",
                                            status.entries, status.bytes, folder,
                                            status.oldest ? utc(*status.oldest) : "?"));
    if (status.tail == journal::Tail::torn)
        context.console.print(fmt::format(
            "The last entry, at offset {}, is not whole: it is being written, or its writer died.",
            status.damage_at));
    if (status.tail == journal::Tail::damaged)
        context.console.print(fmt::format("Damaged at offset {}.", status.damage_at));
    for (const auto& path : status.aside)
        context.console.print(fmt::format("Kept aside, not replayed: {}", path));
}

ExitCode status_of(const Context& context) {
    ExitCode code{};
    const auto settings = context.read_settings(code);
    if (!settings) return code;
    const auto state_dir = compose::state_dir_of(settings->options.state_dir);
    if (!state_dir) return context.console.fail(state_dir.error());
    const auto folder = journal::folder_of(*state_dir);
    const auto status = journal::look(folder);
    if (!status) return context.console.fail(status.error());
    if (context.console.json) {
        print_json(context, folder, *status);
    } else {
        print_text(context, folder, *status);
    }
    const bool sound = status->tail != journal::Tail::damaged && status->aside.empty();
    return sound ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_journal(CLI::App& app, Chosen& chosen) {
    auto* journal = app.add_subcommand("journal", "What waits for SQL on this host's disk");
    journal->require_subcommand(1);
    journal->add_subcommand("status", "How much waits, since when, and whether the file is sound")
        ->callback(
            [&chosen] { chosen.action = [](Context& context) { return status_of(context); }; });
}

}  // namespace vedfolnir::cli
