#include "memory/memory_store.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::memory {
namespace {

using namespace async;
namespace offset = model::offset;

bool is_note(std::string_view bytes) {
    return bytes.size() > offset::flags && (static_cast<std::uint8_t>(bytes[offset::flags]) & model::flag_note) != 0;
}

bool is_record(std::string_view bytes) { return bytes.size() >= offset::body && !is_note(bytes); }

UserTag user_of(std::string_view record) {
    UserTag user;
    std::ranges::copy(model::as_bytes(record.substr(offset::user_tag, user.bytes.size())), user.bytes.begin());
    return user;
}

std::string_view operation_of(std::string_view record) { return record.substr(offset::operation, 16); }

std::uint64_t generation_of(std::string_view record) {
    return model::get_be<std::uint64_t>(record, offset::generation);
}

void stamp_last_seen(std::string& record, TimePoint now) {
    model::put_be<std::uint64_t>(record, offset::last_seen,
                                 static_cast<std::uint64_t>(now.time_since_epoch().count()));
}

IndexEntry entry_of(const StoreKey& key, std::string_view record) {
    IndexEntry entry;
    entry.key = key;
    std::ranges::copy(model::as_bytes(record.substr(offset::handle, 16)), entry.handle.bytes.begin());
    entry.absolute_expiry = TimePoint(
        Millis(static_cast<std::int64_t>(model::get_be<std::uint64_t>(record, offset::absolute_expiry))));
    return entry;
}

Error malformed(std::string_view record) {
    return {Errc::internal, "not a record: " + std::to_string(record.size()) + " bytes; at least 120 are needed"};
}

}  // namespace

TimePoint wall_clock() { return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()); }

MemoryStore::MemoryStore(Clock clock, runtime::AtomicCounters* counters)
    : clock_(std::move(clock)), counters_(counters) {}

void MemoryStore::set_down(bool down) {
    const std::lock_guard lock(mutex_);
    down_ = down;
}

std::size_t MemoryStore::size() const {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_();
    return static_cast<std::size_t>(
        std::ranges::count_if(slots_, [&](const auto& slot) { return now < slot.second.expires; }));
}

Result<void> MemoryStore::enter() const {
    if (counters_ != nullptr) runtime::AtomicCounters::raise(counters_->store_commands);
    if (down_) return Error{Errc::store_unavailable, "the memory store is switched off"};
    return {};
}

MemoryStore::Slot* MemoryStore::find(const StoreKey& key) {
    const auto found = slots_.find(key);
    if (found == slots_.end()) return nullptr;
    if (clock_() < found->second.expires) return &found->second;
    slots_.erase(found);
    return nullptr;
}

bool MemoryStore::stale_epoch(std::string_view record) const {
    const auto known = epochs_.find(user_of(record));
    return known != epochs_.end() && model::get_be<std::uint64_t>(record, offset::epoch) < known->second;
}

bool MemoryStore::remove(const StoreKey& key) {
    const Slot* slot = find(key);
    if (slot == nullptr) return false;
    const bool was_record = is_record(slot->bytes);
    if (was_record) {
        const auto user = index_.find(user_of(slot->bytes));
        if (user != index_.end()) user->second.erase(key);
    }
    slots_.erase(key);
    return was_record;
}

Task<CreateStatus> MemoryStore::create(StoreKey key, std::string record, Millis ttl, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    if (!is_record(record)) co_return malformed(record);
    if (find(key) != nullptr) co_return CreateStatus::exists;
    if (stale_epoch(record)) co_return CreateStatus::stale_epoch;
    const UserTag user = user_of(record);
    if (!user.anonymous()) index_[user][key] = entry_of(key, record);
    slots_[key] = {std::move(record), clock_() + ttl};
    co_return CreateStatus::created;
}

Task<std::optional<std::string>> MemoryStore::load(StoreKey key, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    const Slot* slot = find(key);
    if (slot == nullptr) co_return std::optional<std::string>{};
    co_return std::optional<std::string>{slot->bytes};
}

Task<SaveReply> MemoryStore::save(StoreKey key, std::uint64_t expected_generation, std::string record, Millis ttl,
                                  Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    if (!is_record(record)) co_return malformed(record);
    Slot* slot = find(key);
    SaveReply reply;
    if (slot == nullptr) co_return reply;
    if (is_note(slot->bytes)) {
        reply.status = SaveStatus::moved;
        reply.current = slot->bytes;
        co_return reply;
    }
    if (stale_epoch(slot->bytes) || stale_epoch(record)) {
        remove(key);
        co_return reply;
    }
    if (operation_of(slot->bytes) == operation_of(record)) {
        reply.status = SaveStatus::saved;
        co_return reply;
    }
    if (generation_of(slot->bytes) != expected_generation) {
        reply.status = SaveStatus::conflict;
        reply.current = slot->bytes;
        co_return reply;
    }
    stamp_last_seen(record, clock_());
    *slot = {std::move(record), clock_() + ttl};
    reply.status = SaveStatus::saved;
    co_return reply;
}

Task<TouchStatus> MemoryStore::touch(StoreKey key, Millis ttl, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    Slot* slot = find(key);
    if (slot == nullptr || is_note(slot->bytes)) co_return TouchStatus::gone;
    stamp_last_seen(slot->bytes, clock_());
    slot->expires = clock_() + ttl;
    co_return TouchStatus::touched;
}

Task<bool> MemoryStore::erase(StoreKey key, std::string note, Millis note_ttl, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    const bool removed = remove(key);
    if (removed && !note.empty()) slots_[key] = {std::move(note), clock_() + note_ttl};
    co_return removed;
}

Task<EndReply> MemoryStore::end(EndOrder order, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    if (order.whole_user) {
        for (const auto& [key, entry] : index_[order.user]) {
            if (key != order.keep) order.keys.push_back(key);
        }
    }
    EndReply reply;
    for (const StoreKey& key : order.keys) reply.removed += remove(key) ? 1U : 0U;
    if (order.epoch > 0) {
        auto& epoch = epochs_[order.user];
        epoch = std::max(epoch, order.epoch);
    }
    auto& mark = marks_[order.shard];
    if (order.sequence > mark) {
        if (mark >= order.previous_sequence) {
            mark = order.sequence;
        } else {
            reply.gap = true;
        }
    }
    reply.mark = mark;
    co_return reply;
}

Task<std::vector<IndexEntry>> MemoryStore::list_user(UserTag user, Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    std::vector<IndexEntry> live;
    auto& entries = index_[user];
    for (auto entry = entries.begin(); entry != entries.end();) {
        const Slot* slot = find(entry->first);
        if (slot == nullptr || !is_record(slot->bytes)) {
            entry = entries.erase(entry);
        } else {
            live.push_back((entry++)->second);
        }
    }
    co_return live;
}

Task<std::vector<std::uint64_t>> MemoryStore::marks(Deadline) {
    const std::lock_guard lock(mutex_);
    if (auto entered = enter(); !entered) co_return entered.error();
    co_return std::vector<std::uint64_t>(marks_.begin(), marks_.end());
}

Task<TimePoint> MemoryStore::now(Deadline) { co_return clock_(); }

}  // namespace vedfolnir::memory
