// The subcommands of `audit` that prove things.
#pragma once

#include "commands/commands.hpp"

namespace vedfolnir::cli {

/// Adds verify, prove, consistency and head.
void add_audit_proof(CLI::App& audit, Chosen& chosen);

}  // namespace vedfolnir::cli
