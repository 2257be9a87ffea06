// vedfolnir emergency end: many sessions at once, after a theft of keys or a break-in.
#include "commands/commands.hpp"
#include "commands/session_view.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

/// From so many on it takes longer than anybody waits without being told; and how many a second are written, about.
constexpr std::uint64_t many = 10'000;
constexpr std::uint64_t written_each_second = 5'000;

struct Arguments {
    bool all = false;
    std::string user;
    std::string ip;
    std::string older_than;
    bool yes = false;
};

std::optional<EndScope> scope_of(const Context& context, const Arguments& arguments,
                                 ExitCode& code) {
    EndScope scope{arguments.user, arguments.ip, std::nullopt};
    const bool narrowed =
        !arguments.user.empty() || !arguments.ip.empty() || !arguments.older_than.empty();
    if (arguments.all == narrowed) {
        code = context.console.fail(
            ExitCode::usage, "usage",
            "say whose sessions: --all, or one or more of --user, --ip and --older-than",
            "vedfolnir emergency end --help");
        return std::nullopt;
    }
    if (arguments.older_than.empty()) return scope;
    scope.begun_before = parse_time(arguments.older_than, wall_clock_now());
    if (scope.begun_before) return scope;
    code = context.console.fail(ExitCode::usage, "usage",
                                "--older-than takes an age (90s, 15m, 2h, 3d) or a time in UTC",
                                "vedfolnir emergency end --older-than 2h");
    return std::nullopt;
}

ExitCode dry_run(const Context& context, const SessionManager& manager, const EndScope& scope) {
    const auto count = manager.count_scope(scope);
    if (!count) return context.console.fail(count.error());
    if (context.console.json) {
        context.console.print(json::object{
            {"would_end", count->sessions}, {"users", count->users}, {"dry_run", true}});
        return ExitCode::ok;
    }
    context.console.print(
        fmt::format("Would end {} of {}. Nothing was changed: repeat it with --yes to end them.",
                    counted(count->sessions, "session"), counted(count->users, "user")));
    return ExitCode::ok;
}

ExitCode report(const Context& context, std::uint64_t sessions, Ending ending) {
    if (context.console.json) {
        context.console.print(json::object{
            {"ending", to_string(ending)}, {"sessions", sessions}, {"dry_run", false}});
    } else if (ending == Ending::pending && sessions == 0) {
        context.console.print("Pending.");
    } else {
        context.console.print(fmt::format("Ended {}.", counted(sessions, "session")));
    }
    if (ending != Ending::pending) return ExitCode::ok;
    context.console.warn(written_down);
    return ExitCode::unavailable;
}

/// Of one user: as `sessions end --all-of-user`, which also ends what SQL never heard of.
ExitCode end_user(const Context& context, const SessionManager& manager, const std::string& user) {
    std::uint32_t count = 0;
    const auto ending =
        manager.end_user(user, std::nullopt, EndReason::security, operator_name(), &count);
    if (!ending) return context.console.fail(ending.error());
    return report(context, count, *ending);
}

void say_how_long(const SessionManager& manager, const EndScope& scope) {
    const auto count = manager.count_scope(scope);
    if (!count || count->sessions < many) return;
    fmt::print(stderr,
               "{} sessions: all processes refuse them within a second; their endings are written "
               "in about {} s\n",
               count->sessions, count->sessions / written_each_second);
}

ExitCode end(const Context& context, const Arguments& arguments) {
    ExitCode code{};
    const auto scope = scope_of(context, arguments, code);
    if (!scope) return code;
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const bool one_user = !scope->user_id.empty() && scope->whole_users();
    // Of one user it waits in the journal where SQL is away; a scope needs SQL.
    const auto doubt = arguments.yes && one_user ? Doubt::warns : Doubt::refuses;
    if (!context.may_write(manager->options(), code, doubt)) return code;
    if (!arguments.yes) return dry_run(context, *manager, *scope);
    if (one_user) return end_user(context, *manager, scope->user_id);
    say_how_long(*manager, *scope);
    const auto ended = manager->end_scope(*scope, EndReason::security, operator_name());
    if (!ended) return context.console.fail(ended.error());
    return report(context, ended->sessions, ended->ending);
}

}  // namespace

void add_emergency(CLI::App& app, Chosen& chosen) {
    auto* emergency = app.add_subcommand("emergency", "End many sessions at once");
    emergency->require_subcommand(1);
    auto arguments = std::make_shared<Arguments>();
    auto* command = emergency->add_subcommand(
        "end", "End sessions of logged-in users, everywhere; without --yes only say how many");
    command->add_flag("--all", arguments->all, "All of them");
    command->add_option("--user", arguments->user, "Of this user id")->type_name("USER");
    command->add_option("--ip", arguments->ip, "Logged in from this client address")
        ->type_name("ADDRESS");
    command
        ->add_option("--older-than", arguments->older_than,
                     "Logged in longer ago (90s, 15m, 2h, 3d), or before a time in UTC")
        ->type_name("AGE");
    auto* yes = command->add_flag("--yes", arguments->yes, "Do it");
    command->add_flag("--dry-run")
        ->description("Only say how many, as without --yes")
        ->excludes(yes);
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return end(context, *arguments); };
    });
}

}  // namespace vedfolnir::cli
