#include "cache/record_map.hpp"

#include <utility>

namespace vedfolnir::cache {
namespace {

/// Table slot, list node, control block, and the allocator's rounding.
constexpr std::size_t overhead = 160;

}  // namespace

std::shared_ptr<const Entry> RecordMap::find(const StoreKey& key) const { return held(key); }

std::shared_ptr<Entry> RecordMap::held(const StoreKey& key) const {
    std::shared_ptr<Entry> found;
    map_.cvisit(key, [&](const auto& slot) { found = slot.second; });
    return found;
}

void RecordMap::insert(std::shared_ptr<Entry> entry) {
    entry->cost = sizeof(Entry) + overhead + entry->bytes().capacity();
    Entries gone;
    const std::lock_guard lock(changing_);
    if (const auto before = held(entry->key)) remove(before, gone);
    if (entries_max_ == 0 || too_large(entry->cost)) return;
    while (size_ >= entries_max_ || bytes_ + entry->cost > bytes_max_) evict_one(gone);
    entry->place = clock_.insert(clock_.end(), entry);
    size_ += 1;
    bytes_ += entry->cost;
    map_.insert_or_assign(entry->key, std::move(entry));
}

const runtime::NearRecord::Memo& RecordMap::keep(
    const Entry& entry, std::unique_ptr<const runtime::NearRecord::Memo> memo, std::size_t bytes) {
    const auto* mine = memo.get();
    const auto& kept = entry.keep(std::move(memo));
    if (&kept != mine) return kept;
    Entries gone;
    const std::lock_guard lock(changing_);
    const auto here = held(entry.key);
    if (here.get() != &entry) return kept;
    here->cost += bytes;
    bytes_ += bytes;
    if (too_large(here->cost)) remove(here, gone);
    while (bytes_ > bytes_max_) evict_one(gone);
    return kept;
}

void RecordMap::erase(const StoreKey& key) {
    Entries gone;
    const std::lock_guard lock(changing_);
    if (const auto entry = held(key)) remove(entry, gone);
}

void RecordMap::clear() {
    Entries gone;
    const std::lock_guard lock(changing_);
    map_.clear();
    gone.swap(clock_);
    size_ = 0;
    bytes_ = 0;
}

void RecordMap::remove(const std::shared_ptr<Entry>& entry, Entries& gone) {
    map_.erase(entry->key);
    size_ -= 1;
    bytes_ -= entry->cost;
    gone.splice(gone.end(), clock_, entry->place);
}

/// Ends after at most one round: a hand that passes an entry takes its mark away.
void RecordMap::evict_one(Entries& gone) {
    while (clock_.front()->used.exchange(false, std::memory_order_relaxed)) {
        clock_.splice(clock_.end(), clock_, clock_.begin());
    }
    const auto victim = clock_.front();
    remove(victim, gone);
    evictions_ += 1;
}

}  // namespace vedfolnir::cache
