// What options must satisfy, whoever made them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

namespace vedfolnir::compose {

/// Errors: bad_options or key_unavailable; the message begins with the field.
[[nodiscard]] Result<void> validate(const ManagerOptions& options);

}  // namespace vedfolnir::compose
