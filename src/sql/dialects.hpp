// The engines there are.
#pragma once

#include "sql/dialect.hpp"
#include "sql/location.hpp"

#include <memory>

namespace vedfolnir::sql {

/// Opens nothing.
[[nodiscard]] std::unique_ptr<Dialect> make_dialect(Location location);

}  // namespace vedfolnir::sql
