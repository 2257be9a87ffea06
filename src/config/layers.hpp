// Precedence: which text each known variable has, and from where. Private to config.
#pragma once

#include "config/settings.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::config {

/// What was said about one variable, already valid for its kind.
struct Said {
    std::string text;
    Source source = Source::built_in;
    std::string note;
};

/// Errors and warnings, collected so that all are reported at once.
struct Report {
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
    void error(std::string text) { errors.push_back(std::move(text)); }
    void warn(std::string text) { warnings.push_back(std::move(text)); }
};

/// The strongest explicit value of each variable, and typed access to it. Values are validated on the way in, so
/// the typed getters cannot fail.
class Layers {
public:
    Layers(const Input& input, Report& report);

    /// The explicit, non-empty value; empty if nobody said anything (or said nothing by an empty value).
    [[nodiscard]] const Said* said(std::string_view name) const;
    /// The explicit value, even if it is the empty text.
    [[nodiscard]] const Said* said_or_empty(std::string_view name) const;

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
    [[nodiscard]] std::optional<std::vector<std::string>> names(std::string_view name) const;

    /// A preset's value: counts only where nothing explicit stands.
    void preset(std::string_view name, std::string_view text);
    /// Adds to the note shown with a variable.
    void note(std::string_view name, std::string text);
    [[nodiscard]] std::string note(std::string_view name) const;

    [[nodiscard]] bool under_framework() const noexcept { return under_framework_; }
    /// The `*_FILE` variables that were followed.
    [[nodiscard]] const std::vector<SecretPath>& secret_paths() const noexcept {
        return secret_paths_;
    }
    /// The environment as given, for HOME and the like.
    [[nodiscard]] const TextMap& environment() const noexcept { return environment_; }
    /// Every explicit name that matches a `*` entry.
    [[nodiscard]] const std::map<std::string, Said, std::less<>>& all() const noexcept {
        return values_;
    }

private:
    void add_layer(Source source, const TextMap& layer, const FileReader& read_file);
    void add_value(Source source, const Known& known, const std::string& name,
                   const std::string& raw);
    void add_file(Source source, const Known& known, const std::string& name,
                  const std::string& path, const FileReader& read_file);
    void unknown_name(Source source, const std::string& name);
    [[nodiscard]] bool valid(const Known& known, const std::string& name, const std::string& text);

    Report& report_;
    const TextMap& environment_;
    bool under_framework_;
    std::vector<SecretPath> secret_paths_;
    std::map<std::string, Said, std::less<>> values_;
    std::map<std::string, std::string, std::less<>> notes_;
    std::map<std::string, std::string, std::less<>>
        file_names_;  // value name -> the `*_FILE` name that gave it
};

}  // namespace vedfolnir::config
