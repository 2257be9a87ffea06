// Random sources for tests: scripted, failing, repeating. Header-only: three small classes.
#pragma once

#include "crypto/random.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>

namespace vedfolnir::test {

/// The same bytes for the same seed.
class SeededRandom final : public crypto::RandomSource {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    Result<void> fill(std::span<std::uint8_t> out) override {
        std::ranges::generate(out, [this] { return static_cast<std::uint8_t>(engine_()); });
        return {};
    }

private:
    std::mt19937_64 engine_;
};

/// Always the same byte: a generator that got stuck.
class StuckRandom final : public crypto::RandomSource {
public:
    explicit StuckRandom(std::uint8_t byte) : byte_(byte) {}
    Result<void> fill(std::span<std::uint8_t> out) override {
        std::ranges::fill(out, byte_);
        return {};
    }

private:
    std::uint8_t byte_;
};

/// Works `calls` times, then fails for good.
class FailingRandom final : public crypto::RandomSource {
public:
    explicit FailingRandom(int calls = 0) : calls_(calls) {}
    Result<void> fill(std::span<std::uint8_t> out) override {
        if (calls_-- <= 0) return Error{Errc::random_unavailable, "scripted failure"};
        std::ranges::fill(out, std::uint8_t{7});
        return {};
    }

private:
    int calls_;
};

}  // namespace vedfolnir::test
