// The archive in process memory: the specification of the SQL archive in its simplest form, and the
// shipped fake.
#pragma once

#include "vedfolnir/async/archive.hpp"

#include <memory>

namespace vedfolnir::memory {

/// Keeps everything until it is destroyed; nothing survives the process. Same semantics as the SQL
/// archive.
/// Thread safety: any thread.
class MemoryArchive final : public async::Archive {
public:
    MemoryArchive();
    ~MemoryArchive() override;
    MemoryArchive(const MemoryArchive&) = delete;
    MemoryArchive& operator=(const MemoryArchive&) = delete;

    /// While down, every call answers `audit_unavailable` and changes nothing.
    void set_down(bool down) noexcept;

    /// From now on this is another opening of what it holds.
    void reopen() noexcept;

    [[nodiscard]] async::Task<async::LoginGrant> begin_login(async::LoginOrder order,
                                                             Deadline deadline) override;
    [[nodiscard]] async::Task<bool> confirm_login(Handle handle, StoreKey key,
                                                  std::optional<async::Snapshot> copy,
                                                  Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReceipt> end(async::EndRequest request,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> close_expired(TimePoint now, std::uint32_t limit,
                                                           Deadline deadline) override;
    [[nodiscard]] async::Task<bool> record_change(Handle handle, std::string platform,
                                                  async::AuditEvent event,
                                                  Deadline deadline) override;
    [[nodiscard]] async::Task<async::ReplayReceipt> replay(std::vector<async::Deferred> entries,
                                                           Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> append(std::vector<async::AuditEvent> events,
                                                    Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::SessionRow>> sessions(async::SessionQuery query,
                                                                       Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::AuditEvent>> audit(async::AuditQuery query,
                                                                    Deadline deadline) override;
    [[nodiscard]] async::Task<bool> try_write(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<std::uint64_t>> sequences(Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> raise_sequences(std::vector<std::uint64_t> marks,
                                                             async::AuditEvent event,
                                                             Deadline deadline) override;
    [[nodiscard]] std::uint64_t opening_number() const noexcept override;
    [[nodiscard]] async::Task<std::vector<async::Revocation>> revocations(
        std::uint8_t shard, std::uint64_t after, std::uint32_t limit, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::UserEpoch>> epochs(TimePoint since,
                                                                    std::uint32_t limit,
                                                                    Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::UserEpoch>> epochs_from(
        std::uint8_t shard, std::optional<UserTag> after, std::uint32_t limit,
        Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint64_t> epoch_of(UserTag user, Deadline deadline) override;

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
};

}  // namespace vedfolnir::memory
