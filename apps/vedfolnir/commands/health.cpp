// vedfolnir health: whether stores, sessions and background work are within their limits now.
#include "ops/health.hpp"

#include "commands/commands.hpp"
#include "compose/overview.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

json::value number(const std::optional<double>& value) {
    if (!value) return nullptr;
    return *value;
}

void print_json(const Context& context, const std::vector<ops::HealthCheck>& checks,
                TimePoint now) {
    json::array all;
    for (const auto& check : checks)
        all.push_back(json::object{{"id", check.id},
                                   {"status", ops::to_string(check.status)},
                                   {"message", check.message},
                                   {"value", number(check.value)},
                                   {"warn", number(check.warn)},
                                   {"critical", number(check.critical)}});
    context.console.print(json::object{{"status", ops::to_string(ops::overall(checks))},
                                       {"at", utc(now)},
                                       {"checks", std::move(all)}});
}

Colour colour_of(ops::HealthStatus status) {
    switch (status) {
    case ops::HealthStatus::healthy:
        return Colour::green;
    case ops::HealthStatus::warn:
    case ops::HealthStatus::unknown:
        return Colour::yellow;
    case ops::HealthStatus::critical:
        break;
    }
    return Colour::red;
}

void print_table(const Context& context, const std::vector<ops::HealthCheck>& checks) {
    Table table({"CHECK", "STATUS", "WHAT"});
    for (const auto& check : checks)
        table.add({check.id, std::string(ops::to_string(check.status)), check.message},
                  colour_of(check.status));
    context.console.print(table);
    const auto all = ops::overall(checks);
    context.console.print("Overall: " + std::string(ops::to_string(all)), colour_of(all));
}

ExitCode health(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto sources = compose::look_around(*manager);
    const auto checks = ops::assess(sources, manager->options().health);
    if (context.console.json)
        print_json(context, checks, sources.now);
    else
        print_table(context, checks);
    if (!sources.stores->redis_up.value_or(true) || !sources.stores->sql_up.value_or(true))
        return ExitCode::unavailable;
    return ops::overall(checks) == ops::HealthStatus::critical ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

void add_health(CLI::App& app, Chosen& chosen) {
    auto* command = app.add_subcommand(
        "health", "Whether stores, sessions and background work are within their limits now");
    command->callback(
        [&chosen] { chosen.action = [](Context& context) { return health(context); }; });
}

}  // namespace vedfolnir::cli
