// The store in process memory: the specification of the store contract, and the shipped fake (S77).
#pragma once

#include "vedfolnir/async/store.hpp"
#include "runtime/counters.hpp"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace vedfolnir::memory {

/// Where the store's time comes from; tests step it.
using Clock = std::function<TimePoint()>;

[[nodiscard]] TimePoint wall_clock();

/// Keeps records until they expire by its clock or the process ends. Thread-safe.
class MemoryStore final : public async::SessionStore {
public:
    /// `counters`, if given, must outlive the store; each call counts as one store command.
    explicit MemoryStore(Clock clock = wall_clock, runtime::AtomicCounters* counters = nullptr);

    /// While down, every call answers `store_unavailable` and changes nothing.
    void set_down(bool down);
    /// Live records and notes.
    [[nodiscard]] std::size_t size() const;

    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                                          Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<std::string>> load(StoreKey key, Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key, std::uint64_t expected_generation,
                                                     std::string record, Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;

private:
    struct Slot {
        std::string bytes;
        TimePoint expires;
    };
    /// Counts the command; an Error while down.
    [[nodiscard]] Result<void> enter() const;
    /// The live slot, or null. Drops it when its time is over.
    [[nodiscard]] Slot* find(const StoreKey& key);
    [[nodiscard]] bool stale_epoch(std::string_view record) const;
    bool remove(const StoreKey& key);

    Clock clock_;
    runtime::AtomicCounters* counters_;
    mutable std::mutex mutex_;
    bool down_ = false;
    std::map<StoreKey, Slot> slots_;
    std::map<UserTag, std::map<StoreKey, async::IndexEntry>> index_;
    std::map<UserTag, std::uint64_t> epochs_;
    std::array<std::uint64_t, 256> marks_{};
};

}  // namespace vedfolnir::memory
