#include "memory/memory_store.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

namespace vedfolnir::memory {
using async::CreateStatus;
using async::EndOrder;
using async::EndReply;
using async::IndexEntry;
using async::SaveReply;
using async::SaveStatus;
using async::Task;
using async::TouchStatus;
namespace offset = model::offset;

namespace {

constexpr std::uint64_t writes_between_sweeps = 1024;

struct Entry {
    std::string bytes;
    TimePoint end;
};

bool is_note(std::string_view bytes) {
    return bytes.size() > offset::flags &&
           (static_cast<std::uint8_t>(bytes[offset::flags]) & model::flag_note) != 0;
}

bool is_record(std::string_view bytes) {
    return bytes.size() >= offset::body &&
           static_cast<std::uint8_t>(bytes[offset::format]) == model::record_format &&
           !is_note(bytes);
}

template <class Named>
Named named_at(std::string_view record, std::size_t at) {
    Named value;
    std::ranges::copy(model::as_bytes(record.substr(at, value.bytes.size())), value.bytes.begin());
    return value;
}

UserTag user_of(std::string_view record) { return named_at<UserTag>(record, offset::user_tag); }
Handle handle_of(std::string_view record) { return named_at<Handle>(record, offset::handle); }

std::uint64_t generation_of(std::string_view record) {
    return model::get_be<std::uint64_t>(record, offset::generation);
}

std::uint64_t record_epoch(std::string_view record) {
    return model::get_be<std::uint64_t>(record, offset::epoch);
}

TimePoint absolute_of(std::string_view record) {
    return TimePoint(Millis(model::get_be<std::int64_t>(record, offset::absolute_expiry)));
}

/// A retry carries the operation id of what it repeats; all zero names no operation.
bool same_operation(std::string_view stored, std::string_view record) {
    const auto operation = record.substr(offset::operation, sizeof(OperationId));
    return operation == stored.substr(offset::operation, sizeof(OperationId)) &&
           operation.find_first_not_of('\0') != std::string_view::npos;
}

/// Never past the absolute end (0: none); not positive when that has come.
Millis capped(std::string_view record, Millis ttl, TimePoint now) {
    const TimePoint absolute = absolute_of(record);
    return absolute == TimePoint{} ? ttl : std::min(ttl, Millis(absolute - now));
}

void stamp_last_seen(std::string& record, TimePoint now) {
    model::put_be(record, offset::last_seen, now.time_since_epoch().count());
}

Error refused(std::string what) { return {Errc::internal, "store: " + std::move(what)}; }

Result<void> check_record(std::string_view record, std::string_view name) {
    if (is_record(record)) return {};
    return refused(std::string(name) + " has " + std::to_string(record.size()) +
                   " bytes or is not a record of format 1");
}

}  // namespace

TimePoint wall_clock() {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

struct MemoryStore::State {
    Clock now;
    runtime::AtomicCounters* counters = nullptr;
    std::mutex mutex;
    bool down = false;
    std::map<StoreKey, Entry> entries;
    std::map<UserTag, std::uint64_t> epochs;
    std::array<std::uint64_t, 256> marks{};
    std::uint64_t writes = 0;

    /// What stands under `key` and has not expired. Expired entries go when they are met.
    Entry* find(const StoreKey& key, TimePoint at) {
        const auto found = entries.find(key);
        if (found == entries.end()) return nullptr;
        if (found->second.end > at) return &found->second;
        entries.erase(found);
        return nullptr;
    }

    [[nodiscard]] bool stale(std::string_view record) const {
        const auto found = epochs.find(user_of(record));
        return found != epochs.end() && record_epoch(record) < found->second;
    }

    /// Bounds what nobody comes back for; called by writers.
    void sweep(TimePoint at) {
        if (++writes % writes_between_sweeps != 0) return;
        std::erase_if(entries, [&](const auto& entry) { return entry.second.end <= at; });
    }

    Result<CreateStatus> create(const StoreKey& key, std::string record, Millis ttl);
    Result<SaveReply> save(const StoreKey& key, std::uint64_t expected, std::string record,
                           Millis ttl);
    Result<TouchStatus> touch(const StoreKey& key, Millis ttl);
    Result<bool> erase(const StoreKey& key, std::string note, Millis note_ttl);
    Result<EndReply> end(const EndOrder& order);
    std::uint32_t remove(const EndOrder& order);
    [[nodiscard]] std::vector<IndexEntry> list(const UserTag& user) const;
};

Result<CreateStatus> MemoryStore::State::create(const StoreKey& key, std::string record,
                                                Millis ttl) {
    if (auto valid = check_record(record, "record"); !valid) return valid.error();
    const TimePoint at = now();
    const UserTag user = user_of(record);
    const Millis left = capped(record, ttl, at);
    if (left <= Millis{0} || (!user.anonymous() && absolute_of(record) == TimePoint{})) {
        return refused("absolute expiry has passed or is missing");
    }
    if (!user.anonymous() && user.shard() != key.shard) {
        return refused("an authenticated record outside its user's shard");
    }
    if (stale(record)) return CreateStatus::stale_epoch;
    if (find(key, at) != nullptr) return CreateStatus::exists;
    sweep(at);
    entries[key] = {std::move(record), at + left};
    return CreateStatus::created;
}

Result<SaveReply> MemoryStore::State::save(const StoreKey& key, std::uint64_t expected,
                                           std::string record, Millis ttl) {
    if (auto valid = check_record(record, "record"); !valid) return valid.error();
    if (generation_of(record) == expected) {
        return refused("expected generation must differ from the record's own");
    }
    const TimePoint at = now();
    Entry* stored = find(key, at);
    if (stored == nullptr) return SaveReply{SaveStatus::gone, {}};
    if (is_note(stored->bytes)) return SaveReply{SaveStatus::moved, stored->bytes};
    if (auto valid = check_record(stored->bytes, "stored record"); !valid) return valid.error();
    if (stale(stored->bytes) || capped(stored->bytes, ttl, at) <= Millis{0}) {
        entries.erase(key);
        return SaveReply{SaveStatus::gone, {}};
    }
    if (same_operation(stored->bytes, record)) return SaveReply{SaveStatus::saved, {}};
    if (generation_of(stored->bytes) != expected) {
        return SaveReply{SaveStatus::conflict, stored->bytes};
    }
    if (user_of(stored->bytes) != user_of(record) ||
        handle_of(stored->bytes) != handle_of(record)) {
        return refused("a save may change neither handle nor user");
    }
    stamp_last_seen(record, at);
    const TimePoint end = at + std::max(capped(record, ttl, at), Millis{1});
    *stored = {std::move(record), end};
    return SaveReply{SaveStatus::saved, {}};
}

Result<TouchStatus> MemoryStore::State::touch(const StoreKey& key, Millis ttl) {
    const TimePoint at = now();
    Entry* stored = find(key, at);
    if (stored == nullptr || is_note(stored->bytes)) return TouchStatus::gone;
    if (auto valid = check_record(stored->bytes, "stored record"); !valid) return valid.error();
    const Millis left = capped(stored->bytes, ttl, at);
    if (left <= Millis{0}) {
        entries.erase(key);
        return TouchStatus::gone;
    }
    stamp_last_seen(stored->bytes, at);
    stored->end = at + left;
    return TouchStatus::touched;
}

Result<bool> MemoryStore::State::erase(const StoreKey& key, std::string note, Millis note_ttl) {
    if (!note.empty() && (!is_note(note) || note_ttl <= Millis{0})) {
        return refused("note is not a note, or has no time to live");
    }
    const TimePoint at = now();
    Entry* stored = find(key, at);
    if (stored == nullptr || is_note(stored->bytes)) return false;
    if (note.empty()) {
        entries.erase(key);
    } else {
        *stored = {std::move(note), at + note_ttl};
    }
    return true;
}

std::uint32_t MemoryStore::State::remove(const EndOrder& order) {
    const TimePoint at = now();
    std::vector<StoreKey> targets = order.keys;
    if (order.whole_user) {
        for (const auto& [key, entry] : entries) {
            if (!is_record(entry.bytes) || user_of(entry.bytes) != order.user) continue;
            if (order.epoch == 0 || record_epoch(entry.bytes) < order.epoch) targets.push_back(key);
        }
    }
    std::uint32_t removed = 0;
    for (const StoreKey& key : targets) {
        const Entry* stored = find(key, at);
        if (stored == nullptr || is_note(stored->bytes) || key == order.keep) continue;
        if (order.note.empty()) {
            entries.erase(key);
        } else {
            entries[key] = {order.note, at + order.note_ttl};
        }
        ++removed;
    }
    return removed;
}

Result<EndReply> MemoryStore::State::end(const EndOrder& order) {
    if (!order.user.anonymous() && order.user.shard() != order.shard) {
        return refused("an ending outside its user's shard");
    }
    if ((order.whole_user || order.epoch > 0) && order.user.anonymous()) {
        return refused("an ending of a whole user, or an epoch, needs the user");
    }
    if (!order.note.empty() &&
        (order.whole_user || !is_note(order.note) || order.note_ttl <= Millis{0})) {
        return refused("note is not a note, has no time to live, or stands for a whole user");
    }
    EndReply reply;
    reply.removed = remove(order);
    if (order.epoch > 0) {
        auto& epoch = epochs[order.user];
        epoch = std::max(epoch, order.epoch);
    }
    auto& mark = marks.at(order.shard);
    if (order.sequence > mark) {
        reply.gap = mark < order.previous_sequence;
        if (!reply.gap) mark = order.sequence;
    }
    reply.mark = mark;
    return reply;
}

std::vector<IndexEntry> MemoryStore::State::list(const UserTag& user) const {
    std::vector<IndexEntry> listed;
    if (user.anonymous()) return listed;
    const TimePoint at = now();
    for (const auto& [key, entry] : entries) {
        if (!is_record(entry.bytes) || entry.end <= at || user_of(entry.bytes) != user) continue;
        if (!stale(entry.bytes))
            listed.push_back({key, handle_of(entry.bytes), absolute_of(entry.bytes)});
    }
    return listed;
}

template <class Work>
auto MemoryStore::locked(Work work) const {
    using Answer = decltype(work(*state_));
    const std::lock_guard lock(state_->mutex);
    if (state_->counters != nullptr) {
        runtime::AtomicCounters::raise(state_->counters->store_commands);
    }
    if (state_->down) {
        return Answer(Error{Errc::store_unavailable, "the memory store is switched off"});
    }
    return work(*state_);
}

MemoryStore::MemoryStore(Clock clock, runtime::AtomicCounters* counters)
    : state_(std::make_unique<State>()) {
    state_->now = std::move(clock);
    state_->counters = counters;
}

MemoryStore::~MemoryStore() = default;

void MemoryStore::set_down(bool down) {
    const std::lock_guard lock(state_->mutex);
    state_->down = down;
}

std::size_t MemoryStore::size() const {
    const std::lock_guard lock(state_->mutex);
    const TimePoint at = state_->now();
    return static_cast<std::size_t>(std::ranges::count_if(
        state_->entries, [&](const auto& entry) { return entry.second.end > at; }));
}

Task<CreateStatus> MemoryStore::create(StoreKey key, std::string record, Millis ttl, Deadline) {
    co_return locked([&](State& state) { return state.create(key, std::move(record), ttl); });
}

Task<std::optional<std::string>> MemoryStore::load(StoreKey key, Deadline) {
    using Found = Result<std::optional<std::string>>;
    co_return locked([&](State& state) -> Found {
        const Entry* stored = state.find(key, state.now());
        return stored == nullptr ? std::optional<std::string>() : stored->bytes;
    });
}

Task<SaveReply> MemoryStore::save(StoreKey key, std::uint64_t expected_generation,
                                  std::string record, Millis ttl, Deadline) {
    co_return locked(
        [&](State& state) { return state.save(key, expected_generation, std::move(record), ttl); });
}

Task<TouchStatus> MemoryStore::touch(StoreKey key, Millis ttl, Deadline) {
    co_return locked([&](State& state) { return state.touch(key, ttl); });
}

Task<bool> MemoryStore::erase(StoreKey key, std::string note, Millis note_ttl, Deadline) {
    co_return locked([&](State& state) { return state.erase(key, std::move(note), note_ttl); });
}

Task<EndReply> MemoryStore::end(EndOrder order, Deadline) {
    co_return locked([&](State& state) { return state.end(order); });
}

Task<std::vector<IndexEntry>> MemoryStore::list_user(UserTag user, Deadline) {
    co_return locked(
        [&](State& state) { return Result<std::vector<IndexEntry>>(state.list(user)); });
}

Task<async::AppliedEpoch> MemoryStore::epoch_of(UserTag user, Deadline) {
    co_return locked([&](State& state) {
        const auto found = state.epochs.find(user);
        const std::uint64_t epoch = found == state.epochs.end() ? 0 : found->second;
        return Result<async::AppliedEpoch>(async::AppliedEpoch{epoch, true});
    });
}

Task<std::vector<bool>> MemoryStore::epochs_told(Deadline) {
    co_return std::vector<bool>(state_->marks.size(), true);
}

Task<bool> MemoryStore::tell_epochs(std::vector<async::EpochPage> pages, Deadline) {
    co_return locked([&](State& state) {
        for (const async::EpochPage& page : pages) {
            for (const async::UserEpoch& told : page.epochs) {
                auto& epoch = state.epochs[told.user];
                epoch = std::max(epoch, told.epoch);
            }
        }
        return Result<bool>(true);
    });
}

Task<bool> MemoryStore::doubt_epochs(std::uint8_t, Deadline) { co_return true; }

Task<std::vector<std::uint64_t>> MemoryStore::marks(Deadline) {
    using Marks = std::vector<std::uint64_t>;
    co_return locked(
        [](State& state) { return Result<Marks>(Marks(state.marks.begin(), state.marks.end())); });
}

// What this process keeps in its memory is lost with it only.
Task<bool> MemoryStore::attest(Deadline) { co_return true; }
Task<std::vector<bool>> MemoryStore::lost_nothing(Deadline) {
    co_return std::vector<bool>(state_->marks.size(), true);
}

Task<bool> MemoryStore::same_server(Deadline) { co_return true; }

// Not counted, and answered while down: it reads no store.
Task<TimePoint> MemoryStore::now(Deadline) { co_return state_->now(); }

}  // namespace vedfolnir::memory
