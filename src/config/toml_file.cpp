#include "config/toml_file.hpp"

#include "config/toml.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::config {
namespace {

Error unusable(const std::string& name) {
    return {Errc::bad_options,
            fmt::format("{}: only text, whole numbers, true/false and lists of text have a meaning",
                        name)};
}

Result<std::string> scalar(const std::string& name, const toml::node& node) {
    if (const auto* text = node.as_string()) return std::string(text->get());
    if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
    return unusable(name);
}

Result<std::string> list(const std::string& name, const toml::array& items) {
    std::string joined;
    for (const auto& item : items) {
        auto text = scalar(name, item);
        if (!text) return text;
        if (!joined.empty()) joined += ',';
        joined += *text;
    }
    return joined;
}

Result<void> flatten(const std::string& prefix, const toml::table& table, TextMap& out) {
    for (const auto& [key, node] : table) {
        const std::string name = prefix + upper(key.str());
        if (const auto* inner = node.as_table()) {
            if (auto done = flatten(name + "_", *inner, out); !done) return done;
            continue;
        }
        auto text = node.as_array() != nullptr ? list(name, *node.as_array()) : scalar(name, node);
        if (!text) return std::move(text).error();
        if (!out.emplace(name, std::move(*text)).second) {
            return Error{Errc::bad_options,
                         fmt::format("{} is set twice in the configuration file", name)};
        }
    }
    return {};
}

// What the parser says without what it quotes of the file: a password may stand there. What it expected are words of its
// own.
std::string without_quotations(std::string_view text) {
    text = text.substr(0, text.find(", saw "));
    std::string out;
    while (!text.empty()) {
        const auto open = std::min(text.find('\''), text.size());
        const auto close = std::min(text.find('\'', open + 1), text.size());
        const auto before = text.substr(0, open);
        const auto quoted = text.substr(open, close + 1 - open);
        out += before;
        if (before.ends_with("expected ")) {
            out += quoted;
        } else if (!quoted.empty() && out.ends_with(' ')) {
            out.pop_back();
        }
        text.remove_prefix(std::min(close + 1, text.size()));
    }
    return out;
}

}  // namespace

Result<TextMap> parse_toml(std::string_view text) {
    TextMap out;
    try {
        const auto table = parse_toml_table(text);
        if (auto done = flatten("", table, out); !done) return std::move(done).error();
    } catch (const toml::parse_error& error) {
        const auto& at = error.source().begin;
        return Error{Errc::bad_options,
                     fmt::format("the configuration file, line {} column {}: {}", at.line,
                                 at.column, without_quotations(error.description()))};
    }
    return out;
}

}  // namespace vedfolnir::config
