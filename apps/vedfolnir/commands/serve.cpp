// vedfolnir serve: the daemon. It does the background work (of several, one does it) and writes metrics to a file.
#include "commands/commands.hpp"
#include "compose/operator_log.hpp"
#include "metrics_file.hpp"
#include "process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <unistd.h>
#include <utility>

namespace vedfolnir::cli {
namespace {

struct ServeArguments {
    std::string pid_file;
    unsigned stop_within = 10;
};

constexpr Millis idle_wait{60'000};

std::optional<SessionManager> open_serving(const Context& context, ExitCode& code) {
    auto settings = context.valid_settings(code);
    if (!settings) return std::nullopt;
    settings->options.jobs.run = true;
    settings->options.jobs.log = true;
    auto manager = SessionManager::open(std::move(settings->options));
    if (manager) {
        const auto started = manager->start_jobs();
        if (started) return std::move(*manager);
        code = context.console.fail(started.error());
        return std::nullopt;
    }
    code = context.console.fail(manager.error());
    return std::nullopt;
}

/// The event loop answers: with whatever, but in time.
bool alive(const SessionManager& manager) {
    const auto answer = manager.store_info();
    return answer || answer.error().code != Errc::deadline_exceeded;
}

/// How it went, for a log line.
std::string stop(const SessionManager& manager, Millis within) {
    const auto stopped = manager.stop_jobs(within);
    if (!stopped) return fmt::format("failed detail=\"{}\"", stopped.error().detail);
    return *stopped ? "clean" : "cut_short";
}

std::string monotonic_microseconds() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return fmt::format("{}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
}

/// All settings are read anew. Where they are wrong, everything goes on as it was.
void reload(const Context& context, const Notifier& notifier, SessionManager& manager,
            Millis stop_within) {
    notifier.send("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
    ExitCode code{};
    auto fresh = open_serving(context, code);
    if (fresh) {
        const auto before = stop(manager, stop_within);
        manager = std::move(*fresh);
        compose::log_line("event=reload state=done before=" + before);
    } else {
        compose::log_line("event=reload state=refused detail=\"the old settings stay in force\"");
    }
    notifier.send("READY=1");
}

ExitCode run(const Context& context, const ServeArguments& arguments, const Signals& signals) {
    std::optional<PidFile> pid_file;
    if (!arguments.pid_file.empty()) {
        auto held = PidFile::hold(arguments.pid_file);
        if (!held)
            return context.console.fail(held.error(),
                                        "name another file; if a process holds it, end that one");
        pid_file.emplace(std::move(*held));
    }
    ExitCode code{};
    auto manager = open_serving(context, code);
    if (!manager) return code;
    const Notifier notifier;
    const Millis stop_within = Seconds(arguments.stop_within);
    compose::log_line(fmt::format("event=start version={} pid={}", VEDFOLNIR_VERSION, ::getpid()));
    notifier.send("READY=1");
    MetricsFile metrics(manager->options().metrics);
    for (;;) {
        metrics.write_when_due(*manager);
        const Millis patience =
            std::min(notifier.watchdog().value_or(idle_wait), metrics.due_in().value_or(idle_wait));
        const auto signal = signals.wait(patience);
        if (!signal) {
            if (notifier.watchdog() && alive(*manager)) notifier.send("WATCHDOG=1");
            continue;
        }
        if (*signal == SIGHUP) {
            reload(context, notifier, *manager, stop_within);
            metrics = MetricsFile(manager->options().metrics);
            continue;
        }
        notifier.send("STOPPING=1");
        compose::log_line(
            fmt::format("event=signal name={}", *signal == SIGTERM ? "SIGTERM" : "SIGINT"));
        compose::log_line("event=stop state=" + stop(*manager, stop_within));
        return ExitCode::ok;
    }
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<ServeArguments>();
    auto* command = app.add_subcommand(
        "serve", "The daemon: background work, in the foreground, until SIGTERM or SIGINT");
    command->add_option("--pid-file", arguments->pid_file, "Keep the process id in this file")
        ->type_name("FILE");
    command
        ->add_option("--stop-within", arguments->stop_within,
                     "Seconds that the step under way may still take after SIGTERM")
        ->check(CLI::Range(1U, 600U))
        ->type_name("SECONDS");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) {
            // Before any thread starts.
            const Signals signals;
            return run(context, *arguments, signals);
        };
    });
}

}  // namespace vedfolnir::cli
