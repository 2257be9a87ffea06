// The subcommands. Each adds itself to the parser and says what to run when it is chosen.
#pragma once

#include "context.hpp"

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include <functional>

namespace vedfolnir::cli {

using Action = std::function<ExitCode(Context&)>;

/// Holds the action of the subcommand that was chosen.
struct Chosen {
    Action action;
};

/// Refuses an empty value: it would mean everything, or nothing, where one thing was asked for.
[[nodiscard]] CLI::Validator named();

void add_audit(CLI::App& app, Chosen& chosen);
void add_bench(CLI::App& app, Chosen& chosen);
void add_config(CLI::App& app, Chosen& chosen);
void add_doctor(CLI::App& app, Chosen& chosen);
void add_emergency(CLI::App& app, Chosen& chosen);
void add_fallback(CLI::App& app, Chosen& chosen);
void add_fsck(CLI::App& app, Chosen& chosen);
void add_health(CLI::App& app, Chosen& chosen);
void add_inspect(CLI::App& app, Chosen& chosen);
void add_jobs(CLI::App& app, Chosen& chosen);
void add_journal(CLI::App& app, Chosen& chosen);
void add_keys(CLI::App& app, Chosen& chosen);
void add_metrics(CLI::App& app, Chosen& chosen);
void add_recover(CLI::App& app, Chosen& chosen);
void add_redis(CLI::App& app, Chosen& chosen);
void add_report(CLI::App& app, Chosen& chosen);
void add_serve(CLI::App& app, Chosen& chosen);
void add_sessions(CLI::App& app, Chosen& chosen);
void add_version(CLI::App& app, Chosen& chosen);

}  // namespace vedfolnir::cli
