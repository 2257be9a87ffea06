#include "resilient/admission.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace vedfolnir::resilient {
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto completion = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t unknowns_max = 10'000;

}  // namespace

asio::awaitable<std::optional<Bulkhead::Place>> Bulkhead::enter(Deadline deadline) {
    if (free_ > 0) {
        --free_;
        co_return std::optional<Place>(std::in_place, shared_from_this());
    }
    if (waiting_.size() >= queue_max_) co_return std::nullopt;
    const auto self = shared_from_this();
    const auto mine = std::make_shared<Waiter>(executor_);
    waiting_.push_back(mine);
    mine->turn.expires_at(deadline);
    co_await mine->turn.async_wait(completion);
    if (mine->admitted) co_return std::optional<Place>(std::in_place, self);
    std::erase(waiting_, mine);
    co_return std::nullopt;
}

void Bulkhead::leave() {
    if (waiting_.empty()) {
        ++free_;
        return;
    }
    const auto next = waiting_.front();
    waiting_.pop_front();
    next->admitted = true;
    next->turn.cancel();
}

/// The end of a flight: the next one may start, and who flew with it goes on.
class SingleFlight::Landing {
public:
    Landing(SingleFlight& of, const StoreKey& key, std::shared_ptr<Flight> flight)
        : of_(of), key_(key), flight_(std::move(flight)) {}
    ~Landing() {
        const auto line = of_.lines_.find(key_);
        if (line != of_.lines_.end() && line->second.flying == flight_) {
            line->second.flying.reset();
            if (!line->second.next) of_.lines_.erase(line);
        }
        flight_->over = true;
        flight_->changed.cancel();
    }
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;

private:
    SingleFlight& of_;
    StoreKey key_;
    std::shared_ptr<Flight> flight_;
};

asio::awaitable<SingleFlight::Answer> SingleFlight::run(StoreKey key, Read read,
                                                        Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const Answer late{Error{Errc::store_unavailable, "the database did not answer in time"}};
    std::shared_ptr<Flight> mine;
    bool leads = false;
    if (Line& line = lines_[key]; line.next) {
        mine = line.next;
    } else {
        mine = std::make_shared<Flight>(executor);
        leads = true;
        if (line.flying) line.next = mine;
    }
    if (!leads) {
        while (!mine->over && Clock::now() < deadline) {
            asio::steady_timer limit(executor, deadline);
            limit.async_wait([mine](boost::system::error_code error) {
                if (!error) mine->changed.cancel();
            });
            co_await mine->changed.async_wait(completion);
        }
        co_return mine->answer ? *mine->answer : late;
    }
    while (lines_[key].flying && Clock::now() < deadline) {
        const auto before = lines_[key].flying;
        asio::steady_timer limit(executor, deadline);
        limit.async_wait([before](boost::system::error_code error) {
            if (!error) before->changed.cancel();
        });
        co_await before->changed.async_wait(completion);
    }
    Line& line = lines_[key];
    if (line.next == mine) line.next.reset();
    // Also where the read throws: nobody may wait for it for good.
    const Landing landing(*this, key, mine);
    if (line.flying) {
        mine->answer = late;
    } else {
        line.flying = mine;
        Answer answer = co_await read();
        mine->answer.emplace(std::move(answer));
    }
    co_return *mine->answer;
}

bool Unknowns::contains(const StoreKey& key, Clock::time_point now) {
    const auto found = until_.find(key);
    if (found == until_.end()) return false;
    if (now < found->second) return true;
    until_.erase(found);
    return false;
}

void Unknowns::add(const StoreKey& key, Clock::time_point now) {
    if (until_.size() >= unknowns_max)
        std::erase_if(until_, [&](const auto& entry) { return entry.second <= now; });
    if (until_.size() >= unknowns_max) until_.clear();
    std::uniform_int_distribution<long> spread(0, remembered_.count() / 2);
    until_[key] = now + remembered_ / 2 + std::chrono::milliseconds(spread(jitter_));
}

}  // namespace vedfolnir::resilient
