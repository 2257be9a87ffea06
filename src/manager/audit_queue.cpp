#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

using runtime::AtomicCounters;
namespace asio = boost::asio;

constexpr std::size_t events_max = 1024;
/// Events a stranger can cause are worth a sample each, not the whole queue.
constexpr std::size_t events_of_one_type_max = 100;
constexpr std::size_t events_per_statement = 100;
constexpr Millis append_budget{2'000};
constexpr Millis pause_after_failure{1'000};

}  // namespace

async::AuditEvent Core::event_of(std::string type, TimePoint now, std::optional<Handle> handle,
                                 std::string user_id, std::string actor) const {
    async::AuditEvent event;
    event.at = now;
    event.type = std::move(type);
    event.handle = handle;
    event.user_id = std::move(user_id);
    event.actor = std::move(actor);
    return event;
}

void Core::gauge_events() {
    auto& counters = settings_.counters;
    counters.audit_queue = events_.size();
    counters.audit_since_ms =
        events_.empty() ? 0
                        : static_cast<std::uint64_t>(events_.front().at.time_since_epoch().count());
}

void Core::forget_events(std::size_t count) {
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
    gauge_events();
}

void Core::note_event(async::AuditEvent event) {
    const auto alike = std::ranges::count(events_, event.type, &async::AuditEvent::type);
    if (events_.size() >= events_max || static_cast<std::size_t>(alike) >= events_of_one_type_max) {
        AtomicCounters::raise(settings_.counters.audit_dropped);
        return;
    }
    // Named before it is sent: whoever does not hear what became of it sends it again, or writes it down.
    const auto operation = crypto::random_operation(settings_.random);
    if (!operation) {
        AtomicCounters::raise(settings_.counters.audit_dropped);
        settings_.report("an audit event could not be named", operation.error());
        return;
    }
    event.operation = *operation;
    events_.push_back(std::move(event));
    gauge_events();
    if (draining_) return;
    draining_ = true;
    asio::co_spawn(
        settings_.executor, [self = shared_from_this()] { return self->drain_events(); },
        runtime::unattended("writing audit events"));
}

/// The first `count` events go into the journal.
Task<bool> Core::write_down_events(std::size_t count) {
    if (!ports_.journal) co_return false;
    std::vector<async::Deferred> entries(events_.begin(),
                                         events_.begin() + static_cast<std::ptrdiff_t>(count));
    const auto written = co_await write_down(std::move(entries), deadline_in(append_budget));
    if (written) forget_events(count);
    co_return written;
}

asio::awaitable<void> Core::drain_events() {
    while (!events_.empty()) {
        const auto count =
            static_cast<std::ptrdiff_t>(std::min(events_.size(), events_per_statement));
        std::vector<async::AuditEvent> batch(events_.begin(), events_.begin() + count);
        const auto appended =
            co_await ports_.archive->append(std::move(batch), deadline_in(append_budget));
        if (appended) {
            forget_events(static_cast<std::size_t>(count));
            continue;
        }
        settings_.report("audit events wait for SQL", appended.error());
        const auto written = co_await write_down_events(static_cast<std::size_t>(count));
        if (written && *written) continue;
        asio::steady_timer pause(co_await asio::this_coro::executor, pause_after_failure);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    draining_ = false;
}

}  // namespace vedfolnir::manager
