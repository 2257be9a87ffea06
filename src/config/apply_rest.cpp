// Environment and presets, keys, database, identity, bounds: short topics.
#include "config/apply.hpp"
#include "config/keys.hpp"
#include "config/text.hpp"
#include "model/database_url.hpp"

#include <fmt/format.h>

#include <array>

namespace vedfolnir::config {
namespace {

void default_state_dir(Resolving& to) {
    auto& directory = to.settings.options.state_dir;
    if (const auto said = to.layers.text("VEDFOLNIR_STATE_DIR")) {
        directory = *said;
        return;
    }
    const auto& environment = to.layers.environment();
    const auto state = environment.find("XDG_STATE_HOME");
    const auto home = environment.find("HOME");
    if (state != environment.end() && state->second.starts_with('/')) {
        directory = state->second + "/vedfolnir";
    } else if (home != environment.end() && home->second.starts_with('/')) {
        directory = home->second + "/.local/state/vedfolnir";
    } else {
        to.report.warn(
            "VEDFOLNIR_STATE_DIR is not set and there is no HOME: set it to a private folder");
        return;
    }
    to.show("VEDFOLNIR_STATE_DIR", directory, Source::built_in, "");
}

// Secure follows the environment (S7), but not where another explicit setting would contradict it.
void apply_preset(Resolving& to) {
    const auto& environment = to.settings.environment;
    if (environment != "development" && environment != "testing") return;
    const auto name = lower(to.layers.text("SESSION_COOKIE_NAME").value_or(""));
    const bool prefixed = name.starts_with("__host-") || name.starts_with("__secure-");
    const bool cross_site = lower(to.layers.text("SESSION_COOKIE_SAMESITE").value_or("")) == "none";
    if (!prefixed && !cross_site) to.layers.preset("SESSION_COOKIE_SECURE", "false");
}

// A weak key is an error where it protects people, a warning where it protects a developer's test data.
void weak_key(Resolving& to, const std::string& text) {
    if (to.settings.options.development) {
        to.report.warn(text + " (refused outside development)");
    } else {
        to.report.error(fmt::format("{}; {}", text, make_key_hint));
    }
}

// The raw bytes of a secret variable; empty if it was not said or is unusable.
std::string secret_value(Resolving& to, std::string_view name) {
    const auto text = to.layers.text(name);
    if (!text) return {};
    auto raw = decode_secret(*text);
    if (!raw) {
        to.report.error(fmt::format("{}: {}", name, raw.error().detail));
        return {};
    }
    if (raw->size() < 32) {
        to.report.error(fmt::format(
            "{}: as base64 it stands for {} bytes; 32 random bytes or more are needed; {}", name,
            raw->size(), make_key_hint));
        return {};
    }
    if (auto why = secret_weakness(*text, *raw)) weak_key(to, fmt::format("{}: {}", name, *why));
    return std::move(*raw);
}

void read_ring_file(Resolving& to, const std::string& path) {
    auto text = to.input.read_file(path);
    if (!text) {
        to.report.error(fmt::format("VEDFOLNIR_KEYS_FILE: {}", text.error().detail));
        return;
    }
    auto ring = parse_key_ring(*text, to.input.read_file);
    if (!ring) {
        to.report.error(fmt::format("VEDFOLNIR_KEYS_FILE: {}", ring.error().detail));
        return;
    }
    for (const auto& weakness : ring->weaknesses) weak_key(to, "VEDFOLNIR_KEYS_FILE: " + weakness);
    auto& keys = to.settings.options.keys;
    if (keys.index_secret.empty()) keys.index_secret = ring->keys.index_secret;
    keys.keys = std::move(ring->keys.keys);
    if (keys.keys.size() > 1 && keys.index_secret.empty()) {
        to.report.warn(
            "VEDFOLNIR_INDEX_SECRET is not set: users are named by the oldest key, which must then stay in the ring");
    }
}

}  // namespace

void apply_environment(Resolving& to) {
    const auto ours = to.layers.text("VEDFOLNIR_ENV");
    const auto theirs = to.layers.text("SESSION_ENVIRONMENT");
    to.settings.environment = lower(ours.value_or(theirs.value_or("production")));
    if (ours && theirs && lower(*ours) != lower(*theirs)) {
        to.report.warn(
            fmt::format("VEDFOLNIR_ENV={} and SESSION_ENVIRONMENT={} differ; VEDFOLNIR_ENV wins",
                        *ours, *theirs));
    }
    if (!ours && theirs) {
        to.show("VEDFOLNIR_ENV", to.settings.environment,
                to.layers.said("SESSION_ENVIRONMENT")->source, "from SESSION_ENVIRONMENT");
    }
    auto& options = to.settings.options;
    options.development = to.settings.environment == "development";
    apply_preset(to);
    default_state_dir(to);
    options.plain_records = to.layers.boolean("VEDFOLNIR_PLAIN_RECORDS").value_or(false);
    if (options.plain_records && !options.development) {
        to.report.error(
            "VEDFOLNIR_PLAIN_RECORDS=true stores sessions unsealed; it is refused outside VEDFOLNIR_ENV=development");
    }
}

void apply_keys(Resolving& to) {
    auto& keys = to.settings.options.keys;
    keys.index_secret = secret_value(to, "VEDFOLNIR_INDEX_SECRET");
    const auto file = to.layers.text("VEDFOLNIR_KEYS_FILE");
    const bool single = to.layers.said("VEDFOLNIR_KEY") != nullptr;
    if (file && single) {
        to.report.error("VEDFOLNIR_KEY and VEDFOLNIR_KEYS_FILE are both set; remove one of them");
    } else if (file) {
        read_ring_file(to, *file);
    } else if (single) {
        if (auto raw = secret_value(to, "VEDFOLNIR_KEY"); !raw.empty())
            keys.keys.push_back({1, std::move(raw)});
    } else if (to.settings.options.development) {
        to.report.warn(
            "VEDFOLNIR_KEY is not set: development uses a generated key, kept in VEDFOLNIR_STATE_DIR");
        to.layers.note("VEDFOLNIR_KEY", "generated and kept in VEDFOLNIR_STATE_DIR");
    } else {
        to.report.error(fmt::format(
            "{} (nor VEDFOLNIR_KEY_FILE or VEDFOLNIR_KEYS_FILE): sessions cannot be sealed without a key; "
            "{}, or set VEDFOLNIR_ENV=development to try things out",
            no_key_error, make_key_hint));
    }
}

void apply_database(Resolving& to) {
    auto& options = to.settings.options;
    if (const auto url = to.layers.text("SESSION_DATABASE_URL")) {
        if (auto parsed = model::parse_database_url(trimmed(*url)); !parsed) {
            to.report.error(fmt::format("SESSION_DATABASE_URL {}", parsed.error().detail));
        } else {
            options.sql.url = trimmed(*url);
        }
    }
    if (const auto writers = to.layers.integer("VEDFOLNIR_SQL_WRITERS"))
        options.sql.writers = static_cast<std::size_t>(*writers);
    if (const auto ms = to.layers.integer("VEDFOLNIR_SQL_STATEMENT_TIMEOUT_MS"))
        options.sql.statement_timeout = Millis(*ms);
    const auto storage = lower(to.layers.text("SESSION_STORAGE").value_or("redis"));
    if (storage == "database") options.store = StoreKind::sql;
    if (storage == "memory") {
        options.store = StoreKind::memory;
        to.report.warn("SESSION_STORAGE=memory: sessions live in one process and end with it");
    }
}

void apply_audit(Resolving& to) {
    auto& audit = to.settings.options.audit;
    audit.key_file = to.layers.text("VEDFOLNIR_AUDIT_KEY_FILE").value_or("");
    audit.heads_file = to.layers.text("VEDFOLNIR_AUDIT_HEADS_FILE").value_or("");
    audit.archive_dir = to.layers.text("VEDFOLNIR_AUDIT_ARCHIVE_DIR").value_or("");
    if (const auto seconds = to.layers.integer("VEDFOLNIR_AUDIT_SIGN_SECONDS"))
        audit.sign_interval = Seconds(*seconds);
}

void apply_identity(Resolving& to) {
    auto& identity = to.settings.options.identity;
    const auto& layers = to.layers;
    if (auto names = layers.names("VEDFOLNIR_IDENTITY_KEYS")) identity.keys = std::move(*names);
    if (identity.keys.empty()) to.report.error("VEDFOLNIR_IDENTITY_KEYS names no key");
    if (auto names = layers.names("VEDFOLNIR_REQUEST_LOCAL_KEYS"))
        identity.request_local = std::move(*names);
    if (auto names = layers.names("VEDFOLNIR_DROPPED_AT_LOGIN"))
        identity.dropped_at_login = std::move(*names);
    if (auto names = layers.names("VEDFOLNIR_KEPT_AT_LOGIN"))
        identity.kept_at_login = std::move(*names);
    if (auto names = layers.names("VEDFOLNIR_AUDITED_KEYS")) identity.audited = std::move(*names);
}

namespace {

/// Two names of one switch: the stronger one wins, and a difference is said.
bool fallback_wanted(Resolving& to) {
    const auto ours = to.layers.boolean("SESSION_FALLBACK");
    const auto theirs = to.layers.boolean("DB_SESSION_FALLBACK");
    if (ours && theirs && *ours != *theirs) {
        to.report.warn(
            "SESSION_FALLBACK and DB_SESSION_FALLBACK differ; SESSION_FALLBACK wins because it is this product's own name");
    }
    return ours.value_or(theirs.value_or(true));
}

void apply_fallback(Resolving& to) {
    FallbackOptions fallback;
    if (const auto ms = to.layers.integer("VEDFOLNIR_FALLBACK_AFTER_MS"))
        fallback.hot_timeout = Millis(*ms);
    auto& chosen = to.settings.options.fallback;
    if (fallback_wanted(to)) {
        chosen = fallback;
    } else {
        chosen.reset();
    }
}

void apply_journal(Resolving& to) {
    const auto& layers = to.layers;
    auto& options = to.settings.options;
    if (const auto megabytes = layers.integer("VEDFOLNIR_JOURNAL_MB"))
        options.journal.bytes_max = static_cast<std::size_t>(*megabytes) * 1024 * 1024;
    if (const auto entries = layers.integer("VEDFOLNIR_JOURNAL_ENTRIES"))
        options.journal.entries_max = static_cast<std::size_t>(*entries);
    if (const auto ms = layers.integer("VEDFOLNIR_SQL_POLL_MS"))
        options.endings.poll_interval = Millis(*ms);
}

void apply_near_cache(Resolving& to) {
    const auto& layers = to.layers;
    NearCacheOptions near;
    if (const auto entries = layers.integer("VEDFOLNIR_NEAR_CACHE_ENTRIES"))
        near.entries_max = static_cast<std::size_t>(*entries);
    if (const auto megabytes = layers.integer("VEDFOLNIR_NEAR_CACHE_MB"))
        near.bytes_max = static_cast<std::size_t>(*megabytes) * 1024 * 1024;
    if (const auto ms = layers.integer("VEDFOLNIR_NEAR_CACHE_AGE_MS")) near.age_max = Millis(*ms);
    near.share_between_workers = layers.boolean("VEDFOLNIR_NEAR_CACHE_SHARED").value_or(true);
    auto& chosen = to.settings.options.near_cache;
    if (layers.boolean("VEDFOLNIR_NEAR_CACHE").value_or(true)) {
        chosen = near;
    } else {
        chosen.reset();
    }
}

}  // namespace

void apply_bounds(Resolving& to) {
    auto& options = to.settings.options;
    if (const auto ms = to.layers.integer("VEDFOLNIR_REQUEST_BUDGET_MS"))
        options.request_budget = Millis(*ms);
    if (const auto us = to.layers.integer("VEDFOLNIR_SLOW_OPERATION_US"))
        options.slow_operation = std::chrono::microseconds(*us);
    if (const auto bytes = to.layers.integer("VEDFOLNIR_PAYLOAD_MAX_BYTES")) {
        options.limits.payload_max = static_cast<std::size_t>(*bytes);
    }
    if (const auto keys = to.layers.integer("VEDFOLNIR_KEYS_MAX"))
        options.limits.keys_max = static_cast<std::size_t>(*keys);
    if (const auto depth = to.layers.integer("VEDFOLNIR_DEPTH_MAX")) {
        options.limits.depth_max = static_cast<std::size_t>(*depth);
    }
    apply_near_cache(to);
    apply_fallback(to);
    apply_journal(to);
    if (options.redis.request_timeout > options.request_budget) {
        to.report.warn(
            "VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS is longer than VEDFOLNIR_REQUEST_BUDGET_MS, which ends calls first");
    }
}

void warn_of_ignored_switches(Resolving& to) {
    struct Switch {
        std::string_view name;
        bool harmless;
    };
    static constexpr std::array switches{Switch{"SESSION_ENABLE_AUDIT_LOGGING", true},
                                         Switch{"SECURITY_SESSION_VALIDATION_ENABLED", true},
                                         Switch{"DISABLE_CSRF_FOR_TESTING", false}};
    for (const auto& entry : switches) {
        const auto said = to.layers.boolean(entry.name);
        if (!said || *said == entry.harmless) continue;
        to.report.warn(
            fmt::format("{} takes no effect: {}", entry.name, find_known(entry.name)->unused));
    }
}

void warn_of_flask_session(Resolving& to) {
    std::vector<std::string_view> names;
    for (const auto& [name, said] : to.layers.all()) {
        const auto* known = find_known(name);
        if (known != nullptr && known->group == Group::foreign && !said.text.empty())
            names.push_back(name);
    }
    if (names.empty()) return;
    to.report.warn(fmt::format(
        "settings of Flask-Session take no effect: {}; Redis is named by REDIS_URL (docs/guide/migrating.md)",
        fmt::join(names, ", ")));
}

}  // namespace vedfolnir::config
