// vedfolnir bench
#include "compose/bench.hpp"

#include "commands/commands.hpp"
#include "process.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <memory>
#include <utility>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

struct BenchArguments {
    compose::BenchOrder order;
    bool yes = false;
};

std::vector<std::pair<std::string_view, const ops::Distribution*>> operations(
    const ops::Measured& measured) {
    return {{"load", &measured.load},   {"load_near_cache", &measured.near_hit},
            {"save", &measured.save},   {"touch", &measured.touch},
            {"login", &measured.login}, {"end", &measured.end}};
}

json::object distribution_json(const ops::Distribution& of) {
    return {{"count", of.count},
            {"p50_us", of.p50.count()},
            {"p90_us", of.p90.count()},
            {"p99_us", of.p99.count()},
            {"max_us", of.max.count()}};
}

void print_json(const Context& context, const compose::BenchOutcome& outcome,
                const std::vector<std::string>& advice) {
    json::object measured;
    for (const auto& [name, of] : operations(outcome.measured))
        measured[name] = distribution_json(*of);
    context.console.print(json::object{{"operations", std::move(measured)},
                                       {"near_cache", outcome.measured.near_cache},
                                       {"tls", outcome.measured.tls},
                                       {"sessions_made", outcome.made},
                                       {"sessions_ended", outcome.ended},
                                       {"advice", json::array(advice.begin(), advice.end())}});
}

void print_table(const Context& context, const compose::BenchOutcome& outcome,
                 const std::vector<std::string>& advice) {
    Table table({"OPERATION", "COUNT", "P50 µs", "P90 µs", "P99 µs", "MAX µs"});
    const auto cell = [](ops::Microseconds time) { return fmt::format("{:.1f}", time.count()); };
    for (const auto& [name, of] : operations(outcome.measured)) {
        if (of->count == 0) continue;
        table.add({std::string(name), std::to_string(of->count), cell(of->p50), cell(of->p90),
                   cell(of->p99), cell(of->max)});
    }
    context.console.print(table);
    for (const auto& line : advice) context.console.print(line);
}

ExitCode bench(const Context& context, const BenchArguments& arguments) {
    // Before any thread starts. From here on a signal ends the measurement, and its sessions are ended as ever.
    const Signals signals;
    ExitCode code{};
    auto settings = context.valid_settings(code);
    if (!settings) return code;
    // What is measured are sessions, not the background work beside them.
    settings->options.jobs.run = false;
    const ManagerOptions& options = settings->options;
    if (options.store == StoreKind::memory) {
        return context.console.fail(ExitCode::usage, "bad_options",
                                    "SESSION_STORAGE=memory: there is no store to measure");
    }
    if (!arguments.yes) {
        const auto used = compose::in_use(options);
        if (!used) return context.console.fail(used.error());
        if (*used) {
            return context.console.fail(
                ExitCode::usage, "in_use",
                "people are logged in: measuring takes their store's time",
                "choose a quiet hour and add --yes, or set another REDIS_SESSION_PREFIX and SQL database");
        }
    }
    compose::BenchOrder order = arguments.order;
    order.stop = [&signals] { return signals.wait(Millis{0}).has_value(); };
    const auto outcome = compose::bench(options, order);
    if (!outcome) return context.console.fail(outcome.error());
    if (outcome->stopped) {
        return context.console.fail(
            ExitCode::failed, "interrupted",
            fmt::format("interrupted; {} of {} sessions were ended", outcome->ended, outcome->made),
            outcome->ended == outcome->made ? "run it again" : "the others expire in ten minutes");
    }
    const auto advice = ops::advice(outcome->measured);
    if (context.console.json) {
        print_json(context, *outcome, advice);
    } else {
        print_table(context, *outcome, advice);
    }
    if (outcome->ended == outcome->made) return ExitCode::ok;
    context.console.warn(fmt::format("{} sessions could not be ended; they expire in ten minutes",
                                     outcome->made - outcome->ended));
    return ExitCode::failed;
}

}  // namespace

void add_bench(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<BenchArguments>();
    auto* command = app.add_subcommand(
        "bench", "Measure login, load, save, touch and end here, with sessions of its own");
    command
        ->add_option("--sessions", arguments->order.sessions, "How many log in, and end afterwards")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command
        ->add_option("--samples", arguments->order.samples, "How often each other operation runs")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    command->add_flag("--yes", arguments->yes, "Also while people are logged in");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return bench(context, *arguments); };
    });
}

}  // namespace vedfolnir::cli
