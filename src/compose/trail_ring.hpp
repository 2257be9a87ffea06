// Whether this key ring is that of the database, asked before anything is written with it.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

namespace vedfolnir::compose {

/// Blocks, on a connection of its own, and writes nothing; options as `complete` leaves them. Good also where nobody was ever
/// named in the database, and where there is no database yet. Errors: key_unavailable (users have other names in it: the index
/// secret is another one), bad_options, and those of reading: it could not be found out.
[[nodiscard]] Result<void> check_trail_ring(const ManagerOptions& options);

}  // namespace vedfolnir::compose
