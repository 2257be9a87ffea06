// Ending many sessions at once, for emergencies: what SQL decides in one transaction.
#pragma once

#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/mass_ending.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace vedfolnir::async {

/// An ending of many, said before it is written: from then on every process refuses whom it names.
struct Emergency {
    OperationId operation{};
    EndScope scope;
    EndReason reason = EndReason::security;
    std::string actor;
    TimePoint announced{};  ///< Who logged in at that time or later is not refused.
    TimePoint taken{};      ///< When somebody last began to write it.
};

/// Each is refused session by session, and more than one at a time is an accident already.
inline constexpr std::size_t announced_max = 256;

/// Optional beside the archive contract. Errors: audit_unavailable (nothing was written), deadline_exceeded (the commit was
/// under way: repeat it with the same operation id, which ends nothing twice).
class MassEnding {
public:
    virtual ~MassEnding() = default;

    /// How many open sessions the scope names now. Changes nothing.
    [[nodiscard]] virtual Task<ScopeCount> count(EndScope scope, TimePoint now,
                                                 Deadline deadline) = 0;

    /// Writes down that `emergency` is under way: one row, however many it names. True. Errors: also audit_unavailable where
    /// `announced_max` are announced already, because others would not see it.
    [[nodiscard]] virtual Task<bool> announce(Emergency emergency, Deadline deadline) = 0;
    /// Those that are announced and not written, the oldest first (equally old ones by operation), at most `announced_max`.
    [[nodiscard]] virtual Task<std::vector<Emergency>> announced(Deadline deadline) = 0;
    /// Goes on with one whose announcer is gone, as `taken` tells: true for one caller.
    [[nodiscard]] virtual Task<bool> take(Emergency seen, TimePoint now, Deadline deadline) = 0;

    /// Ends them: rows closed, revocations in sequence, one event each and one for all (`event`, with its operation id and the
    /// counts), and where whole users end (no place, no age named) their epochs are raised. A few set-based statements, and
    /// about 0.1 ms for each session. What was announced under the operation id is not any more. `until`: no session lives
    /// longer.
    [[nodiscard]] virtual Task<EndReceipt> end_scope(EndScope scope, EndReason reason,
                                                     AuditEvent event, TimePoint until,
                                                     Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
