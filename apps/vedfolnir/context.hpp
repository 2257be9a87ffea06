// What every command gets: the console, the global options, and on demand settings and a manager.
#pragma once

#include "config/settings.hpp"
#include "console.hpp"
#include "vedfolnir/session_manager.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace vedfolnir::cli {

/// Whether a command opens or seals something; else a key that is not set is no fault.
enum class KeyRing : std::uint8_t { needed, not_needed };

/// What a command does that writes, where SQL does not answer whether the key ring is that of the database.
enum class Doubt : std::uint8_t { refuses, warns };

struct Context {
    Console console;
    std::string config_file;
    std::string env_file;

    /// Reads the settings; faults in single values are in `errors`. Reports what cannot be read at all.
    [[nodiscard]] std::optional<config::Settings> read_settings(ExitCode& code) const;
    /// Settings without errors; prints warnings and errors.
    [[nodiscard]] std::optional<config::Settings> valid_settings(
        ExitCode& code, KeyRing ring = KeyRing::needed) const;
    /// Valid settings of a database that is there; says so where it is not.
    [[nodiscard]] std::optional<config::Settings> existing_settings(
        ExitCode& code, KeyRing ring = KeyRing::needed) const;
    [[nodiscard]] std::optional<SessionManager> open_manager(ExitCode& code) const;
    /// Before a command writes: whether its key ring is that of the database. Says why it must not. Options as
    /// `compose::complete` leaves them.
    [[nodiscard]] bool may_write(const ManagerOptions& options, ExitCode& code,
                                 Doubt doubt = Doubt::refuses) const;
    /// For commands that only look: where there is no database yet, says so instead of making one.
    [[nodiscard]] std::optional<SessionManager> open_existing(ExitCode& code) const;

private:
    [[nodiscard]] std::optional<config::Settings> shared_settings(ExitCode& code, bool must_exist,
                                                                  KeyRing ring) const;
    [[nodiscard]] std::optional<SessionManager> open(ExitCode& code, bool must_exist) const;
};

}  // namespace vedfolnir::cli
