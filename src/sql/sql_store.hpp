// The session store on a SQL database: for installations without Redis, and for its absence.
#pragma once

#include "sql/database.hpp"
#include "vedfolnir/async/store.hpp"

#include <memory>

namespace vedfolnir::sql {

/// Each call is one transaction. Lifetimes are stored deadlines, checked against the database's
/// injected clock. Shares user epochs and shards with the archive, so that an ending committed
/// there is seen here.
/// Errors: store_unavailable, bad_options, deadline_exceeded (outcome unknown).
class SqlStore final : public async::SessionStore {
public:
    explicit SqlStore(std::shared_ptr<Database> database);

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
    template <class T>
    [[nodiscard]] async::Task<T> write(std::function<T(Connection&)> work, Deadline deadline);
    template <class T>
    [[nodiscard]] async::Task<T> read(std::function<T(Connection&)> work, Deadline deadline);

    std::shared_ptr<Database> database_;
};

}  // namespace vedfolnir::sql
