// Seals audit entries in tests: a fixed key ring, and randomness that can be scripted. Header-only: two functions.
#pragma once

#include "audit/personal.hpp"
#include "crypto/random.hpp"

#include <memory>
#include <string>
#include <utility>

namespace vedfolnir::test {

inline std::shared_ptr<const audit::Sealer> audit_sealer(
    std::shared_ptr<crypto::RandomSource> random = std::make_shared<crypto::KernelRandom>()) {
    KeyOptions options;
    options.keys.push_back({1, std::string(32, 'k')});
    return std::make_shared<const audit::Sealer>(crypto::KeyRing::open(options).value(),
                                                 std::move(random));
}

}  // namespace vedfolnir::test
