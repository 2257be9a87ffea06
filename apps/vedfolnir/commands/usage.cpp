#include "commands/usage.hpp"

#include "commands/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::cli {
namespace {

/// How many letters have to be changed, added or removed.
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
    std::string found;
    // A third of the letters wrong still is a slip; more is another word.
    std::size_t allowed = std::max<std::size_t>(2, word.size() / 3);
    for (const std::string& name : names) {
        const std::size_t away = distance(word, name);
        if (away > allowed || (away == allowed && !found.empty())) continue;
        allowed = away;
        found = name;
    }
    return found;
}

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
        return console.fail(ExitCode::usage, "usage", error.what(), fmt::format("{} --help", name));
    const std::string near = nearest(*word, names);
    const std::string next = near.empty()
                                 ? fmt::format("the commands are {}", fmt::join(names, ", "))
                                 : fmt::format("did you mean {} {}?", name, near);
    return console.fail(ExitCode::usage, "usage", fmt::format("{}: no command '{}'", name, *word),
                        next);
}

}  // namespace vedfolnir::cli
