// The subcommands of `audit` that move, keep, hand out and erase.
#pragma once

#include "commands/commands.hpp"

namespace vedfolnir::cli {

/// Adds archive, hold, release, export and erase.
void add_audit_keep(CLI::App& audit, Chosen& chosen);

}  // namespace vedfolnir::cli
