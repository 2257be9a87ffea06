#include "manager/announced.hpp"

#include <algorithm>
#include <mutex>
#include <tuple>

namespace vedfolnir::manager {
namespace {

bool names(const async::Emergency& emergency, const model::RecordHeader& header,
           const model::ManagerFields& manager) {
    const EndScope& scope = emergency.scope;
    return header.authenticated < emergency.announced &&
           (!scope.begun_before || header.authenticated < *scope.begun_before) &&
           (scope.user_id.empty() || scope.user_id == manager.user_id) &&
           (scope.place.empty() || scope.place == manager.place);
}

bool has(const std::vector<async::Emergency>& all, const OperationId& operation) {
    return std::ranges::find(all, operation, &async::Emergency::operation) != all.end();
}

/// The order of lists.
bool comes_behind(const async::Emergency& emergency, const async::Emergency& last) {
    return std::tie(emergency.announced, emergency.operation) >
           std::tie(last.announced, last.operation);
}

}  // namespace

std::vector<async::Emergency> written_of(std::vector<async::Emergency> known,
                                         const std::vector<async::Emergency>& announced) {
    const bool full = announced.size() >= async::announced_max;
    std::erase_if(known, [&](const async::Emergency& each) {
        return has(announced, each.operation) || (full && comes_behind(each, announced.back()));
    });
    return known;
}

bool Announced::refuses(const model::RecordHeader& header,
                        const model::ManagerFields& manager) const {
    if (!any_.load(std::memory_order_acquire) || header.user.anonymous()) return false;
    const std::shared_lock lock(mutex_);
    return std::ranges::any_of(
        announced_, [&](const auto& emergency) { return names(emergency, header, manager); });
}

void Announced::add(const std::vector<async::Emergency>& emergencies) {
    const std::lock_guard lock(mutex_);
    for (const async::Emergency& each : emergencies)
        if (!has(announced_, each.operation)) announced_.push_back(each);
    any_.store(!announced_.empty(), std::memory_order_release);
}

void Announced::forget(const OperationId& operation) {
    const std::lock_guard lock(mutex_);
    std::erase_if(announced_,
                  [&](const async::Emergency& each) { return each.operation == operation; });
    any_.store(!announced_.empty(), std::memory_order_release);
}

std::vector<async::Emergency> Announced::all() const {
    const std::shared_lock lock(mutex_);
    return announced_;
}

}  // namespace vedfolnir::manager
