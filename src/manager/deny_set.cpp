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

/// The tag is a keyed hash already.
std::size_t MinimumEpochs::Hash::operator()(const UserTag& user) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, user.bytes.data(), sizeof(hash));
    return hash;
}

void MinimumEpochs::raise(const UserTag& user, std::uint64_t epoch, TimePoint until,
                          TimePoint now) {
    const std::lock_guard lock(mutex_);
    while (!order_.empty() && order_.begin()->first <= now) drop_first();
    std::optional<Entry> known;
    entries_.cvisit(user, [&](const auto& entry) { known = entry.second; });
    if (known) {
        order_.erase({known->until, user});
        epoch = std::max(epoch, known->epoch);
        until = std::max(until, known->until);
    } else if (order_.size() >= entries_max_) {
        // Said before it is done: no reader may find the user missing and the table complete.
        forgotten_until_ = std::max(forgotten_until_.load(), order_.begin()->first);
        drop_first();
    }
    entries_.insert_or_assign(user, Entry{epoch, until});
    order_.emplace(until, user);
}

void MinimumEpochs::learn(const UserTag& user, std::uint64_t epoch, TimePoint now) {
    raise(user, epoch, forgotten_until_.load(), now);
}

void MinimumEpochs::drop_first() {
    entries_.erase(order_.begin()->second);
    order_.erase(order_.begin());
}

std::optional<std::uint64_t> MinimumEpochs::of(const UserTag& user, TimePoint now) const {
    std::optional<std::uint64_t> epoch;
    entries_.cvisit(user, [&](const auto& entry) { epoch = entry.second.epoch; });
    if (epoch || !complete(now)) return epoch;
    return 0;
}

std::size_t MinimumEpochs::size() const {
    const std::lock_guard lock(mutex_);
    return order_.size();
}

}  // namespace vedfolnir::manager
