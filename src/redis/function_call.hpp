// One call of a function of our library.
#pragma once

#include "redis/connection.hpp"
#include "runtime/store_clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::redis {

using Texts = std::vector<std::string>;

/// `keys` come first; Redis wants their number.
struct FunctionCall {
    std::string_view function;
    Texts keys;
    Texts arguments;
    bool repeatable = true;
    bool read_only = false;
    std::uint64_t only_over = 0;  ///< As of `Pipeline`.
};

/// Adds `call` to `request`.
void push_call(boost::redis::request& request, FunctionCall call);

/// The words of a function's reply; at least two: the result's name and the server's time.
[[nodiscard]] boost::system::result<Texts, Failure> words_of(const Reply& reply,
                                                             std::string_view function);

/// Calls, and tells `clock` the server's time. Both references must outlive the call.
[[nodiscard]] boost::asio::awaitable<boost::system::result<Texts, Failure>> call_function(
    Connection& connection, runtime::StoreClock& clock, FunctionCall call, Deadline deadline);

}  // namespace vedfolnir::redis
