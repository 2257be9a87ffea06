#include "peers.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/redis/connection.hpp>
#include <hiredis/hiredis.h>

#include <optional>
#include <stdexcept>
#include <tuple>

namespace vedfolnir::bench {
namespace asio = boost::asio;

namespace {

std::string user_of(const RedisOptions& options) {
    return options.username.empty() ? "default" : options.username;
}

struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

boost::redis::config configuration(const RedisOptions& options) {
    boost::redis::config config;
    config.addr = {options.host, std::to_string(options.port)};
    config.unix_socket = options.unix_socket;
    if (!options.password.empty()) {
        config.username = user_of(options);
        config.password = options.password;
    }
    config.health_check_interval = std::chrono::seconds::zero();
    // As ours: with the library's 4 KiB each batch of replies takes several reads.
    config.read_buffer_append_size = 16'384;
    return config;
}

}  // namespace

Hiredis::Hiredis(const RedisOptions& options)
    : context_(options.unix_socket.empty() ? redisConnect(options.host.c_str(), options.port)
                                           : redisConnectUnix(options.unix_socket.c_str())) {
    if (context_ == nullptr || context_->err != 0)
        throw std::runtime_error("hiredis: no connection");
    if (options.password.empty()) return;
    const ReplyPtr reply(static_cast<redisReply*>(
        redisCommand(context_, "AUTH %s %s", user_of(options).c_str(), options.password.c_str())));
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        throw std::runtime_error("hiredis: AUTH failed");
}

Hiredis::~Hiredis() { redisFree(context_); }

std::size_t Hiredis::get(const std::string& key) {
    const ReplyPtr reply(
        static_cast<redisReply*>(redisCommand(context_, "GET %b", key.data(), key.size())));
    if (!reply || reply->type != REDIS_REPLY_STRING) throw std::runtime_error("hiredis: no value");
    return static_cast<std::size_t>(reply->len);
}

struct BoostRedis::Impl {
    explicit Impl(asio::io_context& loop)
        : connection(loop, boost::redis::logger(boost::redis::logger::level::disabled)) {}
    boost::redis::connection connection;
};

BoostRedis::BoostRedis(asio::io_context& loop, const RedisOptions& options)
    : impl_(std::make_unique<Impl>(loop)) {
    impl_->connection.async_run(configuration(options), asio::detached);
}

BoostRedis::~BoostRedis() { impl_->connection.cancel(); }

asio::awaitable<std::size_t> BoostRedis::get(std::string key) {
    boost::redis::request request;
    request.push("GET", key);
    boost::redis::response<std::optional<std::string>> response;
    const auto [error, size] = co_await impl_->connection.async_exec(
        request, response, asio::as_tuple(asio::use_awaitable));
    const auto& answer = std::get<0>(response);
    if (error || !answer || !answer.value()) throw std::runtime_error("Boost.Redis: no value");
    co_return answer.value()->size();
}

}  // namespace vedfolnir::bench
