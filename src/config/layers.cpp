#include "config/layers.hpp"

#include "config/toml_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vedfolnir::config {
namespace {

struct FlaskDefault {
    std::string_view name;
    std::string_view value;
};

// What Flask puts into app.config by itself: equal to that, nobody has chosen it.
constexpr std::array flask_defaults{
    FlaskDefault{"SESSION_COOKIE_NAME", "session"},
    FlaskDefault{"SESSION_COOKIE_DOMAIN", ""},
    FlaskDefault{"SESSION_COOKIE_PATH", ""},
    FlaskDefault{"SESSION_COOKIE_HTTPONLY", "true"},
    FlaskDefault{"SESSION_COOKIE_SECURE", "false"},
    FlaskDefault{"SESSION_COOKIE_SAMESITE", ""},
    FlaskDefault{"SESSION_COOKIE_PARTITIONED", "false"},
    FlaskDefault{"PERMANENT_SESSION_LIFETIME", "2678400"},
    FlaskDefault{"SESSION_REFRESH_EACH_REQUEST", "true"},
};

bool is_flask_default(const std::string& name, const std::string& text) {
    return std::any_of(flask_defaults.begin(), flask_defaults.end(),
                       [&](const FlaskDefault& entry) {
                           return entry.name == name && entry.value == lower(text);
                       });
}

// Names we answer for: a misspelling among these deserves a warning, others are not our business.
bool ours_by_name(std::string_view name) noexcept {
    return name.starts_with("SESSION_") || name.starts_with("REDIS_") ||
           name.starts_with("VEDFOLNIR_");
}

std::vector<std::string> known_names() {
    std::vector<std::string> names;
    for (const auto& entry : catalogue()) {
        if (entry.name.ends_with('*')) continue;
        names.emplace_back(entry.name);
        if (entry.from_file) names.push_back(std::string(entry.name) + "_FILE");
    }
    return names;
}

// The variable whose value the file behind `name` holds; null unless `name` is such a `*_FILE` name.
const Known* file_variant(std::string_view name) noexcept {
    if (!name.ends_with("_FILE")) return nullptr;
    const auto* known = find_known(name.substr(0, name.size() - 5));
    return known != nullptr && known->from_file ? known : nullptr;
}

// An argument's name as the catalogue spells it; empty if there is none.
std::string argument_name(const std::string& name) {
    const auto full = upper(name);
    for (const auto& candidate : {full, "VEDFOLNIR_" + full, "SESSION_" + full}) {
        const auto* known = find_known(candidate);
        const bool exact = known != nullptr && !known->name.ends_with('*');
        if (exact || file_variant(candidate) != nullptr) return candidate;
    }
    return {};
}

/// What an argument may have meant: full names, and short ones where these name the same.
std::vector<std::string> argument_names() {
    std::vector<std::string> names = known_names();
    for (const auto& full : known_names()) {
        for (const std::string_view prefix : {"VEDFOLNIR_", "SESSION_"}) {
            if (!full.starts_with(prefix)) continue;
            if (auto rest = full.substr(prefix.size()); argument_name(rest) == full)
                names.push_back(std::move(rest));
        }
    }
    return names;
}

bool one_of(std::string_view word, std::string_view choices) {
    const auto wanted = lower(word);
    while (!choices.empty()) {
        const auto bar = choices.find('|');
        if (lower(choices.substr(0, bar)) == wanted) return true;
        choices = bar == std::string_view::npos ? std::string_view{} : choices.substr(bar + 1);
    }
    return false;
}

bool is_fraction(const std::string& text, std::int64_t min, std::int64_t max) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const double percent = value * 100;
    return end != text.c_str() && *end == '\0' && percent >= static_cast<double>(min) &&
           percent <= static_cast<double>(max);
}

std::string shown(const Known& known, const std::string& text) {
    return known.secret || known.kind == Kind::url ? "(not shown)" : fmt::format("'{}'", text);
}

