// What keeps an outage from melting the database: few calls at once, one read per session, and a short memory of what it
// does not know.
#pragma once

#include "vedfolnir/async/fallback.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/types.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>

namespace vedfolnir::resilient {

/// At most `calls_max` hold a place at once; at most `queue_max` wait for one. Executor only.
class Bulkhead : public std::enable_shared_from_this<Bulkhead> {
public:
    Bulkhead(boost::asio::any_io_executor executor, std::size_t calls_max, std::size_t queue_max)
        : executor_(std::move(executor)), free_(calls_max), queue_max_(queue_max) {}

    /// Gives its place to the next when it goes.
    class Place {
    public:
        explicit Place(std::shared_ptr<Bulkhead> of) : of_(std::move(of)) {}
        ~Place() {
            if (of_) of_->leave();
        }
        Place(Place&& other) noexcept = default;
        Place& operator=(Place&&) = delete;
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

    private:
        std::shared_ptr<Bulkhead> of_;
    };

    /// Empty: the queue is full, or `deadline` came first.
    [[nodiscard]] boost::asio::awaitable<std::optional<Place>> enter(Deadline deadline);

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    struct Waiter {
        explicit Waiter(const boost::asio::any_io_executor& executor) : turn(executor) {}
        boost::asio::steady_timer turn;
        bool admitted = false;
    };
    void leave();

    boost::asio::any_io_executor executor_;
    std::size_t free_;
    std::size_t queue_max_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

/// Reads of one session at the same time are one call of the database. Nobody is handed an answer that was on its way
/// before he asked: a read may follow a write. Executor only.
class SingleFlight {
public:
    using Answer = Result<async::FallbackRecord>;
    using Read = std::function<async::Task<async::FallbackRecord>()>;

    [[nodiscard]] boost::asio::awaitable<Answer> run(StoreKey key, Read read, Deadline deadline);

private:
    struct Flight {
        explicit Flight(const boost::asio::any_io_executor& executor)
            : changed(executor, boost::asio::steady_timer::time_point::max()) {}
        boost::asio::steady_timer changed;  ///< Cancelled when it may start, and when it is over.
        bool over = false;
        std::optional<Answer> answer;
    };
    class Landing;
    struct Line {
        std::shared_ptr<Flight> flying;
        std::shared_ptr<Flight> next;  ///< Who asks now flies with this one.
    };
    std::map<StoreKey, Line> lines_;
};

/// Sessions that the database did not know a moment ago. Bounded; each is remembered for a time of its own. One thread.
class Unknowns {
public:
    explicit Unknowns(std::chrono::milliseconds remembered) : remembered_(remembered) {}

    [[nodiscard]] bool contains(const StoreKey& key, std::chrono::steady_clock::time_point now);
    void add(const StoreKey& key, std::chrono::steady_clock::time_point now);
    void remove(const StoreKey& key) { until_.erase(key); }
    void clear() { until_.clear(); }

private:
    std::chrono::milliseconds remembered_;
    std::map<StoreKey, std::chrono::steady_clock::time_point> until_;
    std::minstd_rand jitter_{std::random_device{}()};
};

}  // namespace vedfolnir::resilient
