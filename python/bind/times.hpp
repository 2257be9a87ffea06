// The core's times as aware UTC datetimes.
#pragma once

#include "vedfolnir/types.hpp"

#include <nanobind/nanobind.h>

namespace vedfolnir::bind {

/// Needs the GIL.
[[nodiscard]] nanobind::object to_datetime(TimePoint time);

/// Of an aware datetime. Raises ValueError for a naive one. Needs the GIL.
[[nodiscard]] TimePoint from_datetime(nanobind::handle datetime);

}  // namespace vedfolnir::bind
