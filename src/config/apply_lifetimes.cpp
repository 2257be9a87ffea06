#include "config/apply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace vedfolnir::config {
namespace {

constexpr std::array<std::string_view, 4> idle_names{"REDIS_SESSION_TIMEOUT", "SESSION_TIMEOUT",
                                                     "AUTH_SESSION_LIFETIME",
                                                     "SESSION_IDLE_TIMEOUT_SECONDS"};
constexpr std::array<std::string_view, 2> absolute_names{"SESSION_ABSOLUTE_TIMEOUT_SECONDS",
                                                         "SESSION_LIFETIME_SECONDS"};

// The name said in the strongest place; among equals the first in order.
std::optional<std::string_view> winner(const Layers& layers,
                                       std::span<const std::string_view> names) {
    std::optional<std::string_view> best;
    for (const auto name : names) {
        const auto* said = layers.said(name);
        if (said == nullptr) continue;
        if (!best || said->source < layers.said(*best)->source) best = name;
    }
    return best;
}

// Touches must be much finer than the idle limit, or the limit observed is not the one configured.
void apply_touch_interval(Resolving& to) {
    auto& lifetimes = to.settings.options.lifetimes;
    if (const auto said = to.layers.integer("VEDFOLNIR_TOUCH_INTERVAL_SECONDS")) {
        lifetimes.touch_interval = Seconds(*said);
        if (lifetimes.touch_interval > lifetimes.idle) {
            to.report.warn(
                "VEDFOLNIR_TOUCH_INTERVAL_SECONDS is longer than the idle limit, which sessions then outlive by that much");
        }
        return;
    }
    const auto fine = std::max(Seconds(1), lifetimes.idle / 20);
    if (fine >= lifetimes.touch_interval) return;
    lifetimes.touch_interval = fine;
    to.show("VEDFOLNIR_TOUCH_INTERVAL_SECONDS", fmt::format("{}", fine.count()), Source::built_in,
            "a twentieth of the idle limit");
}

}  // namespace

Seconds one_limit(Resolving& to, std::span<const std::string_view> names, Seconds built_in,
                  std::string_view what) {
    const auto best = winner(to.layers, names);
    if (!best) return built_in;
    const auto value = to.layers.integer(*best).value_or(built_in.count());
    for (const auto name : names) {
        const auto other = to.layers.integer(name);
        if (name == *best || !other) continue;
        to.layers.note(name, fmt::format("{} decides the {}", *best, what));
        if (*other != value) {
            to.report.warn(fmt::format("{}={} and {}={} name the same {}; {} wins", *best, value,
                                       name, *other, what, *best));
        }
    }
    if (*best != names.front() && to.layers.said(names.front()) == nullptr) {
        to.show(names.front(), fmt::format("{}", value), to.layers.said(*best)->source,
                fmt::format("from {}", *best));
    }
    return Seconds(value);
}

void apply_lifetimes(Resolving& to) {
    auto& lifetimes = to.settings.options.lifetimes;
    lifetimes.idle = one_limit(to, idle_names, lifetimes.idle, "idle limit");
    lifetimes.absolute = one_limit(to, absolute_names, lifetimes.absolute, "absolute limit");
    if (lifetimes.idle > lifetimes.absolute) {
        to.report.warn(fmt::format(
            "the idle limit of {} s is longer than the absolute limit of {} s, which ends sessions first "
            "(SESSION_ABSOLUTE_TIMEOUT_SECONDS)",
            lifetimes.idle.count(), lifetimes.absolute.count()));
    }
    apply_touch_interval(to);
    if (const auto skew = to.layers.integer("VEDFOLNIR_CLOCK_SKEW_MAX_SECONDS"))
        lifetimes.clock_skew_max = Seconds(*skew);
}

std::vector<std::string> deviations(const ManagerOptions& options) {
    std::vector<std::string> out;
    if (options.lifetimes.idle > Seconds(3600)) {
        out.push_back(fmt::format(
            "NIST SP 800-63B-4, 2.2.3 (AAL2): idle at most 3600 s; here {} s (REDIS_SESSION_TIMEOUT)",
            options.lifetimes.idle.count()));
    }
    if (options.lifetimes.absolute > Seconds(86400)) {
        out.push_back(
            fmt::format("NIST SP 800-63B-4, 2.2.3 (AAL2): overall at most 86400 s; here {} s "
                        "(SESSION_ABSOLUTE_TIMEOUT_SECONDS)",
                        options.lifetimes.absolute.count()));
    }
    if (options.cookie.max_age) {
        out.emplace_back(
            "NIST SP 800-63B-4, 5.1: a session secret does not outlive the browser; SESSION_COOKIE_MAX_AGE keeps it");
    }
    if (!options.cookie.secure) {
        out.emplace_back(
            "OWASP ASVS 5.0, 3.3.1: the cookie is Secure; SESSION_COOKIE_SECURE is false");
    }
    if (!options.cookie.http_only) {
        out.emplace_back(
            "OWASP ASVS 5.0, 3.3.4: the cookie is HttpOnly; SESSION_COOKIE_HTTPONLY is false");
    }
    if (options.cookie.same_site == SameSite::none) {
        out.emplace_back(
            "OWASP ASVS 5.0, 3.3.2: SameSite is set to the purpose; SESSION_COOKIE_SAMESITE is None");
    }
    if (!options.cookie.name.starts_with("__Host-")) {
        out.push_back(fmt::format(
            "OWASP ASVS 5.0, 3.3.3: the cookie's name begins with __Host-; SESSION_COOKIE_NAME is {}",
            options.cookie.name));
    }
    return out;
}

}  // namespace vedfolnir::config
