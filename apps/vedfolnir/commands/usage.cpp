#include "commands/usage.hpp"

#include "commands/commands.hpp"
#include "config/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::cli {
namespace {

/// The innermost command that was understood.
const CLI::App& innermost(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? app : innermost(*chosen.back());
}

std::string full_name(const CLI::App& command) {
    const CLI::App* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

/// The first word left over where one of `names` should stand.
std::optional<std::string> unknown_word(const CLI::App& app,
                                        const std::vector<std::string>& names) {
    if (names.empty()) return std::nullopt;
    const auto left = app.remaining(true);
    const auto word =
        std::ranges::find_if(left, [](const std::string& each) { return !each.starts_with('-'); });
    if (word == left.end()) return std::nullopt;
    return *word;
}

/// What the parser says, but for numbers: there it names neither the option first nor what is wrong with the value.
std::string said(const CLI::ParseError& error) {
    constexpr std::string_view begin = "Could not convert: ";
    std::string text = error.what();
    const auto equals = text.find(" = ");
    if (!text.starts_with(begin) || equals == std::string::npos) return text;
    return fmt::format("{}: '{}' is no whole number of a size that makes sense",
                       text.substr(begin.size(), equals - begin.size()), text.substr(equals + 3));
}

}  // namespace

CLI::Validator named() {
    return {[](const std::string& value) {
                return value.empty() ? std::string("an empty value names nothing") : std::string();
            },
            ""};
}

ExitCode report_wrong_usage(const CLI::App& app, const CLI::ParseError& error,
                            const Console& console) {
    const CLI::App& command = innermost(app);
    const std::string name = full_name(command);
    std::vector<std::string> names;
    for (const CLI::App* each : command.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(each->get_name());
    const auto word = unknown_word(app, names);
    if (!word)
        return console.fail(ExitCode::usage, "usage", said(error), fmt::format("{} --help", name));
    const auto near = config::nearest(*word, names);
    const std::string next = !near ? fmt::format("the commands are {}", fmt::join(names, ", "))
                                   : fmt::format("did you mean {} {}?", name, *near);
    return console.fail(ExitCode::usage, "usage", fmt::format("{}: no command '{}'", name, *word),
                        next);
}

}  // namespace vedfolnir::cli
