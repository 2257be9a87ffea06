// The Redis Function library as this program carries it (storage/redis/*.lua).
#pragma once

#include <cstdint>
#include <string>

namespace vedfolnir::redis {

/// Version this program needs. A newer library serves older programs too: replies only ever gain elements.
inline constexpr std::uint32_t library_version = 8;

/// The source for FUNCTION LOAD: shared parts first, then one file per function.
[[nodiscard]] const std::string& library_source();

}  // namespace vedfolnir::redis
