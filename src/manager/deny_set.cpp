#include "manager/deny_set.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace vedfolnir::manager {

/// The digest is a hash already, and of a secret that nobody chooses.
std::size_t DenySet::Hash::operator()(const StoreKey& key) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, key.digest.data(), sizeof(hash));
    return hash;
}

void DenySet::deny(const StoreKey& key, TimePoint until, TimePoint now) {
    const std::lock_guard lock(mutex_);
    while (!order_.empty() && order_.begin()->first <= now) drop_first();
    std::optional<TimePoint> known;
    until_.cvisit(key, [&](const auto& entry) { known = entry.second; });
    if (known) {
        order_.erase({*known, key});
        until = std::max(until, *known);
    } else if (order_.size() >= entries_max_) {
        drop_first();
    }
    until_.insert_or_assign(key, until);
    order_.emplace(until, key);
}

void DenySet::drop_first() {
    until_.erase(order_.begin()->second);
    order_.erase(order_.begin());
}

bool DenySet::denies(const StoreKey& key, TimePoint now) const {
    bool denied = false;
    until_.cvisit(key, [&](const auto& entry) { denied = now < entry.second; });
    return denied;
}

std::size_t DenySet::size() const {
    const std::lock_guard lock(mutex_);
    return order_.size();
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