std::string_view where(Source source) noexcept {
    switch (source) {
    case Source::argument:
        return "as an argument";
    case Source::environment:
        return "in the environment";
    case Source::file:
        return "in the configuration file";
    case Source::framework:
        return "in the framework's configuration";
    default:
        return "built in";
    }
}

}  // namespace

Layers::Layers(const Input& input, Report& report)
    : report_(report),
      environment_(input.environment),
      under_framework_(input.framework.has_value()) {
    std::optional<std::string> file = input.file;
    std::string file_name = input.file_name;
    if (const auto path = input.environment.find("VEDFOLNIR_CONFIG");
        !file && path != input.environment.end() && !path->second.empty()) {
        if (auto text = input.read_file(clean_value(path->second).text)) {
            file = std::move(*text);
            file_name = clean_value(path->second).text;
        } else {
            report_.error(fmt::format("VEDFOLNIR_CONFIG: {}", text.error().detail));
        }
    }
    // Strongest first: a value once there stays.
    TextMap arguments;
    for (const auto& [name, value] : input.arguments) {
        if (auto full = argument_name(name); !full.empty()) {
            arguments.insert_or_assign(std::move(full), value);
        } else {
            const auto hint = nearest(upper(name), argument_names());
            report_.error(
                fmt::format("{}: no such option{}", name,
                            hint ? fmt::format(" (did you mean {}?)", lower(*hint)) : ""));
        }
    }
    add_layer(Source::argument, arguments, input.read_file);
    add_layer(Source::environment, input.environment, input.read_file);
    if (file) {
        if (auto flat = parse_toml(*file)) {
            add_layer(Source::file, *flat, input.read_file);
        } else {
            report_.error(file_name.empty()
                              ? flat.error().detail
                              : fmt::format("{} ({})", flat.error().detail, file_name));
        }
    }
    if (input.framework) add_layer(Source::framework, *input.framework, input.read_file);
}

void Layers::add_layer(Source source, const TextMap& layer, const FileReader& read_file) {
    for (const auto& [name, raw] : layer) {
        if (const auto* known = file_variant(name)) {
            add_file(source, *known, name, raw, read_file);
        } else if (const auto* entry = find_known(name)) {
            add_value(source, *entry, name, raw);
        } else if (source == Source::file || (ours_by_name(name) && !is_foreign(name))) {
            unknown_name(source, name);
        }
    }
}

void Layers::add_value(Source source, const Known& known, const std::string& name,
                       const std::string& raw) {
    // Arguments are values already; only text that went through a shell or a launcher carries comments and quotes.
    const bool literal = source == Source::argument || source == Source::framework;
    auto clean = literal ? CleanValue{std::string(trimmed(raw)), false} : clean_value(raw);
    if (known.secret && clean.comment_removed) {
        report_.error(fmt::format(
            "{}: the value contains ' #', which may be a comment or part of the secret; put it "
            "into quotes{}",
            name, known.from_file ? fmt::format(", or into a file named by {}_FILE", name) : ""));
        return;
    }
    if (source == Source::framework && is_flask_default(name, clean.text)) return;
    if (!clean.text.empty() && !valid(known, name, clean.text)) return;
    if (const auto there = file_names_.find(name);
        there != file_names_.end() && !clean.text.empty()) {
        if (values_.at(name).source != Source::argument) {
            report_.error(
                fmt::format("{} and {} are both set; remove one of them", name, there->second));
        }
        return;
    }
    values_.try_emplace(name, Said{std::move(clean.text), source, {}});
}

