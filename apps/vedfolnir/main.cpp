// vedfolnir: the operator's command.
#include "commands/commands.hpp"
#include "commands/usage.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <string_view>

namespace {

using namespace vedfolnir::cli;

void add_globals(CLI::App& app, Context& context) {
    app.add_option("--config", context.config_file, "TOML file with settings")->type_name("FILE");
    app.add_option("--env-file", context.env_file,
                   "Dotenv file with settings; the environment wins over it")
        ->type_name("FILE");
    app.add_flag("--json", context.console.json, "JSON on stdout, with stable field names");
}

int run(int argc, char** argv) {
    CLI::App app{"Sessions in Redis with their audit in SQL: see and end them, check the set-up.",
                 "vedfolnir"};
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("vedfolnir ") + VEDFOLNIR_VERSION);
    app.fallthrough();  // global options may stand behind the subcommand, too
    app.footer(
        "Exit codes: 0 done, 1 not found or a check failed, 2 wrong usage or configuration, 3 a store is unavailable.");
    Context context;
    Chosen chosen;
    add_globals(app, context);
    add_sessions(app, chosen);
    add_inspect(app, chosen);
    add_audit(app, chosen);
    add_fallback(app, chosen);
    add_recover(app, chosen);
    add_emergency(app, chosen);
    add_fsck(app, chosen);
    add_jobs(app, chosen);
    add_metrics(app, chosen);
    add_health(app, chosen);
    add_report(app, chosen);
    add_serve(app, chosen);
    add_bench(app, chosen);
    add_config(app, chosen);
    add_journal(app, chosen);
    add_keys(app, chosen);
    add_redis(app, chosen);
    add_doctor(app, chosen);
    add_version(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Help and the version come this way, too.
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
            return app.exit(error);
        // Said before the options were read to their end.
        context.console.json =
            std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
        return static_cast<int>(report_wrong_usage(app, error, context.console));
    }
    const auto code = chosen.action(context);
    if (!context.console.flush()) return static_cast<int>(ExitCode::failed);
    return static_cast<int>(code);
}

}  // namespace

int main(int argc, char** argv) {
    // A closed pipe ends the output, not the process in mid-operation: an ending must be carried through.
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        Console console;
        return static_cast<int>(console.fail(ExitCode::failed, "internal", error.what(),
                                             "this is a fault of the program; please report it"));
    }
}
