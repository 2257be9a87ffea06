// How long operations took, in fixed buckets. Loads that the near cache answered take about a microsecond and are
// counted only (Counters::near_hits).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vedfolnir {

enum class Operation : std::uint8_t {
    load,  ///< A store was asked, whatever it answered.
    create,
    save,  ///< Also one that was dropped, because the session had ended.
    touch,
    login,
    end,
    commit_failed,  ///< A commit that ended with an Error, whatever it was to write.
    fallback_read,  ///< The database was asked in place of the hot store. Part of a `load`, or of a commit.
    fallback_write
};
inline constexpr std::size_t operation_count = 9;

[[nodiscard]] std::string_view to_string(Operation operation) noexcept;

/// Waiting included, as the caller saw it.
struct Timing {
    /// Upper bounds in microseconds, included; what took longer is in the last bucket.
    static constexpr std::array<std::uint64_t, 14> bounds_us{
        50,     100,    200,    500,     1'000,   2'000,   5'000,
        10'000, 20'000, 50'000, 100'000, 200'000, 500'000, 1'000'000};
    std::array<std::uint64_t, bounds_us.size() + 1> buckets{};
    std::uint64_t sum_us = 0;

    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t all = 0;
        for (const std::uint64_t bucket : buckets) all += bucket;
        return all;
    }
};

/// Indexed by Operation.
using Timings = std::array<Timing, operation_count>;

}  // namespace vedfolnir
