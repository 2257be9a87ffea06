// Background jobs in SQL: what they did, retention, and the lease where there is no Redis.
#pragma once

#include "audit/personal.hpp"
#include "sql/audit_trail.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vedfolnir::sql {

/// The first statement of every transaction that acts for background work. Throws Failure (denied) where a higher fence
/// was seen.
void act_under(Connection& db, const async::Ticket& ticket);

struct Archived {
    std::vector<std::uint64_t> partitions;
    std::optional<Error> refused;  ///< Names those whose archive is not what it has to be.
};

/// Which of these partitions stand in an archive. An error where that cannot be found out.
using ArchivedLookup =
    std::function<async::Task<Archived>(std::vector<PartitionState> partitions, Deadline deadline)>;

/// Give it a database object of its own: a batch then never stands in a page's queue, and no statement of it is counted
/// as a page's. Errors: audit_unavailable, denied (fenced off), bad_options, deadline_exceeded.
class SqlUpkeep final : public async::SqlUpkeep, public async::Lease {
public:
    /// With `archived`, retention drops no partition of the audit trail that is not among its answer. What was refused is
    /// the error of the purge that leaves nothing else to drop.
    SqlUpkeep(std::shared_ptr<Database> database, audit::SharedSealer sealer,
              ArchivedLookup archived = {})
        : database_(std::move(database)),
          sealer_(std::move(sealer)),
          archived_(std::move(archived)) {}

    [[nodiscard]] async::Task<Closed> close_gone(async::Ticket ticket,
                                                 std::vector<async::Gone> gone, TimePoint now,
                                                 Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> close_expired(async::Ticket ticket, TimePoint now,
                                                           std::uint32_t limit,
                                                           Deadline deadline) override;
    [[nodiscard]] async::Task<std::uint32_t> purge(async::Ticket ticket, async::Retained rows,
                                                   TimePoint before, std::uint32_t limit,
                                                   Deadline deadline) override;
    [[nodiscard]] async::Task<bool> note_run(JobStatus row, Deadline deadline) override;
    [[nodiscard]] async::Task<std::vector<JobStatus>> jobs(Deadline deadline) override;

    [[nodiscard]] async::Task<async::LeaseReply> take(std::string holder, Millis ttl,
                                                      async::Fence floor,
                                                      Deadline deadline) override;
    [[nodiscard]] async::Task<async::LeaseReply> look(Deadline deadline) override;
    [[nodiscard]] async::Task<bool> give_up(std::string holder, Deadline deadline) override;

private:
    [[nodiscard]] async::Task<std::uint32_t> purge_audit(async::Ticket ticket, TimePoint before,
                                                         std::uint32_t limit, Deadline deadline);

    std::shared_ptr<Database> database_;
    audit::SharedSealer sealer_;
    ArchivedLookup archived_;
};

}  // namespace vedfolnir::sql
