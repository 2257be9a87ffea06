// What a copy in SQL keeps of a record.
#pragma once

#include "runtime/abridge.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

namespace vedfolnir::compose {

/// Without a policy of keys the sealed bytes as they are; else the same session with those keys only, besides the ones that
/// say who is logged in, sealed anew; what this process has no key for as it is. Errors: key_unavailable.
[[nodiscard]] Result<runtime::Abridge> make_abridge(const ManagerOptions& options);

}  // namespace vedfolnir::compose
