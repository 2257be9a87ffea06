// The source of random bytes, as a port: the kernel in production, scripted in tests.
#pragma once

#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <span>

namespace vedfolnir::crypto {

/// Errors: random_unavailable. There is no second generator (C01). Thread-safe.
class RandomSource {
public:
    virtual ~RandomSource() = default;
    [[nodiscard]] virtual Result<void> fill(std::span<std::uint8_t> out) = 0;
};

/// getrandom(2): safe across fork, no state in this process.
class KernelRandom final : public RandomSource {
public:
    [[nodiscard]] Result<void> fill(std::span<std::uint8_t> out) override;
};

[[nodiscard]] Result<Handle> random_handle(RandomSource& random);
[[nodiscard]] Result<OperationId> random_operation(RandomSource& random);

}  // namespace vedfolnir::crypto
