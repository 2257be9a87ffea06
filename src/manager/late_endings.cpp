// Endings that the hot store did not take: tried again until it does. They wait in memory only; after the end of the
// process those that SQL holds are found by comparing the marks.
#include "manager/core.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;

constexpr Millis pause_min{100};
constexpr Millis pause_max{5'000};
constexpr Millis attempt_budget{2'000};

}  // namespace

void Core::apply_later(async::EndOrder order) {
    // Whom it was for is gone by then; but where SQL does not know of the ending, it keeps a copy there from coming back.
    if (order.sequence > 0) order.note.clear();
    add_late({std::move(order), std::nullopt, std::nullopt, {}});
}

void Core::confirm_later(Handle handle, StoreKey key, UserTag user,
                         std::optional<async::Snapshot> copy) {
    async::EndOrder order;
    order.shard = key.shard;
    order.keys = {key};
    order.user = user;
    add_late({std::move(order), handle, std::move(copy), {}});
}

void Core::add_late(Late late) {
    const ManagerOptions& options = settings_.options;
    if (late_.size() >= options.endings.waiting_max) {
        // What SQL holds has raised a sequence, so the marks tell before the next answer of this process.
        compared_ = not_compared;
        settings_.report("an ending is not tried again",
                         {Errc::store_unavailable, "too many endings wait for the hot store"});
        return;
    }
    // Nothing that the order names lives longer than that.
    late.until = deadline_in(options.lifetimes.absolute + options.lifetimes.clock_skew_max);
    late_.push_back(std::move(late));
    if (applying_late_) return;
    applying_late_ = true;
    asio::co_spawn(
        settings_.executor, [self = shared_from_this()] { return self->apply_late(); },
        runtime::unattended("trying endings again"));
}

/// In turns: whatever fails goes to the end of the queue, so that one order cannot keep the others waiting.
asio::awaitable<void> Core::apply_late() {
    std::minstd_rand jitter{std::random_device{}()};
    asio::steady_timer pause(settings_.executor);
    Millis wait = pause_min;
    while (!late_.empty()) {
        std::uniform_int_distribution<long> spread(0, wait.count() / 2);
        pause.expires_after(wait / 2 + Millis(spread(jitter)));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        bool failed = false;
        for (std::size_t count = late_.size(); count > 0 && !failed; --count) {
            Late late = std::move(late_.front());
            late_.pop_front();
            if (std::chrono::steady_clock::now() >= late.until) continue;
            const auto applied = co_await try_late(late);
            failed = !applied;
            if (failed) late_.push_back(std::move(late));
        }
        wait = failed ? std::min(wait * 2, pause_max) : pause_min;
    }
    applying_late_ = false;
}

Task<std::uint32_t> Core::try_late(const Late& late) {
    const Deadline deadline = deadline_in(attempt_budget);
    if (late.login) {
        const auto confirmed = co_await ports_.archive->confirm_login(
            *late.login, late.order.keys.front(), late.copy, deadline);
        if (!confirmed) co_return confirmed.error();
        if (*confirmed) co_return 0;
    }
    co_return co_await apply_one(late.order, deadline);
}

}  // namespace vedfolnir::manager
