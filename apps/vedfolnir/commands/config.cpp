// vedfolnir config show | validate | reference
#include "commands/commands.hpp"
#include "commands/reference.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& lines) {
    json::array out;
    for (const auto& line : lines) out.push_back(json::string(line));
    return out;
}

json::array settings_json(const config::Settings& settings) {
    json::array out;
    for (const auto& value : settings.values) {
        out.push_back(json::object{{"name", value.name},
                                   {"value", value.value},
                                   {"source", config::to_string(value.source)},
                                   {"secret", value.secret},
                                   {"note", value.note}});
    }
    return out;
}

// Notes repeat for whole groups of variables, so they stand once, below.
class Footnotes {
public:
    std::string mark(const std::string& note) {
        if (note.empty()) return {};
        const auto [place, fresh] = numbers_.try_emplace(note, notes_.size() + 1);
        if (fresh) notes_.push_back(note);
        return fmt::format("[{}]", place->second);
    }
    void print(const Console& console) const {
        for (std::size_t i = 0; i < notes_.size(); ++i)
            console.print(fmt::format("[{}] {}", i + 1, notes_[i]), Colour::dim);
    }

private:
    std::map<std::string, std::size_t> numbers_;
    std::vector<std::string> notes_;
};

void print_problems(const Console& console, const config::Settings& settings) {
    for (const auto& error : settings.errors) console.print("error: " + error, Colour::red);
    for (const auto& warning : settings.warnings)
        console.print("warning: " + warning, Colour::yellow);
}

ExitCode show(const Context& context, bool only_set) {
    ExitCode code{};
    const auto settings = context.read_settings(code);
    if (!settings) return code;
    const auto result = settings->errors.empty() ? ExitCode::ok : ExitCode::usage;
    if (context.console.json) {
        context.console.print(json::object{{"environment", settings->environment},
                                           {"settings", settings_json(*settings)},
                                           {"errors", texts(settings->errors)},
                                           {"warnings", texts(settings->warnings)},
                                           {"deviations", texts(settings->deviations)}});
        return result;
    }
    Footnotes notes;
    Table table({"NAME", "VALUE", "SOURCE", "NOTE"});
    for (const auto& value : settings->values) {
        const bool set = value.source != config::Source::built_in;
        if (only_set && !set) continue;
        table.add({value.name, value.value, std::string(config::to_string(value.source)),
                   notes.mark(value.note)},
                  set ? Colour::none : Colour::dim);
    }
    context.console.print(table);
    notes.print(context.console);
    print_problems(context.console, *settings);
    return result;
}

ExitCode validate(const Context& context) {
    ExitCode code{};
    const auto settings = context.read_settings(code);
    if (!settings) return code;
    const bool valid = settings->errors.empty();
    if (context.console.json) {
        context.console.print(json::object{{"valid", valid},
                                           {"environment", settings->environment},
                                           {"errors", texts(settings->errors)},
                                           {"warnings", texts(settings->warnings)},
                                           {"deviations", texts(settings->deviations)}});
        return valid ? ExitCode::ok : ExitCode::usage;
    }
    print_problems(context.console, *settings);
    for (const auto& deviation : settings->deviations)
        context.console.print("deviation: " + deviation, Colour::dim);
    context.console.print(
        fmt::format("{}: {}, {}, {} from OWASP ASVS 5.0 and NIST SP 800-63B-4 "
                    "(environment {}).",
                    valid ? "Valid" : "Not valid", counted(settings->errors.size(), "error"),
                    counted(settings->warnings.size(), "warning"),
                    counted(settings->deviations.size(), "deviation"), settings->environment),
        valid ? Colour::green : Colour::red);
    return valid ? ExitCode::ok : ExitCode::usage;
}

}  // namespace

void add_config(CLI::App& app, Chosen& chosen) {
    auto* config = app.add_subcommand("config", "The configuration as it stands");
    config->require_subcommand(1);

    auto only_set = std::make_shared<bool>(false);
    auto* show_command =
        config->add_subcommand("show", "Each value with its source; secrets masked");
    show_command->add_flag("--set", *only_set, "Only values that somebody set");
    show_command->callback([&chosen, only_set] {
        chosen.action = [only_set](Context& context) { return show(context, *only_set); };
    });
    config->add_subcommand("validate", "Errors, warnings, deviations from the standards")
        ->callback(
            [&chosen] { chosen.action = [](Context& context) { return validate(context); }; });

    // Writes docs/reference/configuration.md; a test compares the two.
    auto* reference =
        config->add_subcommand("reference", "The reference of all variables")->group("");
    reference->add_flag("--markdown")->description("As Markdown (the only form)");
    reference->callback([&chosen] {
        chosen.action = [](Context& context) {
            context.console.print(configuration_reference());
            return ExitCode::ok;
        };
    });
}

}  // namespace vedfolnir::cli
