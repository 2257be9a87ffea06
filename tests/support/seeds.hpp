// Seeds of random tests: other ones in each run, as many as the run has time for, and the same again where one failed.
// Header-only, because tests of all layers use it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace vedfolnir::test {

/// VEDFOLNIR_TEST_SEED runs that one only; VEDFOLNIR_TEST_SEEDS runs so many instead of the usual number.
class Seeds {
public:
    explicit Seeds(int usual) {
        if (const char* one = std::getenv("VEDFOLNIR_TEST_SEED"); one != nullptr) {
            seeds_ = {std::stoull(one)};
            return;
        }
        const char* chosen = std::getenv("VEDFOLNIR_TEST_SEEDS");
        const int count = chosen == nullptr ? usual : std::stoi(chosen);
        std::random_device source;
        for (int i = 0; i < count; ++i) seeds_.push_back(source());
    }

    [[nodiscard]] auto begin() const noexcept { return seeds_.begin(); }
    [[nodiscard]] auto end() const noexcept { return seeds_.end(); }
    /// For the message of a failure.
    [[nodiscard]] static std::string words(std::uint64_t seed) {
        return "to see it again: VEDFOLNIR_TEST_SEED=" + std::to_string(seed);
    }

private:
    std::vector<std::uint64_t> seeds_;
};

}  // namespace vedfolnir::test
