// The subcommands of `audit` that take entries out of the database, or keep them there.
#pragma once

#include "commands/commands.hpp"

namespace vedfolnir::cli {

/// Adds export and archive.
void add_audit_keep(CLI::App& audit, Chosen& chosen);
/// Adds hold.
void add_audit_hold(CLI::App& audit, Chosen& chosen);

}  // namespace vedfolnir::cli
