// Our store and core on a loop that the caller drives, as an asynchronous application uses them.
#pragma once

#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "manager/core.hpp"
#include "redis/redis_store.hpp"
#include "runtime/counters.hpp"
#include "sessions.hpp"
#include "sql/sql.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace vedfolnir::bench {

/// Drives `loop` until `task` is done; its value, or the exception it ended with.
template <class T>
T drive(boost::asio::io_context& loop, boost::asio::awaitable<T> task) {
    std::exception_ptr failure;
    std::optional<T> result;
    boost::asio::co_spawn(
        loop,
        [](boost::asio::awaitable<T> inner) -> boost::asio::awaitable<std::optional<T>> {
            co_return std::optional<T>(co_await std::move(inner));
        }(std::move(task)),
        [&](std::exception_ptr error, std::optional<T> value) {
            failure = error;
            result = std::move(value);
        });
    while (!result && !failure) loop.run_one();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

/// No near cache: every load asks Redis.
class OwnLoop {
public:
    explicit OwnLoop(ManagerOptions options)
        : options_(std::move(options)),
          ring_(value_of(crypto::KeyRing::open(options_.keys))),
          store_(redis::make_store(loop.get_executor(), options_.redis, &counters_)),
          core_(std::make_shared<manager::Core>(
              manager::CoreSettings{options_, ring_, random_, counters_, loop.get_executor(),
                                    [](std::string_view, const Error&) {}},
              manager::Ports{store_,
                             value_of(sql::make_archive(options_.sql, options_.state_dir, sealer(),
                                                        &counters_)),
                             store_})) {}

    [[nodiscard]] manager::Core& core() noexcept { return *core_; }
    [[nodiscard]] redis::RedisStore& store() noexcept { return *store_; }

private:
    [[nodiscard]] sql::SharedSealer sealer() const {
        return std::make_shared<const audit::Sealer>(value_of(crypto::KeyRing::open(options_.keys)),
                                                     std::make_shared<crypto::KernelRandom>());
    }

    ManagerOptions options_;
    crypto::KernelRandom random_;
    runtime::AtomicCounters counters_;
    crypto::KeyRing ring_;

public:
    boost::asio::io_context loop{1};

private:
    std::shared_ptr<redis::RedisStore> store_;
    std::shared_ptr<manager::Core> core_;
};

}  // namespace vedfolnir::bench
