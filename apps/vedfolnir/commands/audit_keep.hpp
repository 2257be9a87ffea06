// The subcommands of `audit` that hand entries out.
#pragma once

#include "commands/commands.hpp"

namespace vedfolnir::cli {

/// Adds export.
void add_audit_keep(CLI::App& audit, Chosen& chosen);

}  // namespace vedfolnir::cli
