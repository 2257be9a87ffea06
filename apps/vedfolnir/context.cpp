#include "context.hpp"

#include "compose/database_file.hpp"
#include "compose/environment.hpp"
#include "compose/trail_ring.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vedfolnir::cli {

std::optional<config::Settings> Context::read_settings(ExitCode& code) const {
    auto settings = compose::settings_of(
        {.arguments = {}, .config_file = config_file, .env_file = env_file, .framework = {}});
    if (settings) return std::move(*settings);
    code = console.fail(settings.error(),
                        "correct that file, or name another one with --config or --env-file");
    return std::nullopt;
}

std::optional<config::Settings> Context::valid_settings(ExitCode& code, KeyRing ring) const {
    auto settings = read_settings(code);
    if (!settings) return std::nullopt;
    if (ring == KeyRing::not_needed) {
        std::erase_if(settings->errors, [](const std::string& error) {
            return error.starts_with(config::no_key_error);
        });
    }
    for (const auto& warning : settings->warnings) console.warn(warning);
    if (settings->errors.empty()) return settings;
    code = console.fail(
        Error{Errc::bad_options, fmt::format("{}", fmt::join(settings->errors, "\n"))});
    return std::nullopt;
}

std::optional<SessionManager> Context::open_manager(ExitCode& code) const {
    return open(code, false);
}

std::optional<SessionManager> Context::open_existing(ExitCode& code) const {
    return open(code, true);
}

bool Context::may_write(const ManagerOptions& options, ExitCode& code, Doubt doubt) const {
    const auto fits = compose::check_trail_ring(options);
    if (fits) return true;
    const Error& why = fits.error();
    if (why.code == Errc::key_unavailable) {
        code = console.fail(
            why,
            "take VEDFOLNIR_KEY, VEDFOLNIR_KEYS_FILE and VEDFOLNIR_INDEX_SECRET from the application; where a "
            "key was renewed, the first one stays in the ring as the oldest (vedfolnir doctor: keys.audit)");
        return false;
    }
    if (doubt == Doubt::warns) {
        console.warn("not checked whether this key ring is that of the database: " + why.detail);
        return true;
    }
    code = console.fail(why);
    return false;
}

std::optional<config::Settings> Context::existing_settings(ExitCode& code, KeyRing ring) const {
    return shared_settings(code, true, ring);
}

std::optional<config::Settings> Context::shared_settings(ExitCode& code, bool must_exist,
                                                         KeyRing ring) const {
    auto settings = valid_settings(code, ring);
    if (!settings) return std::nullopt;
    if (settings->options.store == StoreKind::memory) {
        code = console.fail(
            ExitCode::usage, "bad_options",
            "SESSION_STORAGE=memory: those sessions live inside the application; no other process sees them");
        return std::nullopt;
    }
    const auto missing =
        must_exist ? compose::missing_database_file(settings->options) : std::nullopt;
    if (missing) {
        code = console.fail(
            ExitCode::failed, "not_found",
            fmt::format("there is nothing to look at: the database {} does not exist", *missing),
            "after the first login it does; if there have been logins, SESSION_DATABASE_URL or "
            "VEDFOLNIR_STATE_DIR is not the application's");
        return std::nullopt;
    }
    // A command that looks something up takes over no background work, and ends before it could finish any.
    settings->options.jobs.run = false;
    if (settings->options.fallback) settings->options.fallback->leads_back = false;
    return settings;
}

std::optional<SessionManager> Context::open(ExitCode& code, bool must_exist) const {
    auto settings = shared_settings(code, must_exist, KeyRing::needed);
    if (!settings) return std::nullopt;
    auto manager = SessionManager::open(std::move(settings->options));
    if (manager) return std::move(*manager);
    code = console.fail(manager.error());
    return std::nullopt;
}

}  // namespace vedfolnir::cli
