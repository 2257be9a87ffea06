// Small texts the manager writes: JSON details of events, shortened devices, the process's wall time.
#pragma once

#include "model/payload.hpp"
#include "vedfolnir/error.hpp"
#include "vedfolnir/types.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vedfolnir::manager {

/// A JSON object of strings; empty values are left out, and so is a trace that is none.
[[nodiscard]] std::string json_object(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
    const TraceId& trace = {});

/// How an event's detail names its request: what `json_object` wrote for `trace`.
[[nodiscard]] std::string trace_member(const TraceId& trace);

/// The error with the request that met it, for the operator's log.
[[nodiscard]] Error traced(Error error, const TraceId& trace);

/// The user agent or address as stored: at most `bytes_max` bytes of printable ASCII; other bytes become `?`.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max);

/// The value of the first of `keys` that holds a name; empty if none does.
[[nodiscard]] std::string text_of(const model::Entries& entries,
                                  const std::vector<std::string>& keys);

/// A fresh id collides only if the random source repeats itself: so many attempts, then `collision`.
inline constexpr int mint_attempts_max = 3;
[[nodiscard]] Error collision();

/// What Redis holds, or holds no more, may not be believed, and SQL could not be asked.
[[nodiscard]] Error may_be_lost();

/// The host's wall clock: for event times where no store was asked.
[[nodiscard]] TimePoint system_now();

}  // namespace vedfolnir::manager
