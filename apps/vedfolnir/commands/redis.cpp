// vedfolnir redis install | acl
#include "commands/commands.hpp"
#include "redis/library.hpp"
#include "redis/probe.hpp"

#include <fmt/format.h>

namespace vedfolnir::cli {
namespace {

// Installing needs Redis only, so faults of other settings (a missing key, say) are no obstacle here.
std::optional<config::Settings> redis_settings(const Context& context, ExitCode& code) {
    auto settings = context.read_settings(code);
    if (!settings) return std::nullopt;
    for (const auto& error : settings->errors) {
        if (!error.starts_with("REDIS_")) continue;
        code = context.console.fail(Error{Errc::bad_options, error});
        return std::nullopt;
    }
    return settings;
}

ExitCode install(const Context& context) {
    ExitCode code{};
    const auto settings = redis_settings(context, code);
    if (!settings) return code;
    const auto done = redis::install(settings->options.redis);
    if (!done) return context.console.fail(done.error());
    if (context.console.json) {
        context.console.print(boost::json::object{{"previous_version", done->previous_version},
                                                  {"version", done->version},
                                                  {"server_product", done->server_product},
                                                  {"server_version", done->server_version}});
        return ExitCode::ok;
    }
    context.console.print(done->previous_version == 0
                              ? fmt::format("Installed the function library {}.", done->version)
                              : fmt::format("Replaced the function library {} by {}.",
                                            done->previous_version, done->version));
    return ExitCode::ok;
}

ExitCode acl(const Context& context) {
    ExitCode code{};
    const auto settings = redis_settings(context, code);
    if (!settings) return code;
    const auto rules = redis::acl_rules(settings->options.redis.prefix);
    if (context.console.json) {
        context.console.print(
            boost::json::object{{"rules", rules}, {"prefix", settings->options.redis.prefix}});
    } else {
        context.console.print(rules);
    }
    return ExitCode::ok;
}

}  // namespace

void add_redis(CLI::App& app, Chosen& chosen) {
    auto* redis = app.add_subcommand("redis", "What Redis needs for sessions");
    redis->require_subcommand(1);
    redis->add_subcommand("install", "Load the function library (as a Redis user that may)")
        ->callback(
            [&chosen] { chosen.action = [](Context& context) { return install(context); }; });
    redis->add_subcommand("acl", "Print the least permissions of the runtime user")
        ->callback([&chosen] { chosen.action = [](Context& context) { return acl(context); }; });
}

}  // namespace vedfolnir::cli
