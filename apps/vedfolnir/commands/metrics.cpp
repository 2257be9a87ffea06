// vedfolnir metrics: what the stores and this host's disk say, for Prometheus or as JSON.
#include "commands/commands.hpp"
#include "compose/overview.hpp"

#include <memory>

namespace vedfolnir::cli {
namespace {

/// The text without the end of its last line, which the console writes.
void print_text(const Context& context, std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    context.console.print(text);
}

ExitCode metrics(const Context& context, bool reference) {
    if (reference) {
        print_text(context, ops::metrics_reference());
        return ExitCode::ok;
    }
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto sources = compose::look_around(*manager);
    print_text(context,
               context.console.json ? ops::metrics_json(sources) : ops::metrics_text(sources));
    const bool redis = sources.stores->redis_up.value_or(true);
    const bool sql = sources.stores->sql_up.value_or(true);
    if (!redis) context.console.warn("Redis does not answer: its metrics are missing");
    if (!sql) context.console.warn("SQL does not answer: its metrics are missing");
    return redis && sql ? ExitCode::ok : ExitCode::unavailable;
}

}  // namespace

void add_metrics(CLI::App& app, Chosen& chosen) {
    auto reference = std::make_shared<bool>(false);
    auto* command = app.add_subcommand(
        "metrics", "Metrics of the stores and of this host, in the text format of Prometheus");
    command->add_flag("--reference", *reference, "All metrics and what they mean, as Markdown");
    command->callback([&chosen, reference] {
        chosen.action = [reference](Context& context) { return metrics(context, *reference); };
    });
}

}  // namespace vedfolnir::cli
