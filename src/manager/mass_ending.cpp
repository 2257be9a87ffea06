// Ending many sessions at once: announced first, so that they are refused everywhere before they are written; then one
// decision in SQL, then every shard of the hot store at the same time.
#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace vedfolnir::manager {
namespace {

namespace asio = boost::asio;
using runtime::AtomicCounters;

/// What the coroutines of the shards share with the one that waits for them.
struct Joint {
    explicit Joint(const asio::any_io_executor& executor, Deadline deadline)
        : all_done(executor, deadline) {}
    asio::steady_timer all_done;
    std::size_t running = 0;
    bool complete = true;

    void one_is_done(bool well) {
        complete = complete && well;
        if (--running == 0) all_done.cancel();
    }
};

std::string scope_text(const EndScope& scope) {
    std::string text = scope.user_id.empty() ? "all" : "user";
    if (!scope.place.empty()) text += " place";
    if (scope.begun_before) text += " age";
    return text;
}

}  // namespace

Task<ScopeCount> Core::async_count_scope(EndScope scope, Deadline deadline) {
    if (!ports_.mass_ending)
        co_return Error{Errc::unsupported, "this store has no database to count in"};
    const TimePoint time = co_await ending_time(deadline);
    co_return co_await ports_.mass_ending->count(std::move(scope), time, deadline);
}

Task<MassEndingResult> Core::async_end_scope(EndScope scope, EndReason reason, std::string actor,
                                             Deadline deadline) {
    if (!ports_.mass_ending)
        co_return Error{Errc::unsupported, "this store has no database to end sessions in"};
    const TimePoint time = co_await ending_time(deadline);
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) co_return operation.error();
    async::Emergency emergency{*operation, std::move(scope), reason, std::move(actor), time, time};
    async::Emergency copy = emergency;
    const auto announced = co_await ports_.mass_ending->announce(std::move(copy), deadline);
    if (!announced) co_return announced.error();
    announced_.add({emergency});
    auto written = co_await write_emergency(std::move(emergency), time, deadline);
    if (!written) {
        Error error = std::move(written).error();
        error.detail += "; the sessions are refused from now on, and another process goes on with "
                        "their ending within two minutes";
        co_return error;
    }
    co_return *written;
}

asio::awaitable<void> Core::take_over(async::Emergency emergency) {
    const Deadline deadline = deadline_in(mass_ending_budget);
    const TimePoint time = co_await ending_time(deadline);
    async::Emergency copy = emergency;
    const auto taken = co_await ports_.mass_ending->take(std::move(copy), time, deadline);
    if (taken && *taken) {
        // Who logged in since it was announced was let in, and stays.
        auto& before = emergency.scope.begun_before;
        before = std::min(before.value_or(emergency.announced), emergency.announced);
        const auto written = co_await write_emergency(std::move(emergency), time, deadline);
        if (!written)
            settings_.report("an announced ending of many is not written yet", written.error());
    }
    writing_emergency_ = false;
}

Task<MassEndingResult> Core::write_emergency(async::Emergency emergency, TimePoint time,
                                             Deadline deadline) {
    const TimePoint until = denied_until(time);
    const EndReason reason = emergency.reason;
    const OperationId operation = emergency.operation;
    EndScope scope = std::move(emergency.scope);
    auto event =
        event_of("sessions.ended", time, std::nullopt, scope.user_id, std::move(emergency.actor));
    event.operation = operation;
    event.detail = json_object({{"reason", to_string(reason)}, {"scope", scope_text(scope)}});
    auto receipt = co_await ports_.mass_ending->end_scope(std::move(scope), reason,
                                                          std::move(event), until, deadline);
    if (!receipt) co_return receipt.error();
    for (const StoreKey& key : receipt->keys) denied_.deny(key, until, time);
    for (const async::EndOrder& order : receipt->orders) {
        if (order.epoch > 0) epochs_.raise(order.user, order.epoch, until, time);
    }
    announced_.forget(operation);
    AtomicCounters::raise(settings_.counters.endings, receipt->sessions);
    settings_.counters.count_ended(reason, receipt->sessions);
    const std::uint32_t count = receipt->sessions;
    const bool applied = co_await apply_everywhere(std::move(receipt->orders), deadline);
    if (!applied) AtomicCounters::raise(settings_.counters.endings_pending, count);
    co_return MassEndingResult{count, !applied     ? Ending::pending
                                      : count == 0 ? Ending::absent
                                                   : Ending::ended};
}

/// SQL holds them all, in sequence: one that the hot store does not take is made up for by its marks, and so are those
/// behind it.
asio::awaitable<bool> Core::apply_shard(std::vector<async::EndOrder> orders, Deadline deadline) {
    for (const async::EndOrder& order : orders) {
        async::EndOrder copy = order;
        const auto reply = co_await ports_.store->end(std::move(copy), store_deadline(deadline));
        if (!reply) {
            settings_.report("endings are durable in SQL but not yet in the hot store",
                             reply.error());
            // The last one meets a gap, which replays what is missing.
            apply_later(std::move(orders.back()));
            co_return false;
        }
        if (reply->held) co_return true;
        if (!reply->gap) continue;
        const auto replayed = co_await replay(order.shard, reply->mark, deadline);
        if (!replayed) settings_.report("the replay of a shard did not finish", replayed.error());
        co_return replayed.has_value();
    }
    co_return true;
}

/// All shards at the same time, after one: a hot store that takes nothing is not asked 256 times.
asio::awaitable<bool> Core::apply_everywhere(std::vector<async::EndOrder> orders,
                                             Deadline deadline) {
    if (orders.empty()) co_return true;
    async::EndOrder first = orders.front();
    const auto taken = co_await ports_.store->end(std::move(first), store_deadline(deadline));
    if (taken && taken->held) co_return true;
    std::map<std::uint8_t, std::vector<async::EndOrder>> by_shard;
    for (async::EndOrder& order : orders) by_shard[order.shard].push_back(std::move(order));
    const auto joint = std::make_shared<Joint>(settings_.executor, deadline);
    joint->running = by_shard.size();
    for (auto& [shard, its_orders] : by_shard) {
        asio::co_spawn(
            settings_.executor,
            [self = shared_from_this(), joint, its_orders = std::move(its_orders),
             deadline]() mutable -> asio::awaitable<void> {
                joint->one_is_done(co_await self->apply_shard(std::move(its_orders), deadline));
            },
            runtime::unattended("telling Redis of endings"));
    }
    co_await joint->all_done.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return joint->running == 0 && joint->complete;
}

}  // namespace vedfolnir::manager
