// What Redis tells about itself to the user we are.
#pragma once

#include "ops/facts.hpp"
#include "vedfolnir/options.hpp"

namespace vedfolnir::compose {

[[nodiscard]] ops::RedisFacts redis_facts(const RedisOptions& options);

}  // namespace vedfolnir::compose
