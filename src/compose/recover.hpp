// `vedfolnir recover`: puts the sessions that SQL holds back into a Redis that lost them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace vedfolnir::compose {

struct RecoverReport {
    std::uint64_t seen = 0;      ///< Copies in SQL.
    std::uint64_t restored = 0;  ///< Stand in Redis now, and did not before. In a dry run: would.
    std::uint64_t present = 0;   ///< Something stood there, and stays.
    std::uint64_t ended = 0;     ///< SQL or Redis knows that the session is over.
    std::uint64_t expired = 0;   ///< The copy's time is up.
    std::uint64_t refused = 0;   ///< Past a limit by Redis' clock, or too far ahead of it.

    /// One JSON object, with the names above.
    [[nodiscard]] std::string json() const;
};

struct RecoverOptions {
    bool dry_run = false;
    std::uint32_t per_second = 0;  ///< Copies looked at; 0: as fast as both stores allow.
    Millis budget{3'600'000};
    std::function<void(const RecoverReport&)> progress;  ///< After each batch; may be empty.
};

/// Blocks. Repeating it changes nothing. What was done is noted among the jobs (`recover`). Errors: store_unavailable,
/// audit_unavailable, deadline_exceeded (what was restored before stays), unsupported (no Redis).
[[nodiscard]] Result<RecoverReport> recover(const ManagerOptions& options,
                                            const RecoverOptions& wanted);

}  // namespace vedfolnir::compose
