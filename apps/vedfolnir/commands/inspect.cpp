// vedfolnir inspect HANDLE: one session with its data, decrypted; the look itself is audited.
#include "commands/commands.hpp"
#include "commands/session_view.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

// The payload's human form; an unreadable one is shown as absent, never as text.
json::value payload_of(const Inspection& inspection) {
    if (inspection.payload_json.empty()) return nullptr;
    boost::system::error_code failed;
    auto parsed = json::parse(inspection.payload_json, failed);
    return failed ? json::value(nullptr) : parsed;
}

void print_payload(const Context& context, const json::value& payload) {
    if (!payload.is_object()) {
        context.console.print(
            "No data: no live record stands in the hot store, or the key ring does not open it.");
        return;
    }
    Table table({"KEY", "VALUE"});
    for (const auto& [key, value] : payload.get_object())
        table.add({std::string(key), json::serialize(value)});
    if (table.empty()) {
        context.console.print("The session holds no application data.");
        return;
    }
    context.console.print(table);
}

ExitCode inspect(const Context& context, const std::string& handle) {
    if (!Handle::parse(handle)) {
        return context.console.fail(ExitCode::usage, "usage", "a handle is 32 hexadecimal digits",
                                    "vedfolnir sessions list shows the handles");
    }
    ExitCode code{};
    const auto manager = context.open_existing(code);
    // It is an event of the trail.
    if (!manager || !context.may_write(manager->options(), code)) return code;
    const auto found = manager->inspect(handle, operator_name());
    if (!found) return context.console.fail(found.error());
    if (!*found) {
        return context.console.fail(ExitCode::failed, "not_found",
                                    "no session has this handle (anonymous sessions have none)",
                                    "vedfolnir sessions list shows the handles");
    }
    const auto& inspection = **found;
    const auto payload = payload_of(inspection);
    if (context.console.json) {
        json::object out{{"session", session_json(inspection.info)},
                         {"store_key", inspection.store_key},
                         {"key_id", inspection.key_id},
                         {"epoch", inspection.epoch},
                         {"data", payload}};
        context.console.print(out);
        return ExitCode::ok;
    }
    context.console.print(session_details(inspection.info, wall_clock_now()));
    Table storage({"", ""});
    storage.add({"store key", inspection.store_key});
    storage.add({"key id", fmt::format("{}", inspection.key_id)});
    storage.add({"user epoch", fmt::format("{}", inspection.epoch)});
    context.console.print(storage);
    context.console.print("");
    print_payload(context, payload);
    return ExitCode::ok;
}

}  // namespace

void add_inspect(CLI::App& app, Chosen& chosen) {
    auto handle = std::make_shared<std::string>();
    auto* command =
        app.add_subcommand("inspect", "One session with its data, secrets masked; audited");
    command->add_option("HANDLE", *handle, "The session's handle")->required();
    command->callback([&chosen, handle] {
        chosen.action = [handle](Context& context) { return inspect(context, *handle); };
    });
}

}  // namespace vedfolnir::cli
