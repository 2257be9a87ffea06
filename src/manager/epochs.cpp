// What the hot store must know of all users: their epochs, however long ago they were raised. Kept endings bring it those of
// late; where it lost more (it was emptied, or is an old backup), it is told all of them. Only logins without SQL need them.
#include "crypto/random.hpp"
#include "manager/core.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <optional>
#include <random>
#include <span>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;

/// Of one step: about as many as Redis takes in a millisecond.
constexpr std::uint32_t users_max = 500;
constexpr int first_steps = 2;
constexpr Millis step_budget{2'000};
constexpr Millis telling_budget{60'000};
constexpr Millis tell_again_after{5'000};
constexpr Millis look_again_after{30'000};

/// The next shard that was not told, from `from` on and round.
std::optional<std::uint8_t> first_untold(const std::vector<bool>& told, std::uint8_t from) {
    for (std::size_t i = 0; i < told.size(); ++i) {
        const std::size_t shard = (from + i) % told.size();
        if (!told[shard]) return static_cast<std::uint8_t>(shard);
    }
    return std::nullopt;
}

/// `epochs` begin in `shard`; `all`: behind them there are none. A shard of which more may follow is left out, unless it is the
/// first one.
std::vector<async::EpochPage> pages_of(std::span<const async::UserEpoch> epochs, std::uint8_t shard,
                                       bool all, const std::vector<bool>& told,
                                       async::EpochPage first) {
    const std::size_t end = all ? told.size() : std::size_t{epochs.back().user.shard()} + 1;
    std::vector<async::EpochPage> pages;
    for (std::size_t number = shard; number < end; ++number) {
        async::EpochPage page = std::exchange(first, async::EpochPage{.pass = first.pass});
        page.shard = static_cast<std::uint8_t>(number);
        page.last = all || number + 1 < end;
        const auto here = std::ranges::find_if_not(
            epochs, [&](const async::UserEpoch& epoch) { return epoch.user.shard() == number; });
        page.epochs.assign(epochs.begin(), here);
        epochs = {here, epochs.end()};
        if (number == shard || (page.last && !told[number])) pages.push_back(std::move(page));
    }
    return pages;
}

}  // namespace

/// Endings that the shard has not heard of are not kept any more, and they may have raised epochs.
Task<bool> Core::doubt_epochs(std::uint8_t shard, Deadline deadline) {
    told_ = not_compared;
    co_return co_await ports_.store->doubt_epochs(shard, store_deadline(deadline));
}

/// Few are told at once, so that logins can go on without SQL from the first request on; many in the background.
asio::awaitable<void> Core::begin_telling() {
    const Deadline until = deadline_in(settings_.options.redis.request_timeout);
    bool more = true;
    for (int step = 0; step < first_steps && more; ++step) {
        const auto told = co_await tell_some(until);
        more = told && *told == Told::more;
    }
    tell_later();
}

/// In the background, unless it is known to be done, or failed a moment ago.
void Core::tell_later() {
    const auto now = std::chrono::steady_clock::now();
    if (telling_ || !compared() || now < tell_again_) return;
    if (told_ == ports_.store->connection_number() && now < look_again_) return;
    telling_ = true;
    asio::co_spawn(
        settings_.executor, [self = shared_from_this()] { return self->go_on_telling(); },
        runtime::unattended("telling Redis how often users' sessions were ended"));
}

asio::awaitable<void> Core::go_on_telling() {
    const Deadline deadline = deadline_in(telling_budget);
    bool more = true;
    while (more && std::chrono::steady_clock::now() < deadline) {
        const auto told = co_await tell_some(deadline_in(step_budget));
        more = told && *told == Told::more;
        if (!told && untold_.due())
            settings_.report(
                "Redis could not be told yet of all users whose sessions were ended; if SQL fails "
                "before it is, nobody can log in",
                told.error());
    }
    telling_ = false;
}

/// One step, of about `users_max` users.
Task<Core::Told> Core::tell_some(Deadline deadline) {
    auto step = co_await tell_next(deadline);
    // Of processes that tell of one shard at the same time, the others leave it to the last that began.
    if (!step || *step == Told::by_another) {
        std::random_device random;
        std::uniform_int_distribution<long> spread(0, tell_again_after.count());
        tell_again_ = deadline_in(tell_again_after / 5 + Millis(spread(random)));
    }
    co_return step;
}

Task<Core::Told> Core::tell_next(Deadline deadline) {
    const auto connection = ports_.store->connection_number();
    auto told = co_await ports_.store->epochs_told(store_deadline(deadline));
    if (!told) co_return told.error();
    const auto shard = first_untold(*told, tell_from_);
    if (shard) co_return co_await tell_from(*shard, std::move(*told), deadline);
    // A server that is flushed stays the same one, over the same connection.
    look_again_ = deadline_in(look_again_after);
    told_ = connection;
    co_return Told::all;
}

/// From `shard` on, which it tells to its end.
Task<Core::Told> Core::tell_from(std::uint8_t shard, std::vector<bool> told, Deadline deadline) {
    async::EpochPage next;
    const auto pass = crypto::random_operation(settings_.random);
    if (!pass) co_return pass.error();
    next.pass = *pass;
    std::optional<UserTag> after;
    for (;;) {
        const auto epochs = co_await ports_.archive->epochs_from(shard, after, users_max, deadline);
        if (!epochs) co_return epochs.error();
        const bool all = epochs->size() < users_max;
        auto pages = pages_of(*epochs, shard, all, told, next);
        const bool ends = pages.front().last;
        const auto taken =
            co_await ports_.store->tell_epochs(std::move(pages), store_deadline(deadline));
        if (!taken) co_return taken.error();
        if (!*taken) co_return Told::by_another;
        // Processes that see the same loss do not all tell of the same users.
        if (!all) tell_from_ = static_cast<std::uint8_t>(std::random_device{}());
        if (ends) co_return Told::more;
        after = epochs->back().user;
        ++next.number;
    }
}

}  // namespace vedfolnir::manager
