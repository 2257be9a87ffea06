#include "web/set_cookie.hpp"

#include "model/session_id.hpp"
#include "web/ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vedfolnir::web {
namespace {

bool is_ascii_alnum(char c) noexcept {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/// `token` of RFC 9110: what a cookie name may consist of.
bool is_token(char c) noexcept {
    return is_ascii_alnum(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// May stand in an attribute: visible ASCII without the separators of cookies.
bool is_attribute(char c) noexcept {
    return !is_control(c) && static_cast<unsigned char>(c) < 0x80 && c != ';' && c != ',';
}

Error refuse(std::string_view field, std::string_view why) {
    return {Errc::bad_options, fmt::format("cookie.{}: {}", field, why), {}};
}

Result<void> check_name(const CookieOptions& options) {
    if (options.name.empty()) {
        return refuse("name", "must not be empty");
    }
    if (!std::ranges::all_of(options.name, is_token)) {
        return refuse("name", "may hold letters, digits and !#$%&'*+-.^_`|~ only");
    }
    if (options.name.size() + model::SessionId::text_size > cookie_name_and_value_max) {
        return refuse("name", fmt::format("is too long: name and value together may have {} bytes",
                                          cookie_name_and_value_max));
    }
    return {};
}

/// Each prefix is a promise that browsers hold us to; one that is not kept means no cookie at all.
Result<void> check_prefix(const CookieOptions& options) {
    const std::string_view name = options.name;
    constexpr std::array<std::string_view, 4> prefixes{"__Host-Http-", "__Host-", "__Secure-",
                                                       "__Http-"};
    const auto prefix = std::ranges::find_if(prefixes, [&](std::string_view candidate) {
        return starts_with_ignoring_case(name, candidate);
    });
    if (prefix == prefixes.end()) {
        return {};
    }
    if (!name.starts_with(*prefix)) {
        return refuse(
            "name",
            fmt::format("write its prefix as {}: browsers compare it without case", *prefix));
    }
    if (!options.secure) {
        return refuse("name", fmt::format("a {} cookie must be Secure", *prefix));
    }
    if (prefix->starts_with("__Host-") && (!options.domain.empty() || options.path != "/")) {
        return refuse("name", fmt::format("a {} cookie has no Domain and the path /", *prefix));
    }
    if (prefix->ends_with("Http-") && !options.http_only) {
        return refuse("name", fmt::format("a {} cookie must be HttpOnly", *prefix));
    }
    return {};
}

/// Browsers accept a leading dot and mean nothing by it; it is not written.
std::string_view without_leading_dot(std::string_view domain) noexcept {
    return domain.starts_with('.') ? domain.substr(1) : domain;
}

bool is_host_label(std::string_view label) noexcept {
    const auto allowed = [](char c) { return is_ascii_alnum(c) || c == '-'; };
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, allowed);
}

Result<void> check_domain(std::string_view domain) {
    if (domain.empty()) {
        return {};
    }
    domain = without_leading_dot(domain);
    if (domain.size() > 253) {
        return refuse("domain", "is longer than a host name may be (253 bytes)");
    }
    for (std::size_t start = 0; start <= domain.size();) {
        const auto end = std::min(domain.find('.', start), domain.size());
        if (!is_host_label(domain.substr(start, end - start))) {
            return refuse("domain",
                          "is not a host name (letters, digits, '-' and '.'; IDNs as xn--)");
        }
        start = end + 1;
    }
    return {};
}

Result<void> check_path(std::string_view path) {
    if (!path.starts_with('/')) {
        return refuse("path", "must begin with /");
    }
    if (!std::ranges::all_of(path, is_attribute)) {
        return refuse("path", "must not hold control bytes, ';', ',' or bytes beyond ASCII");
    }
    if (path.size() > cookie_attribute_max) {
        return refuse("path", fmt::format("is longer than {} bytes", cookie_attribute_max));
    }
    return {};
}

Result<void> check_flags(const CookieOptions& options) {
    if (options.same_site == SameSite::none && !options.secure) {
        return refuse("same_site", "None needs a Secure cookie");
    }
    if (options.partitioned && (!options.secure || options.same_site != SameSite::none)) {
        return refuse("partitioned", "needs a Secure cookie with SameSite=None");
    }
    if (options.max_age &&
        (*options.max_age <= Seconds{0} || *options.max_age > cookie_lifetime_max)) {
        return refuse("max_age", fmt::format("must be between 1 and {} seconds (400 days)",
                                             cookie_lifetime_max.count()));
    }
    return {};
}

std::string_view to_string(SameSite same_site) noexcept {
    switch (same_site) {
    case SameSite::strict:
        return "Strict";
    case SameSite::none:
        return "None";
    case SameSite::lax:
        break;
    }
    return "Lax";
}

/// `lifetime` is the part between Path and Secure; all else is the same for a cookie and its removal, because a
/// browser removes only what has the same name, domain, path and partition.
std::string write(const CookieOptions& options, std::string_view value, std::string_view lifetime) {
    std::string out = fmt::format("{}={}", options.name, value);
    if (!options.domain.empty()) {
        out += fmt::format("; Domain={}", without_leading_dot(options.domain));
    }
    out += fmt::format("; Path={}{}", options.path, lifetime);
    if (options.secure) {
        out += "; Secure";
    }
    if (options.http_only) {
        out += "; HttpOnly";
    }
    out += fmt::format("; SameSite={}", to_string(options.same_site));
    if (options.partitioned) {
        out += "; Partitioned";
    }
    return out;
}

}  // namespace

Result<void> validate(const CookieOptions& options) {
    for (const auto& checked :
         {check_name(options), check_prefix(options), check_domain(options.domain),
          check_path(options.path), check_flags(options)}) {
        if (!checked) {
            return checked;
        }
    }
    return {};
}

std::string set_cookie(const CookieOptions& options, std::string_view value,
                       std::optional<Seconds> max_age_cap) {
    if (!options.max_age) {
        return write(options, value, {});
    }
    const auto lifetime =
        std::max(std::min(*options.max_age, max_age_cap.value_or(*options.max_age)), Seconds{0});
    return write(options, value, fmt::format("; Max-Age={}", lifetime.count()));
}

std::string clear_cookie(const CookieOptions& options) {
    return write(options, {}, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace vedfolnir::web
