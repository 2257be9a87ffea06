#include "config/apply.hpp"
#include "web/set_cookie.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace vedfolnir::config {
namespace {

SameSite same_site(std::string_view text) {
    const auto word = lower(text);
    if (word == "strict") return SameSite::strict;
    return word == "none" ? SameSite::none : SameSite::lax;
}

// The rules are the web layer's; here their fields get the names people set them by.
std::string by_variable(const std::string& problem) {
    using Name = std::pair<std::string_view, std::string_view>;
    static constexpr std::array names{Name{"cookie.name", "SESSION_COOKIE_NAME"},
                                      Name{"cookie.domain", "SESSION_COOKIE_DOMAIN"},
                                      Name{"cookie.path", "SESSION_COOKIE_PATH"},
                                      Name{"cookie.same_site", "SESSION_COOKIE_SAMESITE"},
                                      Name{"cookie.partitioned", "SESSION_COOKIE_PARTITIONED"},
                                      Name{"cookie.max_age", "SESSION_COOKIE_MAX_AGE"}};
    for (const auto& [field, variable] : names) {
        if (problem.starts_with(field)) return std::string(variable) + problem.substr(field.size());
    }
    return problem;
}

// The built-in name is the strongest one the other settings permit.
void choose_name(Resolving& to) {
    auto& cookie = to.settings.options.cookie;
    if (const auto name = to.layers.text("SESSION_COOKIE_NAME")) {
        cookie.name = *name;
        return;
    }
    if (to.layers.under_framework()) {
        cookie.name = "session";
        to.show("SESSION_COOKIE_NAME", cookie.name, Source::built_in, "Flask's own default name");
    } else if (!cookie.secure || !cookie.domain.empty() || cookie.path != "/") {
        cookie.name = "session";
        to.show("SESSION_COOKIE_NAME", cookie.name, Source::built_in,
                "__Host-session needs Secure, the path / and no domain");
    }
}

void apply_max_age(Resolving& to) {
    auto& options = to.settings.options;
    if (const auto age = to.layers.integer("SESSION_COOKIE_MAX_AGE")) {
        options.cookie.max_age = Seconds(*age);
        if (*options.cookie.max_age > options.lifetimes.absolute) {
            to.report.warn(fmt::format(
                "SESSION_COOKIE_MAX_AGE is longer than the absolute limit of {} s and is capped at it",
                options.lifetimes.absolute.count()));
            to.layers.note("SESSION_COOKIE_MAX_AGE", "capped at the absolute limit");
        }
    } else {
        to.layers.note("SESSION_COOKIE_MAX_AGE", "a browser-session cookie");
    }
    if (const auto lifetime = to.layers.integer("PERMANENT_SESSION_LIFETIME")) {
        to.settings.permanent_lifetime = Seconds(*lifetime);
        to.layers.note("PERMANENT_SESSION_LIFETIME",
                       "shapes the cookie of permanent sessions only");
    }
}

}  // namespace

void apply_cookie(Resolving& to) {
    auto& cookie = to.settings.options.cookie;
    const auto& layers = to.layers;
    cookie.domain = layers.text("SESSION_COOKIE_DOMAIN").value_or("");
    cookie.path = layers.text("SESSION_COOKIE_PATH").value_or("/");
    cookie.secure = layers.boolean("SESSION_COOKIE_SECURE").value_or(true);
    cookie.http_only = layers.boolean("SESSION_COOKIE_HTTPONLY").value_or(true);
    cookie.same_site = same_site(layers.text("SESSION_COOKIE_SAMESITE").value_or("Lax"));
    cookie.partitioned = layers.boolean("SESSION_COOKIE_PARTITIONED").value_or(false);
    choose_name(to);
    apply_max_age(to);
    if (auto valid = web::validate(cookie); !valid)
        to.report.error(by_variable(valid.error().public_message));
    if (!cookie.secure) {
        to.report.warn(
            "SESSION_COOKIE_SECURE=false: the session cookie travels over plain http, where anybody on the way can take it; serve https and set it to true");
    }
    if (!cookie.http_only) {
        to.report.warn(
            "SESSION_COOKIE_HTTPONLY=false: scripts in the page can read the session cookie");
    }
}

}  // namespace vedfolnir::config