void Layers::add_file(Source source, const Known& known, const std::string& name,
                      const std::string& raw_path, const FileReader& read_file) {
    const auto path = clean_value(raw_path).text;
    if (path.empty()) return;
    const std::string target(known.name);
    if (const auto there = values_.find(target);
        there != values_.end() && !there->second.text.empty()) {
        if (there->second.source != Source::argument) {
            report_.error(fmt::format("{} and {} are both set; remove one of them", target, name));
        }
        return;
    }
    secret_paths_.push_back({name, path});
    auto text = read_file(path);
    if (!text) {
        report_.error(fmt::format("{}: {}", name, text.error().detail));
        return;
    }
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    if (text->empty()) {
        report_.error(fmt::format("{}: the file {} is empty", name, path));
        return;
    }
    if (!valid(known, name, *text)) return;
    values_.insert_or_assign(target, Said{std::move(*text), source, fmt::format("from {}", name)});
    file_names_.insert_or_assign(target, name);
}

void Layers::unknown_name(Source source, const std::string& name) {
    const auto hint = nearest(name, known_names());
    report_.warn(
        fmt::format("{} {} is not a name this product knows{}", name, where(source),
                    hint ? fmt::format("; did you mean {}?", *hint) : "; it takes no effect"));
}

bool Layers::valid(const Known& known, const std::string& name, const std::string& text) {
    switch (known.kind) {
    case Kind::boolean:
        if (parse_boolean(text)) return true;
        report_.error(fmt::format("{}: {} is neither true nor false (1/0, yes/no, on/off)", name,
                                  shown(known, text)));
        return false;
    case Kind::integer: {
        const auto number = parse_integer(text);
        if (number && *number >= known.min && *number <= known.max) return true;
        const bool link = name == "REDIS_PORT" && text.starts_with("tcp://");
        report_.error(fmt::format(
            "{}: {} is not a whole number from {} to {}{}", name, shown(known, text), known.min,
            known.max, link ? " (a Kubernetes service link; set enableServiceLinks: false)" : ""));
        return false;
    }
    case Kind::fraction:
        if (is_fraction(text, known.min, known.max)) return true;
        report_.error(fmt::format("{}: {} is not a number from {} to {}", name, shown(known, text),
                                  static_cast<double>(known.min) / 100,
                                  static_cast<double>(known.max) / 100));
        return false;
    case Kind::choice: {
        if (one_of(text, known.choices)) return true;
        std::string words(known.choices);
        std::replace(words.begin(), words.end(), '|', '/');
        report_.error(fmt::format("{}: {} is none of {}", name, shown(known, text), words));
        return false;
    }
    case Kind::text:
    case Kind::names:
    case Kind::path:
    case Kind::url:
        return true;
    }
    return true;
}

const Said* Layers::said_or_empty(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

const Said* Layers::said(std::string_view name) const {
    const auto* found = said_or_empty(name);
    return found == nullptr || found->text.empty() ? nullptr : found;
}

std::optional<std::string> Layers::text(std::string_view name) const {
    const auto* found = said(name);
    return found == nullptr ? std::nullopt : std::optional(found->text);
}

std::optional<bool> Layers::boolean(std::string_view name) const {
    const auto* found = said(name);
    return found == nullptr ? std::nullopt : parse_boolean(found->text);
}

std::optional<std::int64_t> Layers::integer(std::string_view name) const {
    const auto* found = said(name);
    return found == nullptr ? std::nullopt : parse_integer(found->text);
}

std::optional<std::vector<std::string>> Layers::names(std::string_view name) const {
    const auto* found = said(name);
    return found == nullptr ? std::nullopt : std::optional(parse_list(found->text));
}

void Layers::preset(std::string_view name, std::string_view text) {
    if (said(name) != nullptr) return;
    values_.insert_or_assign(std::string(name), Said{std::string(text), Source::preset, {}});
}

void Layers::note(std::string_view name, std::string text) {
    auto& there = notes_[std::string(name)];
    there = there.empty() ? std::move(text) : there + "; " + text;
}

std::string Layers::note(std::string_view name) const {
    std::string text;
    if (const auto* found = said_or_empty(name)) text = found->note;
    if (const auto there = notes_.find(name); there != notes_.end()) {
        text = text.empty() ? there->second : text + "; " + there->second;
    }
    return text;
}

}  // namespace vedfolnir::config
