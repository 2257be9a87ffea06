#include "manager/deny_set.hpp"

#include <algorithm>

namespace vedfolnir::manager {

void DenySet::deny(const StoreKey& key, TimePoint until, TimePoint now) {
    const std::lock_guard lock(mutex_);
    while (!order_.empty() && order_.begin()->first <= now) drop_first();
    const auto known = until_.find(key);
    if (known != until_.end()) {
        order_.erase({known->second, key});
        until = std::max(until, known->second);
    } else if (until_.size() >= entries_max_) {
        drop_first();
    }
    until_[key] = until;
    order_.emplace(until, key);
}

void DenySet::drop_first() {
    until_.erase(order_.begin()->second);
    order_.erase(order_.begin());
}

bool DenySet::denies(const StoreKey& key, TimePoint now) const {
    const std::lock_guard lock(mutex_);
    const auto found = until_.find(key);
    return found != until_.end() && now < found->second;
}

std::size_t DenySet::size() const {
    const std::lock_guard lock(mutex_);
    return until_.size();
}

void MinimumEpochs::raise(const UserTag& user, std::uint64_t epoch) {
    const std::lock_guard lock(mutex_);
    auto& known = epochs_[user];
    known = std::max(known, epoch);
}

std::uint64_t MinimumEpochs::of(const UserTag& user) const {
    const std::lock_guard lock(mutex_);
    const auto found = epochs_.find(user);
    return found == epochs_.end() ? 0 : found->second;
}

}  // namespace vedfolnir::manager
