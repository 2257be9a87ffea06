// Small value types shared by all layers: time, ids that may be shown, outcomes.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

/// UTC wall time in whole milliseconds since 1970: what records, functions and SQL rows store.
using TimePoint = std::chrono::time_point<std::chrono::system_clock, Millis>;

/// The moment by which an operation must have answered. Steady, so clock steps do not move it.
using Deadline = std::chrono::steady_clock::time_point;

/// A deadline `budget` from now.
[[nodiscard]] inline Deadline deadline_in(Millis budget) {
    return std::chrono::steady_clock::now() + budget;
}

/// 128 random bits that name a session through all its rotations. Safe to show; useless as a cookie.
struct Handle {
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const Handle&, const Handle&) = default;
    /// 32 lower-case hexadecimal digits.
    [[nodiscard]] std::string text() const;
    /// Reads `text()` back; empty unless it is exactly 32 hexadecimal digits.
    [[nodiscard]] static std::optional<Handle> parse(std::string_view text) noexcept;
};

/// 128 bits that name one request in all systems it passes (W3C Trace Context). All zero: none.
struct TraceId {
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const TraceId&, const TraceId&) = default;
    [[nodiscard]] bool none() const noexcept { return *this == TraceId{}; }
    /// 32 lower-case hexadecimal digits.
    [[nodiscard]] std::string text() const;
    /// Reads `text()` back; empty unless it is exactly 32 lower-case hexadecimal digits, not all of them 0.
    [[nodiscard]] static std::optional<TraceId> parse(std::string_view text) noexcept;
    /// The id in a `traceparent` header; empty unless the header is well-formed.
    [[nodiscard]] static std::optional<TraceId> of_traceparent(std::string_view header) noexcept;
};

/// 128 bits naming one logical change, so that a retried write is recognised (R9).
using OperationId = std::array<std::uint8_t, 16>;

/// Keyed one-way name of a user id: what Redis keys and records carry instead of the id. All zero = anonymous.
struct UserTag {
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const UserTag&, const UserTag&) = default;
    [[nodiscard]] bool anonymous() const noexcept { return *this == UserTag{}; }
    /// The shard that all of this user's sessions live in.
    [[nodiscard]] std::uint8_t shard() const noexcept { return bytes[0]; }
};

/// Where a record lives: the shard and a one-way hash of the id's secret. Never the id itself.
struct StoreKey {
    std::uint8_t shard = 0;
    std::array<std::uint8_t, 16> digest{};

    friend auto operator<=>(const StoreKey&, const StoreKey&) = default;
    /// `2a:` + 22 characters of base64url: the form used in SQL and, with prefix and braces, in Redis.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] static std::optional<StoreKey> parse(std::string_view text) noexcept;
};

/// How an ending was acknowledged.
enum class Ending : std::uint8_t {
    ended,    ///< Durable in SQL and gone from Redis.
    pending,  ///< Denied here and removed from Redis as far as reachable; not durable in SQL yet.
    absent    ///< There was no live session to end.
};

/// Why a session ended; stored in SQL and in the audit event.
enum class EndReason : std::uint8_t {
    logout,
    ended_by_user,
    ended_by_operator,
    replaced,  ///< By a login or re-authentication: the id rotated.
    expired,
    evicted,
    security
};
inline constexpr std::size_t end_reason_count = 7;

[[nodiscard]] std::string_view to_string(EndReason reason) noexcept;
[[nodiscard]] std::string_view to_string(Ending ending) noexcept;

}  // namespace vedfolnir
