#include "ops/checks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::ops {
namespace {

bool answered(const Facts& facts) { return facts.page.asked && facts.page.failure.empty(); }

// Whether the page's cookie is Secure: from the cookie itself, else from the configuration.
bool secure(const Facts& facts) {
    if (facts.page.cookies.empty()) return facts.cookie.secure;
    return std::any_of(facts.page.cookies.begin(), facts.page.cookies.end(),
                       [](const auto& cookie) { return cookie.secure; });
}

const char* seen_where(const Facts& facts) {
    return facts.page.cookies.empty() ? "by the configuration (the page set no cookie)"
                                      : "as the page sets it";
}

bool looks_like_flask(const std::string& begin) {
    return begin.starts_with("eyJ") || begin.starts_with(".eJ");
}

}  // namespace

Judged check_page(const Facts& facts) {
    if (!facts.page.asked) return std::nullopt;
    if (!facts.page.failure.empty()) {
        return Finding{"page", Status::unknown,
                       fmt::format("{} could not be read: {}", facts.page.url, facts.page.failure),
                       "give --url the full address of a page, as this host reaches it"};
    }
    if (facts.page.status >= 500) {
        return Finding{"page", Status::fail,
                       fmt::format("{} answers {}", facts.page.url, facts.page.status),
                       "see the application's log"};
    }
    return Finding{"page", Status::ok,
                   fmt::format("{} answers {} and {}", facts.page.url, facts.page.status,
                               facts.page.cookies.empty() ? "sets no session cookie"
                                                          : "sets the session cookie"),
                   ""};
}

Judged check_secure_over_http(const Facts& facts) {
    if (!facts.page.asked || facts.page.https) return std::nullopt;
    if (!answered(facts))
        return Finding{"cookie.secure_over_http", Status::unknown,
                       "not checked: the page could not be read", ""};
    if (!secure(facts))
        return Finding{"cookie.secure_over_http", Status::ok,
                       "the cookie is not Secure, as plain http needs", ""};
    return Finding{
        "cookie.secure_over_http", Status::fail,
        fmt::format(
            "the session cookie is Secure ({}) but the page is plain http: browsers drop it and every login "
            "ends at the login page again",
            seen_where(facts)),
        "serve the page over https, or for development set SESSION_COOKIE_SECURE=false"};
}

Judged check_not_secure_over_https(const Facts& facts) {
    if (!facts.page.asked && !facts.cookie.secure && !facts.development) {
        return Finding{"cookie.secure", Status::warn,
                       "SESSION_COOKIE_SECURE=false: the session cookie travels over plain http, "
                       "where anybody on the way can take it",
                       "serve https and set SESSION_COOKIE_SECURE=true"};
    }
    if (!answered(facts) || !facts.page.https) return std::nullopt;
    if (secure(facts)) return Finding{"cookie.secure", Status::ok, "the cookie is Secure", ""};
    return Finding{"cookie.secure", Status::fail,
                   fmt::format("the page is https but the session cookie is not Secure ({})",
                               seen_where(facts)),
                   "set SESSION_COOKIE_SECURE=true"};
}

Judged check_same_site(const Facts& facts) {
    const bool by_page =
        std::any_of(facts.page.cookies.begin(), facts.page.cookies.end(), [](const auto& cookie) {
            return cookie.same_site == "none" && !cookie.secure;
        });
    const bool by_settings = facts.cookie.same_site == SameSite::none && !facts.cookie.secure;
    if (by_page || by_settings) {
        return Finding{"cookie.same_site", Status::fail,
                       "the session cookie is SameSite=None without Secure: browsers drop it",
                       "set SESSION_COOKIE_SECURE=true, or SESSION_COOKIE_SAMESITE=Lax"};
    }
    if (!answered(facts)) return std::nullopt;
    return Finding{"cookie.same_site", Status::ok, "SameSite fits Secure", ""};
}

Judged check_proxy_scheme(const Facts& facts) {
    if (!facts.page.asked) return std::nullopt;
    if (!answered(facts))
        return Finding{"cookie.proxy_scheme", Status::unknown,
                       "not checked: the page could not be read", ""};
    const auto& location = facts.page.https ? facts.page.location : facts.page.location_forwarded;
    if (location.starts_with("http://")) {
        return Finding{
            "cookie.proxy_scheme", Status::fail,
            facts.page.https
                ? "the application redirects an https request to http://: the proxy's scheme is lost"
                : "the application ignores X-Forwarded-Proto: behind a TLS proxy it believes in plain http",
            "let the proxy send X-Forwarded-Proto, and the application trust it (Werkzeug's ProxyFix with x_proto=1)"};
    }
    if (location.starts_with("https://")) {
        return Finding{"cookie.proxy_scheme", Status::ok,
                       "the application knows that the outside is https", ""};
    }
    return Finding{
        "cookie.proxy_scheme", Status::unknown,
        "the answer does not show which scheme the application believes in (no redirect with a full address)",
        ""};
}

Judged check_flask_clash(const Facts& facts) {
    if (!answered(facts)) return std::nullopt;
    const bool clash =
        std::any_of(facts.page.cookies.begin(), facts.page.cookies.end(),
                    [](const auto& cookie) { return looks_like_flask(cookie.value_begin); });
    if (clash) {
        return Finding{
            "cookie.flask", Status::fail,
            fmt::format(
                "the cookie {} is Flask's own signed cookie (it begins eyJ or .eJ): the application does not "
                "use this product's sessions",
                facts.cookie.name),
            "call Vedfolnir(app) and let nothing replace app.session_interface after it"};
    }
    if (facts.page.cookies.empty()) {
        return Finding{"cookie.flask", Status::unknown, "the page set no session cookie to look at",
                       ""};
    }
    return Finding{"cookie.flask", Status::ok, "the cookie is not Flask's own", ""};
}

Judged check_cookie_value(const Facts& facts) {
    if (!facts.cookie_value) return std::nullopt;
    const auto finding = [](Status status, std::string message, std::string fix = {}) {
        return Finding{"cookie.value", status, std::move(message), std::move(fix)};
    };
    switch (*facts.cookie_value) {
    case CookieValueKind::ours:
        return finding(Status::ok, "this is a session id made with a key of this installation");
    case CookieValueKind::foreign_id:
        return finding(
            Status::fail,
            "this has the shape of a session id, but no key of this installation made it",
            "compare VEDFOLNIR_KEY between the hosts; after a key was removed from the ring, people log in again");
    case CookieValueKind::unchecked_id:
        return finding(
            Status::unknown,
            "this has the shape of a session id; without a usable key it cannot be checked");
    case CookieValueKind::flask:
        return finding(
            Status::warn,
            "this is an old Flask session cookie (signed, begins eyJ or .eJ); it is never taken for an id",
            "nothing has to be done: the next login replaces it; another SESSION_COOKIE_NAME avoids the clash");
    case CookieValueKind::uuid:
        return finding(
            Status::warn,
            "this is a UUID, the id form of the original application; it is never taken for an id",
            "nothing has to be done: the next login replaces it");
    case CookieValueKind::other:
        break;
    }
    return finding(Status::fail,
                   "this is not a session id (damaged, cut, or of another application)",
                   "see whether a proxy or another application on this domain changes the cookie");
}

}  // namespace vedfolnir::ops
