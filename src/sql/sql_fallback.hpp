// The database as stand-in for the hot store, and as the place of its snapshots.
#pragma once

#include "audit/personal.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/fallback.hpp"
#include "vedfolnir/async/restore.hpp"

#include <memory>

namespace vedfolnir::sql {

/// Each call is one transaction. Shares revocations, epochs and sessions with the archive on the same database: what ended
/// there is over here.
class SqlFallback final : public async::FallbackStore, public async::SnapshotSink {
public:
    SqlFallback(std::shared_ptr<Database> database, audit::SharedSealer sealer)
        : database_(std::move(database)), sealer_(std::move(sealer)) {}

    [[nodiscard]] async::Task<async::FallbackRecord> load(StoreKey key, Deadline deadline) override;
    [[nodiscard]] async::Task<async::CreateStatus> create(StoreKey key, std::string record,
                                                          Millis ttl, Deadline deadline) override;
    [[nodiscard]] async::Task<async::SaveReply> save(StoreKey key,
                                                     std::uint64_t expected_generation,
                                                     std::string record, Millis ttl,
                                                     Deadline deadline) override;
    [[nodiscard]] async::Task<async::TouchStatus> touch(StoreKey key, Millis ttl,
                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                          Millis life, Deadline deadline) override;
    [[nodiscard]] async::Task<async::EndReply> end(async::EndOrder order, Millis life,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::IndexEntry>> list_user(UserTag user,
                                                                        Deadline deadline) override;
    [[nodiscard]] async::Task<TimePoint> now(Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<async::AheadRow>> ahead(std::optional<StoreKey> after,
                                                                  std::uint32_t limit,
                                                                  Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> settle(std::vector<async::Settled> told,
                                                    Deadline deadline) override;
    [[nodiscard]] async::Task<FallbackState> state(Deadline deadline) override;
    [[nodiscard]] async::Task<FallbackState> set_mode(FallbackMode mode, std::string actor,
                                                      Deadline deadline) override;

    [[nodiscard]] async::Task<std::uint32_t> put_snapshots(std::vector<async::Snapshot> snapshots,
                                                           Deadline deadline) override;

private:
    std::shared_ptr<Database> database_;
    audit::SharedSealer sealer_;
};

}  // namespace vedfolnir::sql
