// How the command ends; documented in docs/reference/cli.md.
#pragma once

#include "vedfolnir/error.hpp"

namespace vedfolnir::cli {

enum class ExitCode : int {
    ok = 0,
    failed = 1,      ///< Nothing found, or a check failed.
    usage = 2,       ///< Wrong options, or a configuration that must not start.
    unavailable = 3  ///< Redis or SQL could not answer, or could not make it durable.
};

[[nodiscard]] ExitCode exit_code_of(Errc code) noexcept;

}  // namespace vedfolnir::cli
