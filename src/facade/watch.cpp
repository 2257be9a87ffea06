#include "facade/watch.hpp"

#include "manager/describe.hpp"

#include <string>

namespace vedfolnir {
namespace {

/// One name per operation: the operator's log pauses for each by itself.
std::string_view slow_name(Operation operation) noexcept {
    switch (operation) {
    case Operation::load:
        return "slow load";
    case Operation::create:
        return "slow create";
    case Operation::save:
        return "slow save";
    case Operation::touch:
        return "slow touch";
    case Operation::login:
        return "slow login";
    case Operation::end:
        return "slow end";
    case Operation::commit_failed:
        return "slow commit that failed";
    case Operation::fallback_read:
        return "slow fallback read";
    case Operation::fallback_write:
        return "slow fallback write";
    }
    return "slow operation";
}

std::string_view store_name(StoreKind store) noexcept {
    switch (store) {
    case StoreKind::redis:
        return "redis";
    case StoreKind::memory:
        return "memory";
    case StoreKind::sql:
        return "sql";
    }
    return "unknown";
}

Operation operation_of(CommitAction action) noexcept {
    switch (action) {
    case CommitAction::created:
        return Operation::create;
    case CommitAction::touched:
        return Operation::touch;
    case CommitAction::logged_in:
    case CommitAction::joined:
        return Operation::login;
    case CommitAction::ended:
        return Operation::end;
    case CommitAction::none:
    case CommitAction::saved:
    case CommitAction::dropped:
        break;
    }
    return Operation::save;
}

}  // namespace

namespace facade {

Watch::Watch(SessionManager::Impl& impl, const TraceId& trace) : impl_(impl), trace_(trace) {}

void Watch::ended(Operation operation) const {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - since_);
    impl_.counters.timings[static_cast<std::size_t>(operation)].add(
        static_cast<std::uint64_t>(took.count()));
    const auto limit = impl_.options.slow_operation;
    if (limit.count() == 0 || took < limit) return;
    runtime::AtomicCounters::raise(impl_.counters.slow_operations);
    if (!impl_.report) return;
    const std::string said =
        std::to_string(took.count()) + " us, store " + std::string(store_name(impl_.options.store));
    impl_.report(slow_name(operation),
                 manager::traced(Error{Errc::deadline_exceeded, said}, trace_));
}

void Watch::ended(const CommitResult* result) const {
    if (result == nullptr) {
        ended(Operation::commit_failed);
    } else if (result->action != CommitAction::none) {
        ended(operation_of(result->action));
    }
}

}  // namespace facade
}  // namespace vedfolnir
