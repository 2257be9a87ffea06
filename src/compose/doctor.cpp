#include "compose/doctor.hpp"

#include "compose/audit_keys.hpp"
#include "compose/page.hpp"
#include "compose/redis_facts.hpp"
#include "compose/sample_record.hpp"
#include "compose/state_dir.hpp"
#include "crypto/key_ring.hpp"
#include "journal/file_journal.hpp"
#include "model/session_id.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/audit_writer.hpp"
#include "sql/fallback_table.hpp"
#include "sql/lifecycle.hpp"
#include "sql/location.hpp"
#include "sql/sql.hpp"
#include "sql/sqlite_dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace vedfolnir::compose {
namespace {

std::optional<unsigned> mode_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return static_cast<unsigned>(status.st_mode) & 07777U;
}

// Faults of one topic say that its options are not what the operator meant.
bool has_errors_about(const config::Settings& settings, std::string_view beginning) {
    return std::any_of(settings.errors.begin(), settings.errors.end(),
                       [&](const std::string& error) { return error.starts_with(beginning); });
}

std::vector<ops::SecretFile> secret_files(const config::Settings& settings,
                                          const std::string& state_dir) {
    std::vector<ops::SecretFile> files;
    files.reserve(settings.secret_paths.size() + 2);
    for (const auto& [variable, path] : settings.secret_paths)
        files.push_back({variable, path, mode_of(path)});
    const auto generated = state_dir + "/" + development_key_file;
    if (settings.options.development && settings.options.keys.keys.empty() && mode_of(generated)) {
        files.push_back({"VEDFOLNIR_STATE_DIR", generated, mode_of(generated)});
    }
    const auto signing = state_dir + "/" + audit_key_file;
    if (settings.options.audit.key_file.empty() && mode_of(signing))
        files.push_back({"VEDFOLNIR_STATE_DIR", signing, mode_of(signing)});
    return files;
}

/// Names of records are one-way hashes: the first ones are any.
std::optional<ops::SessionSizes> session_sizes(sql::Connection& db) {
    constexpr std::int64_t sample = 2000;
    ops::SessionSizes sizes;
    for (const auto& row :
         db.query("record_sizes", 2, {{"after", std::string()}, {"page", sample}})) {
        // As base64.
        const auto bytes = static_cast<std::uint64_t>(row.integer(0)) / 4 * 3;
        ++sizes.looked_at;
        if (bytes > ops::SessionSizes::large_from) ++sizes.large;
        if (bytes <= sizes.largest) continue;
        sizes.largest = bytes;
        sizes.handle = row.text(1);
    }
    return sizes;
}

