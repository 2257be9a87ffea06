// One shared, multiplexed connection to Redis that looks after itself: reconnects, knows why it is down, and lets a
// late request end alone.
#pragma once

#include "redis/failure.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/types.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/redis/request.hpp>
#include <boost/redis/resp3/node.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vedfolnir::redis {

/// One reply: its nodes, or why there is none. (`Failure`, not `Error`: callers here tell the kinds apart.)
using Reply = boost::system::result<std::vector<boost::redis::resp3::node>, Failure>;

/// Between `sent` and `answered` the server wrote the replies: what ties its clock to ours.
struct Exchange {
    std::vector<Reply> replies;  ///< One per command.
    std::chrono::steady_clock::time_point sent;
    std::chrono::steady_clock::time_point answered;
};

/// What the server tells by itself: keys that others changed (RESP3 client tracking).
struct ChangeHandler {
    std::function<void(std::string_view key)> changed;
    std::function<void()> changed_all;  ///< Flushed, or told about no longer: forget everything.
};

/// What is sent as one pipeline.
struct Pipeline {
    boost::redis::request request;
    bool repeatable = false;  ///< Sent once more if the connection breaks before the answer.
    std::uint64_t only_over =
        0;  ///< `closed` at stage `connect` if another connection stands. 0: over any.
};

[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& where);

/// `host:port`, or the path of the Unix socket.
[[nodiscard]] std::string address_of(const RedisOptions& options);

/// Connects on first use and then keeps trying. The first contact, and the first attempt after a loss, let requests
/// wait until their deadline; once an attempt has failed, requests fail at once with its reason until one succeeds.
/// Thread safety: construct and destroy anywhere; everything else on the executor only.
class Connection {
public:
    enum class Purpose : std::uint8_t {
        serve,   ///< Requires the function library; installs it where options and the user permit.
        install  ///< For `vedfolnir redis install`: no library needed.
    };

    Connection(boost::asio::any_io_executor executor, RedisOptions options, Purpose purpose,
               runtime::AtomicCounters* counters);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Sends `pipeline` and waits for all its replies, until `deadline` or the request timeout of the options,
    /// whichever is first. Errors: what kept it from an answer; an error reply is the error of that reply only.
    [[nodiscard]] boost::asio::awaitable<boost::system::result<Exchange, Failure>> exec(
        Pipeline pipeline, Deadline deadline);

    /// Waits for the connection to stand. Empty when it does; else why not.
    [[nodiscard]] boost::asio::awaitable<std::optional<Failure>> contact(Deadline deadline);

    /// Before first use: asks the server to tell of changes to keys read here. Where the user may not (ACL), the
    /// connection serves without; `tracking()` stays false.
    void watch(ChangeHandler handler);
    /// True while the present connection is told of changes. Any thread.
    [[nodiscard]] bool tracking() const noexcept;

    /// Run id and replication id of the server of the present connection: another one after a restart, and after a time
    /// as a replica. Empty before first contact, or where the user may not ask.
    [[nodiscard]] const std::string& incarnation() const noexcept;

    /// How many connections have stood so far, this one included. Rises before anything is sent over a new one.
    [[nodiscard]] std::uint64_t number() const noexcept;

    /// "Redis" or "Valkey", "7.0.15", "master" or "replica", version of the library; empty or 0 before first contact.
    struct Server {
        std::string product;
        std::string version;
        std::string role;
        std::string incarnation;
        std::uint32_t library = 0;
    };
    [[nodiscard]] const Server& server() const noexcept;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace vedfolnir::redis
