// A store on a loop of its own, for tests that start, break and watch a Redis.
#pragma once

#include "model/record.hpp"
#include "redis/redis_store.hpp"
#include "runtime/counters.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "support/redis_server.hpp"
#include "vedfolnir/options.hpp"

#include <cstdint>
#include <future>
#include <memory>
#include <string>

namespace vedfolnir::test {

inline RedisOptions over_socket(const RedisServer& server) {
    RedisOptions options;
    options.unix_socket = server.socket_path();
    return options;
}

inline RedisOptions over_tcp(const RedisServer& server) {
    RedisOptions options;
    options.host = "127.0.0.1";
    options.port = server.port();
    return options;
}

/// An anonymous record under a key of its own.
struct Stored {
    StoreKey key;
    model::RecordHeader header;

    explicit Stored(std::uint8_t number) {
        key.digest.fill(number);
        header.operation.fill(number);
    }
    [[nodiscard]] std::string bytes() const { return model::pack_header(header) + "payload"; }
};

class StoreAtWork {
public:
    explicit StoreAtWork(const RedisOptions& options)
        : store_(redis::make_store(runtime_.executor(), options, &counters_)) {}
    ~StoreAtWork() { runtime_.stop(); }
    StoreAtWork(const StoreAtWork&) = delete;
    StoreAtWork& operator=(const StoreAtWork&) = delete;

    redis::RedisStore& store() { return *store_; }
    [[nodiscard]] std::uint64_t commands() const { return counters_.store_commands.load(); }

    template <class T>
    Result<T> run(async::Task<T> task, Millis budget = Millis{10'000}) {
        return runtime::run_sync(runtime_, std::move(task), deadline_in(budget));
    }
    /// Starts `task` and answers later; the calling thread is free.
    template <class T>
    std::future<Result<T>> begin(async::Task<T> task) {
        auto promise = std::make_shared<std::promise<Result<T>>>();
        auto future = promise->get_future();
        boost::asio::co_spawn(
            runtime_.executor(),
            [](async::Task<T> inner,
               std::shared_ptr<std::promise<Result<T>>> done) -> boost::asio::awaitable<void> {
                done->set_value(co_await std::move(inner));
            }(std::move(task), std::move(promise)),
            [](std::exception_ptr) {});
        return future;
    }

    Result<async::CreateStatus> create(const Stored& record, Millis budget = Millis{10'000}) {
        return run(store_->create(record.key, record.bytes(), Millis{60'000}, deadline_in(budget)),
                   budget);
    }
    Result<std::optional<std::string>> load(const Stored& record, Millis budget = Millis{10'000}) {
        return run(store_->load(record.key, deadline_in(budget)), budget);
    }
    Result<async::TouchStatus> touch(const Stored& record, Millis budget = Millis{10'000}) {
        return run(store_->touch(record.key, Millis{60'000}, deadline_in(budget)), budget);
    }

private:
    runtime::AtomicCounters counters_;
    runtime::Runtime runtime_;
    std::shared_ptr<redis::RedisStore> store_;
};

}  // namespace vedfolnir::test
