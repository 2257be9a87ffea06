// Measures an installation with sessions of its own, which are ended afterwards.
#pragma once

#include "ops/figures.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace vedfolnir::compose {

struct BenchOrder {
    std::size_t sessions = 100;  ///< Logins, and as many endings.
    std::size_t samples = 2000;  ///< Of each other operation.
    std::function<bool()>
        stop{};  ///< Asked between operations; true: only the endings are left. Empty: never.
};

struct BenchOutcome {
    ops::Measured measured;
    std::size_t made = 0;
    std::size_t ended = 0;  ///< Equal to `made`, or some wait for their end by time.
    bool stopped = false;   ///< By the order's `stop`.
};

/// True if somebody is logged in who is none of these users: sessions that a killed measurement left are nobody's. Errors: as SessionManager::list.
[[nodiscard]] Result<bool> in_use(const ManagerOptions& options);

/// Logs users of its own in, loads, saves and touches their sessions, and ends them, also after an error. What cannot
/// be ended expires within ten minutes. One operation at a time, each measured around the call. Blocks.
/// Errors: the first that an operation answered.
[[nodiscard]] Result<BenchOutcome> bench(const ManagerOptions& options, const BenchOrder& order);

}  // namespace vedfolnir::compose
