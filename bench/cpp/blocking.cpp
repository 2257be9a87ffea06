#include "cases.hpp"
#include "own_loop.hpp"
#include "peers.hpp"

#include <boost/asio/use_future.hpp>

#include <stdexcept>
#include <thread>

namespace vedfolnir::bench {
namespace asio = boost::asio;

namespace {

void require_found(LoadReason reason) {
    if (reason != LoadReason::found) throw std::runtime_error("a session was not found");
}

/// Boost.Redis on a thread of its own, as a library that offers blocking calls must run it.
class PrivateThread {
public:
    explicit PrivateThread(const RedisOptions& options) : redis_(loop_, options) {}
    ~PrivateThread() {
        loop_.stop();
        thread_.join();
    }
    PrivateThread(const PrivateThread&) = delete;
    PrivateThread& operator=(const PrivateThread&) = delete;

    std::size_t get(const std::string& key) {
        return asio::co_spawn(loop_, redis_.get(key), asio::use_future).get();
    }

private:
    asio::io_context loop_{1};
    BoostRedis redis_;
    std::thread thread_{[this] {
        const auto work = asio::make_work_guard(loop_);
        loop_.run();
    }};
};

}  // namespace

void blocking(const Workload& work, Outcome& outcome) {
    const std::size_t count = work.cookies.size();
    std::vector<RequestContext> requests;
    std::vector<StoreKey> store_keys;
    for (const auto& cookie : work.cookies) {
        requests.push_back(request_with(work.options, cookie));
        store_keys.push_back(key_of(cookie));
    }
    Hiredis hiredis(work.options.redis);
    PrivateThread thread(work.options.redis);
    asio::io_context boost_loop{1};
    BoostRedis boost_redis(boost_loop, work.options.redis);
    const auto manager = value_of(SessionManager::open(work.options));
    OwnLoop own(work.options);

    for (int round = 0; round < work.rounds; ++round) {
        outcome.add("hiredis GET", one_by_one(work.span, [&](std::size_t n) {
                        hiredis.get(work.keys[n % count]);
                    }));
        outcome.add("SessionManager::load", one_by_one(work.span, [&](std::size_t n) {
                        require_found(value_of(manager.load(requests[n % count])).reason());
                    }));
        outcome.add("Boost.Redis GET, private thread", one_by_one(work.span, [&](std::size_t n) {
                        thread.get(work.keys[n % count]);
                    }));
        outcome.add(
            "Core::async_load, caller's loop", one_by_one(work.span, [&](std::size_t n) {
                auto state = own.core().begin_load(requests[n % count]);
                const auto loaded = value_of(drive(
                    own.loop, own.core().async_load(std::move(state), deadline_in(Millis{1000}))));
                require_found(loaded->reason);
            }));
        outcome.add("RedisStore::load, caller's loop", one_by_one(work.span, [&](std::size_t n) {
                        const auto record =
                            value_of(drive(own.loop, own.store().load(store_keys[n % count],
                                                                      deadline_in(Millis{1000}))));
                        if (!record) throw std::runtime_error("a record was not found");
                    }));
        outcome.add("Boost.Redis GET, caller's loop", one_by_one(work.span, [&](std::size_t n) {
                        drive(boost_loop, boost_redis.get(work.keys[n % count]));
                    }));
    }
}

}  // namespace vedfolnir::bench
