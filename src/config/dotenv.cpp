#include "config/dotenv.hpp"

#include <fmt/format.h>

namespace vedfolnir::config {
namespace {

Error bad_line(std::size_t number, std::string_view why) {
    return {Errc::bad_options, fmt::format("line {} of the env file: {}", number, why)};
}

bool is_name(std::string_view name) noexcept {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    for (const char c : name) {
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '_') return false;
    }
    return true;
}

char unescaped(char c) noexcept {
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

// The text between double quotes, escapes resolved; empty when the quote does not close or text follows it.
std::optional<std::string> double_quoted(std::string_view text) {
    std::string out;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            const auto rest = trimmed(text.substr(i + 1));
            if (!rest.empty() && rest.front() != '#') return std::nullopt;
            return out;
        }
        if (text[i] == '\\' && i + 1 < text.size()) {
            out += unescaped(text[++i]);
        } else {
            out += text[i];
        }
    }
    return std::nullopt;
}

Result<std::string> value_of(std::string_view raw, std::size_t number) {
    const auto text = trimmed(raw);
    if (!text.empty() && text.front() == '"') {
        auto inner = double_quoted(text);
        if (!inner)
            return bad_line(number, "a double quote that does not close, or text behind it");
        return std::move(*inner);
    }
    if (!text.empty() && text.front() == '\'') {
        const auto close = text.find('\'', 1);
        if (close == std::string_view::npos)
            return bad_line(number, "a single quote that does not close");
        const auto rest = trimmed(text.substr(close + 1));
        if (!rest.empty() && rest.front() != '#')
            return bad_line(number, "text behind the closing quote");
        return std::string(text.substr(1, close - 1));
    }
    // In a file a `#` at the very start of the value is a comment, too.
    if (!text.empty() && text.front() == '#') return std::string{};
    return clean_value(text).text;
}

}  // namespace

Result<TextMap> parse_dotenv(std::string_view text) {
    TextMap out;
    std::size_t number = 0;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    while (!text.empty()) {
        ++number;
        const auto end = text.find('\n');
        auto line = trimmed(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("export ")) line = trimmed(line.substr(7));
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return bad_line(number, "NAME=value expected");
        const auto name = trimmed(line.substr(0, equals));
        if (!is_name(name)) return bad_line(number, "a name has letters, digits and _ only");
        auto value = value_of(line.substr(equals + 1), number);
        if (!value) return std::move(value).error();
        out.insert_or_assign(std::string(name), std::move(*value));
    }
    return out;
}

}  // namespace vedfolnir::config
