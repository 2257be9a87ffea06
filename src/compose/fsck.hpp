// `vedfolnir fsck`: looks at everything in Redis and SQL, and puts right what can be.
#pragma once

#include "ops/fsck.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace vedfolnir::compose {

struct FsckOptions {
    bool repair = false;
    std::string actor;  ///< For the audit trail.
    Millis budget{3'600'000};
    /// How many of what were looked at, after each batch: "keys", "keys again, for their lists", "rows", "copies".
    std::function<void(std::uint64_t seen, std::string_view of_what)> progress{};
};

/// Blocks. Safe beside running applications: what looks wrong only because something is under way is given time. What was
/// found, in numbers, is an event of the audit trail. Errors: store_unavailable, audit_unavailable, bad_options,
/// unsupported (no Redis).
[[nodiscard]] Result<ops::FsckReport> fsck(const ManagerOptions& options,
                                           const FsckOptions& wanted);

}  // namespace vedfolnir::compose
