// The clients we measure against, each as bare as it gets: hiredis, and Boost.Redis without anything of ours.
#pragma once

#include "vedfolnir/options.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>

struct redisContext;

namespace vedfolnir::bench {

/// One blocking connection of hiredis. Throws std::runtime_error when it cannot be made or used.
class Hiredis {
public:
    explicit Hiredis(const RedisOptions& options);
    ~Hiredis();
    Hiredis(const Hiredis&) = delete;
    Hiredis& operator=(const Hiredis&) = delete;

    /// Length of the value; throws when there is none.
    std::size_t get(const std::string& key);

private:
    redisContext* context_;
};

/// One connection of Boost.Redis on the caller's loop, as its examples use it: a coroutine and a typed response.
/// Throws std::runtime_error as above.
class BoostRedis {
public:
    BoostRedis(boost::asio::io_context& loop, const RedisOptions& options);
    ~BoostRedis();
    BoostRedis(const BoostRedis&) = delete;
    BoostRedis& operator=(const BoostRedis&) = delete;

    [[nodiscard]] boost::asio::awaitable<std::size_t> get(std::string key);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vedfolnir::bench
