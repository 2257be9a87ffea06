#include "ops/json_number.hpp"

#include <cmath>
#include <cstdint>

namespace vedfolnir::ops {

boost::json::value json_number(double value) {
    // Boost.JSON writes 1.0 as 1E0.
    constexpr double exact = 9007199254740992;  // 2^53
    if (std::floor(value) == value && std::abs(value) < exact)
        return static_cast<std::int64_t>(value);
    return value;
}

}  // namespace vedfolnir::ops
