// `vedfolnir recover`: puts the sessions that SQL holds copies of back into a Redis that lost them.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace vedfolnir::compose {

struct RecoverReport {
    std::uint64_t seen = 0;      ///< Copies in SQL.
    std::uint64_t restored = 0;  ///< Stand in Redis now, and did not before, or in an older form.
    std::uint64_t present = 0;   ///< The same stood there.
    std::uint64_t conflicting = 0;  ///< Something newer stood there, and stays.
    std::uint64_t ended = 0;        ///< SQL or Redis knows that the session is over.
    std::uint64_t expired = 0;      ///< The copy's time is up.
    std::uint64_t rejected =
        0;  ///< Its clock is too far ahead, its shard applied endings all the time, or no session stands there.
    std::uint64_t damaged = 0;  ///< The copy is no record; `vedfolnir fsck` names it.
    std::uint64_t lost = 0;     ///< Two writers of one version: neither can be trusted.
    bool interrupted = false;   ///< It did not look at all copies.

    /// One JSON object, with the counts above.
    [[nodiscard]] std::string json() const;
};

struct RecoverOptions {
    bool dry_run = false;          ///< Counts only: whatever stands in Redis is `present`.
    std::string actor;             ///< As in the audit trail: "operator:<name>".
    bool beside = false;           ///< Of the requests: told only where something came back.
    std::uint32_t per_second = 0;  ///< Copies looked at; 0: as fast as both stores allow.
    Millis budget{3'600'000};
    /// Asked after each batch, on the runtime's thread; may be empty. Once it says no, no other one begins.
    std::function<bool()> goes_on;
    /// After each batch; `all`: how many copies there were at the beginning. May be empty.
    std::function<void(const RecoverReport&, std::uint64_t all)> progress;
};

/// Blocks. Repeating it changes nothing. What was done stands in the audit trail (`recovery.done`, or `recovery.cut_short`). Errors: unsupported (no
/// Redis), store_unavailable, audit_unavailable, deadline_exceeded: what was restored before stays.
[[nodiscard]] Result<RecoverReport> recover(const ManagerOptions& options,
                                            const RecoverOptions& wanted);

}  // namespace vedfolnir::compose
