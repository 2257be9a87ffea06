#include "config/text.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace vedfolnir::config {
namespace {

constexpr std::string_view white_space = " \t\r\n\v\f";

bool is_white(char c) noexcept { return white_space.find(c) != std::string_view::npos; }

char to_upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Position where a trailing comment begins, or npos.
std::size_t comment_start(std::string_view text) noexcept {
    for (std::size_t at = text.find('#'); at != std::string_view::npos;
         at = text.find('#', at + 1)) {
        if (at > 0 && is_white(text[at - 1])) return at;
        // `REDIS_PASSWORD=  # Optional` reaches us as `# Optional` where a launcher trims; `#1secret` is a value.
        if (at == 0 && (text.size() == 1 || is_white(text[1]))) return at;
    }
    return std::string_view::npos;
}

// A quoted value, with nothing but white space or a comment behind the closing quote.
std::optional<std::string> unquoted(std::string_view text) {
    if (text.size() < 2 || (text.front() != '"' && text.front() != '\'')) return std::nullopt;
    const auto close = text.find(text.front(), 1);
    if (close == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    const auto behind = trimmed(rest);
    const bool comment = !behind.empty() && behind.front() == '#' && is_white(rest.front());
    if (!behind.empty() && !comment) return std::nullopt;
    return std::string(text.substr(1, close - 1));
}

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(above);
        above.swap(row);
    }
    return above[b.size()];
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), to_upper);
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), to_lower);
    return out;
}

bool holds_control_character(std::string_view text) noexcept {
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

CleanValue clean_value(std::string_view raw) {
    const auto text = trimmed(raw);
    if (auto inner = unquoted(text)) return {std::move(*inner), false};
    const auto comment = comment_start(text);
    if (comment == std::string_view::npos) return {std::string(text), false};
    std::string kept(trimmed(text.substr(0, comment)));
    const bool removed = !kept.empty();
    return {std::move(kept), removed};
}

std::optional<bool> parse_boolean(std::string_view text) {
    const auto word = lower(text);
    if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "0" || word == "no" || word == "off") return false;
    return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::vector<std::string> parse_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto item = trimmed(text.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return items;
}

std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates) {
    // A third of the name may be wrong; beyond that a suggestion misleads more than it helps.
    std::size_t best = name.size() / 3 + 1;
    std::optional<std::string> found;
    for (const auto& candidate : candidates) {
        const auto [shorter, longer] = std::minmax({name.size(), candidate.size()});
        if (longer - shorter >= best) continue;  // as many edits at least
        const auto edits = distance(name, candidate);
        if (edits >= best) continue;
        best = edits;
        found = candidate;
    }
    return found;
}

}  // namespace vedfolnir::config
