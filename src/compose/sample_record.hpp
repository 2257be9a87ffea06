// Does the key ring open what the application wrote?
#pragma once

#include "crypto/key_ring.hpp"
#include "ops/facts.hpp"
#include "vedfolnir/options.hpp"

#include <string>

namespace vedfolnir::compose {

/// Asks SQL for the newest few sessions and Redis for their records, until one stands there, and tries to open that.
/// Changes nothing, reads no other record, scans nothing.
[[nodiscard]] ops::SampleFacts try_sample_record(const ManagerOptions& options,
                                                 const std::string& state_dir,
                                                 const crypto::KeyRing& ring);

}  // namespace vedfolnir::compose
