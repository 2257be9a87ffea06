// What encoding and decoding share: classes of the standard library, and how time is counted.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

namespace vedfolnir::bind {

inline constexpr std::int64_t micros_per_second = 1'000'000;
inline constexpr std::int64_t seconds_per_day = 86'400;
inline constexpr long ordinal_of_1970 = 719'163;  // datetime.date(1970, 1, 1).toordinal()

/// Classes and constants of the standard library, looked up once per process. Never released: they live as long as
/// the interpreter.
struct Library {
    nanobind::handle datetime, date, time, timedelta, timezone, utc, epoch, zone_info, uuid,
        decimal, markup, enumeration;
};
[[nodiscard]] const Library& library();

/// A timedelta in microseconds.
[[nodiscard]] std::int64_t whole_micros(nanobind::handle delta);

}  // namespace vedfolnir::bind
