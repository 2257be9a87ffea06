// Settings from the environment: REDIS_*, SESSION_* and VEDFOLNIR_*, as docs/reference/configuration.md lists them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/session_manager.hpp"

namespace vedfolnir {

/// Options as this process's environment (and the file that VEDFOLNIR_CONFIG names) says. Warnings go to stderr.
/// Errors: bad_options, with one line per fault.
[[nodiscard]] Result<ManagerOptions> options_from_environment();

/// Opens a manager with those options. Errors: bad_options, key_unavailable.
[[nodiscard]] Result<SessionManager> open_from_environment();

}  // namespace vedfolnir
