#include "cases.hpp"
#include "own_loop.hpp"
#include "peers.hpp"

#include <functional>
#include <stdexcept>

namespace vedfolnir::bench {
namespace asio = boost::asio;

namespace {

constexpr std::size_t flights = 256;

/// One round: what all flights share.
struct Flight {
    std::function<asio::awaitable<void>(std::size_t)> operation;
    Recorder* recorder = nullptr;  ///< Null while warming up.
    Clock::time_point end;
    std::size_t next = 0;
    std::size_t open = flights;
    std::exception_ptr failure;
};

asio::awaitable<void> fly(Flight& flight) {
    while (Clock::now() < flight.end) {
        const auto before = Clock::now();
        co_await flight.operation(flight.next++);
        if (flight.recorder != nullptr) flight.recorder->add(Clock::now() - before);
    }
}

void run(asio::io_context& loop, Flight& flight) {
    for (std::size_t i = 0; i < flights; ++i) {
        asio::co_spawn(loop, fly(flight), [&flight](std::exception_ptr failure) {
            --flight.open;
            if (failure) flight.failure = failure;
        });
    }
    while (flight.open > 0) loop.run_one();
    if (flight.failure) std::rethrow_exception(flight.failure);
}

[[nodiscard]] Round measure(asio::io_context& loop, Seconds span,
                            const std::function<asio::awaitable<void>(std::size_t)>& operation) {
    const auto ends_in = [](Seconds time) {
        return Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
    };
    Flight warm_up{operation, nullptr, ends_in(span / 10)};
    run(loop, warm_up);
    Recorder recorder;
    Flight flight{operation, &recorder, ends_in(span)};
    run(loop, flight);
    return recorder.finish();
}

asio::awaitable<void> load_record(redis::RedisStore& store, StoreKey key) {
    const auto record = co_await store.load(key, deadline_in(Millis{5000}));
    if (!record) fail(record.error());
    if (!*record) throw std::runtime_error("a record was not found");
}

asio::awaitable<void> load_session(manager::Core& core, const RequestContext& request) {
    auto state = core.begin_load(request);
    const auto loaded = co_await core.async_load(std::move(state), deadline_in(Millis{5000}));
    if (!loaded) fail(loaded.error());
    if ((*loaded)->reason != LoadReason::found) throw std::runtime_error("a session was not found");
}

asio::awaitable<void> get(BoostRedis& redis, const std::string& key) { co_await redis.get(key); }

}  // namespace

void in_flight(const Workload& work, Outcome& outcome) {
    const std::size_t count = work.cookies.size();
    std::vector<RequestContext> requests;
    std::vector<StoreKey> store_keys;
    for (const auto& cookie : work.cookies) {
        requests.push_back(request_with(work.options, cookie));
        store_keys.push_back(key_of(cookie));
    }
    OwnLoop own(work.options);
    asio::io_context loop{1};
    BoostRedis redis(loop, work.options.redis);

    for (int round = 0; round < work.rounds; ++round) {
        outcome.add("Boost.Redis GET, 256 in flight", measure(loop, work.span, [&](std::size_t n) {
                        return get(redis, work.keys[n % count]);
                    }));
        outcome.add("RedisStore::load, 256 in flight",
                    measure(own.loop, work.span, [&](std::size_t n) {
                        return load_record(own.store(), store_keys[n % count]);
                    }));
        outcome.add("Core::async_load, 256 in flight",
                    measure(own.loop, work.span, [&](std::size_t n) {
                        return load_session(own.core(), requests[n % count]);
                    }));
    }
}

}  // namespace vedfolnir::bench
