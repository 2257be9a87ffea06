#include "web/cookie.hpp"

#include "web/ascii.hpp"

#include <algorithm>

namespace vedfolnir::web {
namespace {

constexpr CookieLookup ambiguous{CookieState::ambiguous, {}};

/// How one name in the header relates to ours.
enum class Likeness : std::uint8_t { other, same, variant };

class OurName {
public:
    explicit OurName(std::string_view name) noexcept
        : name_(name),
          any_case_(starts_with_ignoring_case(name, "__host-") ||
                    starts_with_ignoring_case(name, "__secure-") ||
                    starts_with_ignoring_case(name, "__http-")) {}

    [[nodiscard]] Likeness compare(std::string_view other) const noexcept {
        if (other == name_) {
            return Likeness::same;
        }
        return any_case_ && equal_ignoring_case(other, name_) ? Likeness::variant : Likeness::other;
    }

private:
    std::string_view name_;
    bool any_case_;
};

std::string_view unquote(std::string_view value) noexcept {
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        return value.substr(1, value.size() - 2);
    }
    return value;
}

std::string_view skip_leading_equals(std::string_view part) noexcept {
    while (!part.empty() && (part.front() == '=' || is_blank(part.front()))) {
        part.remove_prefix(1);
    }
    return part;
}

/// The part's value if it is our cookie; `ambiguous` if it may shadow ours.
CookieLookup read_part(std::string_view part, const OurName& ours) noexcept {
    part = trim_blanks(part);
    // A nameless cookie to browsers; a parser that skips the leading `=` reads a cookie of our name (V10).
    const bool nameless = part.starts_with('=');
    part = skip_leading_equals(part);
    const auto equals = part.find('=');
    const auto likeness = ours.compare(trim_blanks(part.substr(0, equals)));
    if (likeness == Likeness::other) {
        return {};
    }
    if (likeness == Likeness::variant || nameless || equals == std::string_view::npos) {
        return ambiguous;
    }
    return {CookieState::found, unquote(trim_blanks(part.substr(equals + 1)))};
}

}  // namespace

CookieLookup find_cookie(std::string_view header, std::string_view name) noexcept {
    const auto foreign = [](char c) { return is_control(c) && c != '\t'; };
    if (header.size() > cookie_header_max || std::ranges::any_of(header, foreign)) {
        return ambiguous;
    }
    const OurName ours(name);
    CookieLookup result;
    while (!header.empty()) {
        const auto end = std::min(header.find(';'), header.size());
        const auto part = read_part(header.substr(0, end), ours);
        header.remove_prefix(std::min(end + 1, header.size()));
        if (part.state == CookieState::absent) {
            continue;
        }
        if (part.state == CookieState::ambiguous || result.state == CookieState::found) {
            return ambiguous;
        }
        result = part;
    }
    return result;
}

}  // namespace vedfolnir::web
