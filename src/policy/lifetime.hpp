// Idle and absolute limits, from stored times only (C04, S8). Pure.
#pragma once

#include "model/record.hpp"
#include "vedfolnir/options.hpp"

namespace vedfolnir::policy {

enum class Life : std::uint8_t {
    alive,
    idle_expired,
    absolute_expired,
    implausible  ///< A stored time lies further ahead of now than clocks may differ.
};

/// Idle is checked as idle limit + touch interval, because activity is recorded at most once per interval.
[[nodiscard]] Life judge(const model::RecordHeader& header, const Lifetimes& lifetimes,
                         TimePoint now) noexcept;

[[nodiscard]] bool touch_due(const model::RecordHeader& header, const Lifetimes& lifetimes,
                             TimePoint now) noexcept;

/// The store's time to live: what is left of the nearer limit, never less than 1 ms.
[[nodiscard]] Millis time_to_live(const model::RecordHeader& header, const Lifetimes& lifetimes,
                                  TimePoint now) noexcept;

}  // namespace vedfolnir::policy
