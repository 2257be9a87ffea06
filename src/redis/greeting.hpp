// What is said when a connection opens, and how the answers are read. No I/O.
#pragma once

#include "redis/connection.hpp"
#include "vedfolnir/options.hpp"

#include <boost/redis/request.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vedfolnir::redis {

/// HELLO with user, password and client name; SELECT where a database was named; INFO server.
[[nodiscard]] boost::redis::request greeting_request(const RedisOptions& options);

/// Errors: what HELLO or SELECT refused. A user who may not INFO gets an empty run id, not an error, and what
/// HELLO says of product and version.
[[nodiscard]] boost::system::result<Connection::Server, Failure> read_greeting(
    const std::vector<Reply>& replies, const RedisOptions& options);

/// What INFO says of the process and of the history it carries on, in one text; empty where either is not told.
[[nodiscard]] std::string incarnation_of(std::string_view info);

[[nodiscard]] boost::redis::request library_query();
[[nodiscard]] boost::redis::request library_load();

/// Errors: not_installed where no library answers, else what was refused.
[[nodiscard]] boost::system::result<std::uint32_t, Failure> read_library_version(
    const Reply& reply);

/// The scalar values of a flat array reply; a null is an empty text.
[[nodiscard]] std::vector<std::string_view> values(
    const std::vector<boost::redis::resp3::node>& nodes);

/// The score of a sorted set that holds times: a number that the server may write as 1.7672e+12. Empty: it is none.
[[nodiscard]] std::optional<TimePoint> score_time(std::string_view text) noexcept;

/// A decimal number; 0 for anything else.
[[nodiscard]] std::uint64_t number(std::string_view text) noexcept;

}  // namespace vedfolnir::redis
