// The cookie, lifetimes, where sessions are kept, identity.
#include "config/catalogue_groups.hpp"

#include <array>

namespace vedfolnir::config {
namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t year_and_more = 400 * day;  // RFC 6265bis: browsers keep no cookie longer.
constexpr std::string_view sync_later =
    "read by no part of this version: belongs to the cross-tab client";
constexpr std::string_view policy_later =
    "enforced by nothing in this version: belongs to the security policies";

constexpr std::array known{

    // Cookie
    Known{
        .name = "SESSION_COOKIE_NAME",
        .group = Group::cookie,
        .fallback = "__Host-session",
        .about =
            "Name of the cookie. Built in: `session` under Flask and on plain http, else `__Host-session`."},
    Known{.name = "SESSION_COOKIE_HTTPONLY",
          .kind = Kind::boolean,
          .group = Group::cookie,
          .fallback = "true",
          .about = "Scripts cannot read the cookie."},
    Known{
        .name = "SESSION_COOKIE_SECURE",
        .kind = Kind::boolean,
        .group = Group::cookie,
        .fallback = "true",
        .about =
            "Browsers send the cookie over https only. The presets development and testing say false."},
    Known{.name = "SESSION_COOKIE_SAMESITE",
          .kind = Kind::choice,
          .group = Group::cookie,
          .fallback = "Lax",
          .about = "When other sites' requests carry the cookie. `None` needs Secure.",
          .choices = "Lax|Strict|None"},
    Known{.name = "SESSION_COOKIE_MAX_AGE",
          .kind = Kind::integer,
          .group = Group::cookie,
          .about =
              "Seconds until the browser drops the cookie, capped at the absolute limit. Empty: a "
              "browser-session cookie.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "SESSION_COOKIE_DOMAIN",
          .group = Group::cookie,
          .about = "Domain of the cookie; empty: this host only."},
    Known{.name = "SESSION_COOKIE_PATH",
          .group = Group::cookie,
          .fallback = "/",
          .about = "Path of the cookie."},
    Known{.name = "SESSION_COOKIE_PARTITIONED",
          .kind = Kind::boolean,
          .group = Group::cookie,
          .fallback = "false",
          .about = "Partitioned cookie (CHIPS); needs Secure and SameSite=None."},
    Known{
        .name = "PERMANENT_SESSION_LIFETIME",
        .kind = Kind::integer,
        .group = Group::cookie,
        .about =
            "Flask: seconds a permanent session's cookie lives. Shapes the cookie only, never a limit.",
        .min = 1,
        .max = year_and_more},
    Known{
        .name = "SESSION_REFRESH_EACH_REQUEST",
        .kind = Kind::boolean,
        .group = Group::cookie,
        .about = "Flask: re-send a permanent cookie on every response.",
        .unused =
            "not followed: a cookie is re-sent together with a touch, so it never lapses before the session"},

    // Lifetimes
    Known{.name = "REDIS_SESSION_TIMEOUT",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "7200",
          .about = "Idle limit, seconds. First of four names.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "SESSION_TIMEOUT",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .about = "Idle limit, second name.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "AUTH_SESSION_LIFETIME",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .about = "Idle limit, third name.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "SESSION_IDLE_TIMEOUT_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .about = "Idle limit, fourth name.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "SESSION_ABSOLUTE_TIMEOUT_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "86400",
          .about = "Absolute limit, seconds. First of two names.",
          .min = 1,
          .max = year_and_more},
    Known{.name = "SESSION_LIFETIME_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .about = "Absolute limit, second name.",
          .min = 1,
          .max = year_and_more},
    Known{
        .name = "VEDFOLNIR_TOUCH_INTERVAL_SECONDS",
        .kind = Kind::integer,
        .group = Group::lifetimes,
        .fallback = "60",
        .about =
            "Activity is recorded at most this often. Built in: 60, or a twentieth of a shorter idle limit.",
        .min = 1,
        .max = 3600},
    Known{.name = "VEDFOLNIR_CLOCK_SKEW_MAX_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "30",
          .about = "A stored time further ahead of now than this is rejected.",
          .min = 0,
          .max = 3600},
    Known{.name = "ADMIN_SESSION_TIMEOUT",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "3600",
          .about = "Idle limit of administrators.",
          .unused = policy_later,
          .min = 1,
          .max = year_and_more},
    Known{.name = "AUTH_REMEMBER_COOKIE_DURATION",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "2592000",
          .about = "Life of Flask-Login's remember cookie, seconds.",
          .unused = "not read here: Flask-Login reads REMEMBER_COOKIE_DURATION from app.config",
          .min = 1,
          .max = year_and_more},
    Known{
        .name = "SESSION_MAX_AGE",
        .kind = Kind::integer,
        .group = Group::lifetimes,
        .fallback = "172800",
        .about = "Age limit in scripts of the original application.",
        .unused =
            "read by no part of the product: SESSION_ABSOLUTE_TIMEOUT_SECONDS is the absolute limit",
        .min = 1,
        .max = year_and_more},
    Known{.name = "SESSION_EXPIRATION_GRACE_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "300",
          .about = "Grace after expiry in the original application.",
          .unused = "not followed: an expired session is refused at once",
          .min = 0,
          .max = day},
    Known{.name = "SESSION_WARNING_THRESHOLD_SECONDS",
          .kind = Kind::integer,
          .group = Group::lifetimes,
          .fallback = "900",
          .about = "When a page warns of the coming expiry.",
          .unused = sync_later,
          .min = 0,
          .max = day},

    // Choice
    Known{
        .name = "SESSION_STORAGE",
        .kind = Kind::choice,
        .group = Group::choice,
        .fallback = "redis",
        .about =
            "Where live sessions stand: `redis`, `database` (SQL) or `memory` (one process; for tests).",
        .choices = "redis|database|memory"},

    // Identity
    Known{.name = "VEDFOLNIR_IDENTITY_KEYS",
          .kind = Kind::names,
          .group = Group::identity,
          .fallback = "_user_id,user_id",
          .about = "Session keys that hold the user's id; the first present counts."},
    Known{.name = "VEDFOLNIR_REQUEST_LOCAL_KEYS",
          .kind = Kind::names,
          .group = Group::identity,
          .fallback = "_remember,_remember_seconds",
          .about = "Session keys never loaded or stored."},
    Known{.name = "VEDFOLNIR_DROPPED_AT_LOGIN",
          .kind = Kind::names,
          .group = Group::identity,
          .fallback = "csrf_token,_csrf_token,_csrf_session_id,_csrf_created,_csrf_last_activity",
          .about = "Session keys that no login keeps."},
    Known{.name = "VEDFOLNIR_KEPT_AT_LOGIN",
          .kind = Kind::names,
          .group = Group::identity,
          .about = "When set, only these application keys survive a login."},
    Known{.name = "VEDFOLNIR_AUDITED_KEYS",
          .kind = Kind::names,
          .group = Group::identity,
          .fallback = "current_platform_id",
          .about = "Session keys whose change is audited."},
};

}  // namespace

std::span<const Known> known_sessions() noexcept { return known; }

}  // namespace vedfolnir::config
