// Settings of this process: environment, dotenv file, TOML file, arguments.
#pragma once

#include "config/settings.hpp"

#include <optional>
#include <string>

namespace vedfolnir::compose {

struct Sources {
    config::TextMap arguments;
    std::string config_file;  ///< TOML; empty: what VEDFOLNIR_CONFIG names.
    std::string env_file;     ///< Dotenv; the process's own environment wins over it.
    std::optional<config::TextMap> framework;  ///< Set under Flask: its `app.config` as text.
};

/// The environment of this process.
[[nodiscard]] config::TextMap process_environment();

/// Reads the files and resolves everything. Errors: bad_options when a file cannot be read or parsed; faults in
/// values are in `Settings::errors`.
[[nodiscard]] Result<config::Settings> settings_of(const Sources& sources);

}  // namespace vedfolnir::compose
