// How sessions go on in the database while the hot store is ill, and what an operator sees of it.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir {

enum class FallbackMode : std::uint8_t {
    automatic,  ///< The database takes over what the hot store cannot do, for as long as it cannot.
    on,         ///< Everything goes to the database; the hot store is left alone.
    off         ///< The database never takes over: what the hot store cannot do is an Error.
};

/// "auto", "on", "off".
[[nodiscard]] std::string_view to_string(FallbackMode mode) noexcept;
[[nodiscard]] std::optional<FallbackMode> parse_fallback_mode(std::string_view text) noexcept;

/// What the database holds for all processes.
struct FallbackState {
    FallbackMode mode = FallbackMode::automatic;
    TimePoint changed{};
    std::string actor;
    std::uint64_t held = 0;  ///< Endings so far that the hot store did not take when they happened.
    std::uint64_t ahead =
        0;  ///< Records that the hot store was not told yet; counted up to 10 000.
};

/// What one process sees of it.
struct FallbackStatus {
    FallbackState state;
    bool reads = false;   ///< This process reads sessions from the database.
    bool writes = false;  ///< This process writes them there.
    /// Endings in SQL that the hot store was not told yet. Empty: it does not answer, or is left alone.
    std::optional<std::uint64_t> endings_waiting{};
};

}  // namespace vedfolnir