// Opens the database as an application would and commits a transaction: lock, disk and schema in one.
void try_database(const ManagerOptions& options, const std::string& state_dir,
                  const std::optional<audit::SharedSealer>& sealer, ops::DatabaseFacts& facts,
                  std::optional<FallbackState>& fallback, std::optional<ops::SessionSizes>& sizes) {
    runtime::Runtime runtime;
    auto database = sql::make_database(
        options.sql, state_dir, {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) {
        facts.failure = database.error().detail;
        return;
    }
    const auto deadline = deadline_in(2 * options.sql.statement_timeout);
    // First, because it makes the tables where there are none: that is no wait of a login.
    std::function<FallbackState(sql::Connection&)> look = sql::fallback_state;
    const auto state = runtime::run_sync<FallbackState>(
        runtime, (*database)->read<FallbackState>(std::move(look), deadline), deadline);
    if (!state) {
        facts.usable = false;
        facts.failure = state.error().detail;
        return;
    }
    using Clock = std::chrono::steady_clock;
    const auto asked = Clock::now();
    const auto turn = std::make_shared<std::atomic<Clock::time_point>>(asked);
    std::function<std::string(sql::Connection&)> ask = [turn](sql::Connection& db) {
        turn->store(Clock::now());
        sql::change_nothing(db);
        return db.query("durability", 1).at(0).text(0);
    };
    const auto written = runtime::run_sync<std::string>(
        runtime, (*database)->write<std::string>(std::move(ask), deadline), deadline);
    facts.took = std::chrono::duration_cast<Millis>(Clock::now() - asked);
    facts.waited = std::chrono::duration_cast<Millis>(turn->load() - asked);
    facts.usable = written.has_value();
    if (written) facts.weakness = *written;
    if (!written) facts.failure = written.error().detail;
    if (!written) return;
    fallback = *state;
    std::function<std::optional<ops::SessionSizes>(sql::Connection&)> measure = session_sizes;
    const auto measured = runtime::run_sync<std::optional<ops::SessionSizes>>(
        runtime, (*database)->read<std::optional<ops::SessionSizes>>(std::move(measure), deadline),
        deadline);
    if (measured) sizes = *measured;
    if (!sealer) return;
    std::function<std::optional<bool>(sql::Connection&)> open = [&](sql::Connection& db) {
        return sql::trail_opens(db, **sealer);
    };
    const auto opens = runtime::run_sync<std::optional<bool>>(
        runtime, (*database)->read<std::optional<bool>>(std::move(open), deadline), deadline);
    if (opens) facts.trail_opens = *opens;
}

ops::DatabaseFacts database_facts(const config::Settings& settings, const std::string& state_dir,
                                  const std::optional<audit::SharedSealer>& sealer,
                                  std::optional<FallbackState>& fallback,
                                  std::optional<ops::SessionSizes>& sizes) {
    ops::DatabaseFacts facts;
    facts.applies = settings.options.store != StoreKind::memory;
    if (!facts.applies) return facts;
    if (has_errors_about(settings, "SESSION_DATABASE_URL")) {
        facts.failure = "its setting is wrong (see configuration)";
        return facts;
    }
    const auto location = sql::parse_location(settings.options.sql.url, state_dir);
    if (!location) {
        facts.failure = location.error().detail;
        return facts;
    }
    facts.path = location->text();
    facts.is_file = location->is_file();
    if (facts.is_file) facts.mode = mode_of(facts.path);
    facts.exists = !facts.is_file || facts.mode.has_value();
    // A file that is not there yet is not made by looking.
    if (facts.exists) {
        try_database(settings.options, state_dir, sealer, facts, fallback, sizes);
    } else if (auto fault = sql::folder_fault(*location)) {
        facts.usable = false;
        facts.failure = std::move(fault->detail);
    }
    return facts;
}

// Of the nearest folder that exists: looking makes none.
std::string passing_file_system(std::string path) {
    struct statfs status {};
    while (::statfs(path.c_str(), &status) != 0) {
        const auto slash = path.rfind('/');
        if (slash == std::string::npos || slash == 0) return {};
        path.resize(slash);
    }
    switch (static_cast<unsigned long>(status.f_type)) {
    case TMPFS_MAGIC:
        return "tmpfs";
    case RAMFS_MAGIC:
        return "ramfs";
    case OVERLAYFS_SUPER_MAGIC:
        return "overlay";
    default:
        return {};
    }
}

ops::JournalFacts journal_facts(const config::Settings& settings, const std::string& state_dir) {
    ops::JournalFacts facts;
    facts.applies = settings.options.store != StoreKind::memory && !state_dir.empty();
    if (!facts.applies) return facts;
    facts.path = journal::folder_of(state_dir);
    facts.passing_file_system = passing_file_system(facts.path);
    const auto home = sql::parse_location({}, state_dir);
    if (auto fault = home ? sql::folder_fault(*home) : std::nullopt)
        facts.unwritable = std::move(fault->detail);
    const auto status = journal::look(facts.path);
    if (!status) {
        facts.failure = status.error().detail;
        return facts;
    }
    facts.entries = status->entries;
    facts.aside = status->aside;
    if (status->tail == journal::Tail::damaged)
        facts.damage = fmt::format("it is damaged at offset {}", status->damage_at);
    if (status->oldest)
        facts.age =
            std::chrono::duration_cast<Seconds>(std::chrono::system_clock::now() - *status->oldest);
    return facts;
}

ops::AuditFacts audit_facts(const config::Settings& settings, const std::string& state_dir) {
    ops::AuditFacts facts;
    const auto& options = settings.options;
    facts.applies = options.store != StoreKind::memory && !state_dir.empty();
    if (!facts.applies) return facts;
    const auto key = kept_audit_key(audit_key_path(options.audit, state_dir));
    if (!key) facts.failure = key.error().detail;
    facts.has_key = key && *key;
    facts.signing = options.audit.sign_interval > Seconds::zero();
    facts.copied = !options.audit.heads_file.empty();
    facts.archived = !options.audit.archive_dir.empty();
    return facts;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) return false;
    }
    return true;
}

