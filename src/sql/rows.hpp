// Between our values and the columns of storage/sql: ids as hexadecimal text, times as
// milliseconds.
#pragma once

#include "sql/connection.hpp"
#include "vedfolnir/async/archive.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace vedfolnir::sql {

/// Columns of the queries that answer sessions, revocations.
inline constexpr std::size_t session_columns = 16;
inline constexpr std::size_t revocation_columns = 5;

[[nodiscard]] inline std::string hex(const std::array<std::uint8_t, 16>& bytes) {
    return Handle{bytes}.text();
}
[[nodiscard]] std::optional<std::string> hex(const std::optional<OperationId>& operation);
/// Names what one statement changes for those that follow it.
[[nodiscard]] OperationId new_operation();
/// The user tags of a shard lie between: `2a` and `2b`, `ff` and `fg`.
[[nodiscard]] std::pair<std::string, std::string> tags_of_shard(std::uint8_t shard);
[[nodiscard]] inline std::int64_t millis(TimePoint time) noexcept {
    return time.time_since_epoch().count();
}
[[nodiscard]] inline TimePoint moment(std::int64_t millis) noexcept {
    return TimePoint(Millis(millis));
}
/// Epochs, sequences and generations are far below 2^63.
[[nodiscard]] inline std::int64_t number(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

/// A session as the database holds it: what the archive answers, and what it keeps for itself.
struct StoredSession {
    async::SessionRow row;
    TimePoint begun{};
    std::uint64_t epoch = 0;
};

// These throw Failure (internal) when a column does not hold what the schema promises.
[[nodiscard]] StoredSession read_session(const Row& row);
[[nodiscard]] async::Revocation read_revocation(const Row& row);
[[nodiscard]] StoreKey read_key(const Row& row, std::size_t column);
[[nodiscard]] UserTag read_tag(const Row& row, std::size_t column);
[[nodiscard]] Handle read_handle(const Row& row, std::size_t column);

}  // namespace vedfolnir::sql
