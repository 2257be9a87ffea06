// Ending many sessions at once, for emergencies: what SQL decides in one transaction.
#pragma once

#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/mass_ending.hpp"

namespace vedfolnir::async {

/// Optional beside the archive contract. Errors: audit_unavailable (nothing was written), deadline_exceeded (the commit was
/// under way: repeat it with the same operation id, which ends nothing twice).
class MassEnding {
public:
    virtual ~MassEnding() = default;

    /// How many open sessions the scope names now. Changes nothing.
    [[nodiscard]] virtual Task<ScopeCount> count(EndScope scope, TimePoint now,
                                                 Deadline deadline) = 0;

    /// Ends them: rows closed, revocations in sequence, one event each and one for all (`event`, with its operation id and the
    /// counts), and where whole users end (no place, no age named) their epochs are raised. Set-based: its time hardly
    /// depends on how many there are. `until`: no session lives longer.
    [[nodiscard]] virtual Task<EndReceipt> end_scope(EndScope scope, EndReason reason,
                                                     AuditEvent event, TimePoint until,
                                                     Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
