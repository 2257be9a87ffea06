#include "commands/audit_view.hpp"

#include "compose/state_dir.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace vedfolnir::cli {
namespace {

std::optional<AuditFilter> refused(const Context& context, ExitCode& code, std::string_view text,
                                   std::string_view next) {
    code = context.console.fail(ExitCode::usage, "usage", text, next);
    return std::nullopt;
}

std::unique_ptr<compose::AuditDesk> desk_of(const Context& context,
                                            const config::Settings& settings, ExitCode& code) {
    auto desk = compose::AuditDesk::open(settings);
    if (desk) return std::move(*desk);
    code = context.console.fail(desk.error());
    return nullptr;
}

}  // namespace

void add_event_options(CLI::App& command, EventArguments& arguments) {
    command.add_option("--user", arguments.user, "Only events of this user id")
        ->type_name("USER")
        ->check(named());
    command
        .add_option("--type", arguments.type, "Only this type, or a beginning such as 'session.*'")
        ->type_name("TYPE")
        ->check(named());
    command.add_option("--handle", arguments.handle, "Only events of this session")
        ->type_name("HANDLE")
        ->check(named());
    command.add_option("--since", arguments.since, "Not older than this UTC time or age (2h, 3d)")
        ->type_name("TIME")
        ->check(named());
    command.add_option("--until", arguments.until, "Not younger than this UTC time or age")
        ->type_name("TIME")
        ->check(named());
}

std::optional<AuditFilter> event_filter(const Context& context, const EventArguments& arguments,
                                        ExitCode& code, std::string_view next) {
    AuditFilter filter{.user_id = arguments.user, .type = arguments.type};
    if (!arguments.handle.empty()) {
        filter.handle = Handle::parse(arguments.handle);
        if (!filter.handle)
            return refused(context, code, "a handle is 32 hexadecimal digits", next);
    }
    const auto now = wall_clock_now();
    for (const auto& [text, into] :
         {std::pair{&arguments.since, &filter.since}, std::pair{&arguments.until, &filter.until}}) {
        if (text->empty()) continue;
        *into = parse_time(*text, now);
        if (*into) continue;
        return refused(
            context, code,
            fmt::format("'{}' is neither a UTC time (2025-11-23T10:00:00Z) nor an age (2h)", *text),
            next);
    }
    if (filter.since && filter.until && *filter.since > *filter.until)
        return refused(context, code, "--since is later than --until", next);
    return filter;
}

boost::json::value detail_json(const std::string& detail) {
    boost::system::error_code failed;
    auto parsed = boost::json::parse(detail, failed);
    return failed ? boost::json::value(boost::json::string(detail)) : std::move(parsed);
}

compose::Progress progress_on_stderr() {
    return [due = every_two_seconds()](std::uint64_t done, std::uint64_t total) {
        if (due()) fmt::print(stderr, "{} of {} entries\n", done, total);
    };
}

std::unique_ptr<compose::AuditDesk> open_desk(const Context& context, ExitCode& code,
                                              KeyRing ring) {
    const auto settings = context.existing_settings(code, ring);
    if (!settings) return nullptr;
    return desk_of(context, *settings, code);
}

std::unique_ptr<compose::AuditDesk> open_desk_to_write(const Context& context, ExitCode& code) {
    const auto settings = context.existing_settings(code);
    if (!settings) return nullptr;
    auto options = settings->options;
    if (const auto completed = compose::complete(options); !completed) {
        code = context.console.fail(completed.error());
        return nullptr;
    }
    if (!context.may_write(options, code)) return nullptr;
    return desk_of(context, *settings, code);
}

}  // namespace vedfolnir::cli
