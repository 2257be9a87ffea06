// vedfolnir fallback on | off | auto | status
#include "commands/commands.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <optional>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

/// The last return to Redis, as the audit trail tells it.
std::optional<AuditEntry> last_return(const SessionManager& manager) {
    AuditFilter filter;
    filter.type = "fallback.ended";
    filter.limit = 1;
    auto entries = manager.audit(filter);
    if (!entries || entries->empty()) return std::nullopt;
    return std::move(entries->front());
}

json::value parsed(const std::string& text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    return failed ? json::value(json::string(text)) : value;
}

void print(const Context& context, const FallbackState& state,
           const std::optional<AuditEntry>& last) {
    const bool ever = state.changed != TimePoint{};
    if (context.console.json) {
        json::object out{{"mode", to_string(state.mode)}, {"changed_at", nullptr},
                         {"changed_by", nullptr},         {"records_ahead", state.ahead},
                         {"endings_held", state.held},    {"last_return", nullptr}};
        if (ever) {
            out["changed_at"] = utc(state.changed);
            out["changed_by"] = state.actor;
        }
        if (last)
            out["last_return"] =
                json::object{{"at", utc(last->at)}, {"report", parsed(last->detail)}};
        context.console.print(out);
        return;
    }
    Table table({"WHAT", "VALUE"});
    table.add({"mode", std::string(to_string(state.mode))});
    if (ever) table.add({"changed", utc(state.changed) + " by " + state.actor});
    table.add({"records that Redis was not told yet", fmt::format("{}", state.ahead)});
    table.add({"endings that Redis did not take at once", fmt::format("{}", state.held)});
    if (last) table.add({"last return to Redis", utc(last->at) + " " + last->detail});
    context.console.print(table);
}

ExitCode status(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto found = manager->fallback_status();
    if (!found) return context.console.fail(found.error());
    print(context, found->state, last_return(*manager));
    return ExitCode::ok;
}

ExitCode set(const Context& context, FallbackMode mode) {
    ExitCode code{};
    const auto manager = context.open_manager(code);
    if (!manager) return code;
    const auto done = manager->set_fallback(mode, operator_name());
    if (!done) return context.console.fail(done.error());
    print(context, done->state, std::nullopt);
    return ExitCode::ok;
}

}  // namespace

void add_fallback(CLI::App& app, Chosen& chosen) {
    auto* fallback = app.add_subcommand("fallback", "The database in place of Redis");
    fallback->require_subcommand(1);
    const auto add = [&](const char* name, const char* about, const Action& action) {
        fallback->add_subcommand(name, about)->callback([&chosen, action] {
            chosen.action = action;
        });
    };
    add("status", "How it is switched, and what Redis was not told yet", status);
    add("auto", "The database takes over what Redis cannot do, for as long as it cannot",
        [](Context& context) { return set(context, FallbackMode::automatic); });
    add("on", "Leave Redis alone: all processes go to the database within a second",
        [](Context& context) { return set(context, FallbackMode::on); });
    add("off", "The database never takes over",
        [](Context& context) { return set(context, FallbackMode::off); });
}

}  // namespace vedfolnir::cli
