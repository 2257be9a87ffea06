// The archive on a SQL database.
#pragma once

#include "sql/sql.hpp"
#include "vedfolnir/async/archive.hpp"

#include <functional>
#include <memory>

namespace vedfolnir::sql {

/// Each call is one transaction of the database. Errors beside those of async::Archive: bad_options
/// (the database cannot be used, with the fix), denied and conflict (see lifecycle.hpp),
/// key_unavailable (the audit key of a user does not open),
/// deadline_exceeded (see Database::write).
class SqlArchive final : public async::Archive {
public:
    SqlArchive(std::shared_ptr<Database> database, SharedSealer sealer);

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
    [[nodiscard]] std::uint64_t opening_number() const noexcept override {
        return database_->opening_number();
    }
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
    /// Work that writes events.
    template <class T, class Work>
    [[nodiscard]] std::function<T(Connection&)> audited(Work work) const;

    std::shared_ptr<Database> database_;
    SharedSealer sealer_;
};

}  // namespace vedfolnir::sql