// The keys as the application has them; none where the settings give none.
KeyOptions keys_of(const config::Settings& settings, const std::string& state_dir) {
    auto keys = settings.options.keys;
    const auto generated = state_dir + "/" + development_key_file;
    // Only a key that is there already: looking makes none.
    if (keys.keys.empty() && settings.options.development && mode_of(generated)) {
        if (auto key = development_key(state_dir)) keys.keys.push_back({1, std::move(*key)});
    }
    return keys;
}

// Empty where it cannot be had: the checks of the keys say why.
template <class T>
std::optional<T> usable(Result<T> made) {
    return made ? std::optional(std::move(*made)) : std::nullopt;
}

ops::CookieValueKind kind_of(std::string_view value, const std::string& name,
                             const std::optional<crypto::KeyRing>& ring) {
    if (value.starts_with(name + "=")) value.remove_prefix(name.size() + 1);
    if (value.starts_with("eyJ") || value.starts_with(".eJ")) return ops::CookieValueKind::flask;
    if (is_uuid(value)) return ops::CookieValueKind::uuid;
    const auto id = model::SessionId::parse(value);
    if (!id) return ops::CookieValueKind::other;
    if (!ring) return ops::CookieValueKind::unchecked_id;
    return ring->verify(*id) ? ops::CookieValueKind::ours : ops::CookieValueKind::foreign_id;
}

}  // namespace

ops::Facts gather(const config::Settings& settings, const DoctorOrder& order) {
    const auto& options = settings.options;
    const auto state_dir = state_dir_of(options.state_dir);
    const auto directory = state_dir ? *state_dir : std::string();
    ops::Facts facts;
    facts.development = options.development;
    facts.errors = settings.errors;
    if (!state_dir) facts.errors.push_back(state_dir.error().detail);
    facts.warnings = settings.warnings;
    facts.secret_files = secret_files(settings, directory);
    facts.cookie = options.cookie;
    facts.clock_skew_max = options.lifetimes.clock_skew_max;
    facts.redis.used = options.store == StoreKind::redis;
    // With contradicting settings any address would be a guess.
    const bool redis_named = facts.redis.used && !has_errors_about(settings, "REDIS_");
    // Beside the database: neither waits for the other where both are silent.
    std::future<ops::RedisFacts> redis;
    if (redis_named) redis = std::async(std::launch::async, redis_facts, options.redis);
    facts.fallback.applies = options.fallback.has_value();
    const auto keys = keys_of(settings, directory);
    const auto ring = usable(crypto::KeyRing::open(keys));
    facts.database = database_facts(settings, directory, usable(make_sealer(keys)),
                                    facts.fallback.state, facts.session_sizes);
    if (redis_named) facts.redis = redis.get();
    if (!options.jobs.snapshots) facts.redis.current.reset();  // there are no copies
    const bool answers =
        std::any_of(facts.redis.steps.begin(), facts.redis.steps.end(),
                    [](const auto& step) { return step.name == "functions" && step.passed; });
    if (ring && answers && facts.database.usable.value_or(false))
        facts.sample = try_sample_record(options, directory, *ring);
    else
        facts.sample.failure = "the key ring, Redis or SQL is not usable (see there)";
    facts.journal = journal_facts(settings, directory);
    facts.audit = audit_facts(settings, directory);
    if (!order.url.empty()) facts.page = read_page(order.url, options.cookie.name);
    if (!order.cookie.empty())
        facts.cookie_value = kind_of(order.cookie, options.cookie.name, ring);
    return facts;
}

}  // namespace vedfolnir::compose
