// The store in process memory: the specification of the store contract, and the shipped fake (S77).
#pragma once

#include "runtime/counters.hpp"
#include "vedfolnir/async/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::memory {

/// Where the store's time comes from; tests step it.
using Clock = std::function<TimePoint()>;

[[nodiscard]] TimePoint wall_clock();

/// Does what the Redis store does, without Redis: same answers, same lifetimes, by its own clock, until the process
/// ends. Thread-safe: several managers may share one.
class MemoryStore final : public async::SessionStore {
public:
    /// `counters`, if given, must outlive the store; each call counts as one store command.
    explicit MemoryStore(Clock clock = wall_clock, runtime::AtomicCounters* counters = nullptr);
    ~MemoryStore() override;

    /// While down, every call answers `store_unavailable` and changes nothing.
    void set_down(bool down);
    /// Live records and notes.
    [[nodiscard]] std::size_t size() const;

    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record,
                                                          Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<std::optional<std::string>> load(StoreKey key,
                                                               Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key,
                                                     std::uint64_t expected_generation,
                                                     std::string record, Millis ttl,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl,
                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<async::AppliedEpoch> epoch_of(UserTag user,
                                                            Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> epochs_told(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> tell_epochs(std::vector<async::EpochPage> pages,
                                                Deadline deadline) override;
    [[nodiscard]] async::Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> marks(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> attest(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<bool>> lost_nothing(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> same_server(Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;
    [[nodiscard]] std::uint64_t connection_number() const noexcept override { return 0; }

private:
    struct State;

    /// Counts the command and runs `work` on the locked state; an Error while down.
    template <class Work>
    [[nodiscard]] auto locked(Work work) const;

    std::unique_ptr<State> state_;
};

}  // namespace vedfolnir::memory
