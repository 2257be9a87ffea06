// The doctor: facts in, findings out.
#pragma once

#include "ops/facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::ops {

enum class Status : std::uint8_t {
    ok,
    warn,    ///< Works, but somebody should know.
    fail,    ///< Sessions do not work, or not safely.
    unknown  ///< The check could not run.
};

[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Finding {
    std::string id;  ///< Stable, for instance `redis.eviction`.
    Status status = Status::unknown;
    std::string message;
    std::string fix;  ///< What to do; empty when there is nothing to do.
};

/// One finding for every check that applies: what failed first, then what to look at, what is unknown, and what is well;
/// among equals the causes before what follows from them.
[[nodiscard]] std::vector<Finding> examine(const Facts& facts);

}  // namespace vedfolnir::ops
