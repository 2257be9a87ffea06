// vedfolnir audit list
#include "commands/audit_keep.hpp"
#include "commands/audit_proof.hpp"
#include "commands/audit_view.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

constexpr std::uint32_t page_max = 1000;
constexpr std::size_t name_columns_max = 40;

struct Arguments {
    EventArguments events;
    std::string trace;
    std::uint32_t limit = 100;
    std::uint64_t before = 0;
};

ExitCode wrong(const Context& context, std::string_view text) {
    return context.console.fail(ExitCode::usage, "usage", text, "vedfolnir audit list --help");
}

json::object entry_json(const AuditEntry& entry) {
    json::object out{{"id", entry.id},    {"at", utc(entry.at)}, {"type", entry.type},
                     {"handle", nullptr}, {"user_id", nullptr},  {"actor", entry.actor},
                     {"detail", nullptr}};
    if (entry.handle) out["handle"] = entry.handle->text();
    if (!entry.user_id.empty()) out["user_id"] = entry.user_id;
    out["detail"] = detail_json(entry.detail);
    return out;
}

void print(const Context& context, const Arguments& arguments,
           const std::vector<AuditEntry>& entries) {
    const bool more = entries.size() == arguments.limit;
    if (context.console.json) {
        json::array items;
        for (const auto& entry : entries) items.push_back(entry_json(entry));
        json::value next;
        if (more) next = entries.back().id;
        context.console.print(
            json::object{{"events", std::move(items)}, {"next_before", std::move(next)}});
        return;
    }
    if (entries.empty()) {
        context.console.print("No events.");
        if (!arguments.events.type.empty())
            context.console.print("The types that there are: docs/reference/audit_events.md",
                                  Colour::dim);
        return;
    }
    Table table({"ID", "AT", "TYPE", "USER", "HANDLE", "ACTOR", "DETAIL"});
    for (const auto& entry : entries) {
        table.add(
            {fmt::format("{}", entry.id), utc(entry.at), entry.type,
             shortened(entry.user_id, name_columns_max), entry.handle ? entry.handle->text() : "",
             shortened(entry.actor, name_columns_max), entry.detail == "{}" ? "" : entry.detail});
    }
    context.console.print(table);
    if (more)
        context.console.print(fmt::format("Older: --before {}", entries.back().id), Colour::dim);
}

ExitCode list(const Context& context, const Arguments& arguments) {
    ExitCode code{};
    auto filter = event_filter(context, arguments.events, code, "vedfolnir audit list --help");
    if (!filter) return code;
    filter->limit = arguments.limit;
    filter->before_id = arguments.before;
    if (!arguments.trace.empty()) {
        filter->trace = TraceId::parse(arguments.trace);
        if (!filter->trace)
            return wrong(context,
                         "a trace id is 32 lower-case hexadecimal digits, not all of them 0");
    }
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto entries = manager->audit(*filter);
    if (!entries) return context.console.fail(entries.error());
    print(context, arguments, *entries);
    return ExitCode::ok;
}

}  // namespace

void add_audit(CLI::App& app, Chosen& chosen) {
    auto* audit = app.add_subcommand("audit", "The audit trail");
    audit->require_subcommand(1);
    auto arguments = std::make_shared<Arguments>();
    auto* command = audit->add_subcommand("list", "Events, newest first");
    add_event_options(*command, arguments->events);
    command
        ->add_option("--trace", arguments->trace, "Only events of the request with this trace id")
        ->type_name("ID")
        ->check(named());
    command->add_option("--limit", arguments->limit, "At most this many (up to 1000)")
        ->check(CLI::Range(1U, page_max));
    command->add_option("--before", arguments->before, "Continue below this event id")
        ->type_name("ID");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return list(context, *arguments); };
    });
    add_audit_proof(*audit, chosen);
    add_audit_keep(*audit, chosen);
    add_audit_hold(*audit, chosen);
}

}  // namespace vedfolnir::cli
