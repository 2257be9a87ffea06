// Whether there is a database to look into, asked without making one.
#pragma once

#include "vedfolnir/options.hpp"

#include <optional>
#include <string>

namespace vedfolnir::compose {

/// The path of the SQLite file these options name, if nothing stands there. Empty where one does, and where that cannot
/// be said from here: then opening the manager says it.
[[nodiscard]] std::optional<std::string> missing_database_file(const ManagerOptions& options);

}  // namespace vedfolnir::compose
