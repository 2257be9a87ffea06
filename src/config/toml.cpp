#include "config/toml.hpp"

#include <algorithm>

namespace vedfolnir::config {
namespace {

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

// Behind the string that begins `text`: its closing quote, or the line's end where it has none. A string of several
// lines counts as three strings, two of them empty, so that its contents are judged.
std::size_t string_end(std::string_view text) noexcept {
    const char quote = text.front();
    std::size_t at = 1;
    while (at < text.size() && text[at] != quote && text[at] != '\n') {
        at += text[at] == '\\' && quote == '"' ? 2 : 1;
    }
    return std::min(at + 1, text.size());
}

// The first character that is not ASCII and stands neither in a string of one line nor in a comment.
std::size_t stray_character(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size() && is_ascii(text[at])) {
        if (text[at] == '#') {
            at = std::min(text.find('\n', at), text.size());
        } else if (text[at] == '"' || text[at] == '\'') {
            at += string_end(text.substr(at));
        } else {
            ++at;
        }
    }
    return at;
}

}  // namespace

toml::table parse_toml_table(std::string_view text) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text.starts_with(mark)) text.remove_prefix(mark.size());
    const auto at = stray_character(text);
    if (at == text.size()) return toml::parse(text);
    const auto before = text.substr(0, at);
    const auto line_begin = before.rfind('\n') + 1;  // 0 in the first line
    const toml::source_position place{
        static_cast<toml::source_index>(std::ranges::count(before, '\n') + 1),
        static_cast<toml::source_index>(at - line_begin + 1)};
    throw toml::parse_error("a character that is not ASCII, outside quotes", place, {});
}

}  // namespace vedfolnir::config
