#include "cache/record_map.hpp"

#include <utility>

namespace vedfolnir::cache {
namespace {

/// Table slot, list node, control block, and the allocator's rounding.
constexpr std::size_t overhead = 160;

}  // namespace

std::size_t RecordMap::cost(const Entry& entry) noexcept {
    return sizeof(Entry) + overhead + 2 * entry.bytes().size();
}

std::shared_ptr<const Entry> RecordMap::find(const StoreKey& key) const {
    std::shared_ptr<const Entry> found;
    map_.cvisit(key, [&](const auto& slot) { found = slot.second; });
    return found;
}

void RecordMap::insert(std::shared_ptr<Entry> entry) {
    erase(entry->key);
    const std::size_t size = cost(*entry);
    if (entries_max_ == 0 || size > bytes_max_ / 8) return;
    while (size_ >= entries_max_ || bytes_ + size > bytes_max_) evict_one();
    entry->place = clock_.insert(clock_.end(), entry);
    size_ += 1;
    bytes_ += size;
    map_.insert_or_assign(entry->key, std::move(entry));
}

void RecordMap::erase(const StoreKey& key) {
    std::shared_ptr<Entry> entry;
    map_.visit(key, [&](auto& slot) { entry = slot.second; });
    if (entry) remove(entry);
}

void RecordMap::clear() {
    map_.clear();
    clock_.clear();
    size_ = 0;
    bytes_ = 0;
}

void RecordMap::remove(const std::shared_ptr<Entry>& entry) {
    map_.erase(entry->key);
    size_ -= 1;
    bytes_ -= cost(*entry);
    clock_.erase(entry->place);
}

/// Ends after at most one round: a hand that passes an entry takes its mark away.
void RecordMap::evict_one() {
    while (clock_.front()->used.exchange(false, std::memory_order_relaxed)) {
        clock_.splice(clock_.end(), clock_, clock_.begin());
    }
    const auto victim = clock_.front();
    remove(victim);
    evictions_ += 1;
}

}  // namespace vedfolnir::cache
