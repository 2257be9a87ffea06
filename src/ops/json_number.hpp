// Numbers as a reader of JSON expects them: 1200, not 1.2E3.
#pragma once

#include <boost/json/value.hpp>

namespace vedfolnir::ops {

/// A whole number that is exact as one, else the value itself.
[[nodiscard]] boost::json::value json_number(double value);

}  // namespace vedfolnir::ops
