// Endings of many sessions that are announced and not written yet (async::Emergency).
#pragma once

#include "model/payload.hpp"
#include "model/record.hpp"
#include "vedfolnir/async/mass_ending.hpp"

#include <atomic>
#include <shared_mutex>
#include <vector>

namespace vedfolnir::manager {

/// Those of `known` that are written, as a later list of those that are not says (MassEnding::announced): it lacks them. A
/// full list says nothing of what comes behind its last one.
[[nodiscard]] std::vector<async::Emergency> written_of(
    std::vector<async::Emergency> known, const std::vector<async::Emergency>& announced);

/// Thread-safe; `refuses`, which every load asks, takes no lock while nothing is announced.
class Announced {
public:
    /// Whether one of them names this session. Anonymous ones are never named.
    [[nodiscard]] bool refuses(const model::RecordHeader& header,
                               const model::ManagerFields& manager) const;

    void add(const std::vector<async::Emergency>& emergencies);
    void forget(const OperationId& operation);
    [[nodiscard]] std::vector<async::Emergency> all() const;

private:
    mutable std::shared_mutex mutex_;
    std::vector<async::Emergency> announced_;
    std::atomic<bool> any_{false};
};

}  // namespace vedfolnir::manager
