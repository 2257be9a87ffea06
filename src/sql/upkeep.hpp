// Background jobs in SQL: what they did, retention, and the lease where there is no Redis.
#pragma once

#include "audit/personal.hpp"
#include "sql/database.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <memory>

namespace vedfolnir::sql {

/// Give it a database object of its own: a batch then never stands in a page's queue, and no statement of it is counted
/// as a page's. Errors: audit_unavailable, denied (fenced off), bad_options, deadline_exceeded.
class SqlUpkeep final : public async::SqlUpkeep, public async::Lease {
public:
    SqlUpkeep(std::shared_ptr<Database> database, audit::SharedSealer sealer)
        : database_(std::move(database)), sealer_(std::move(sealer)) {}

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
    std::shared_ptr<Database> database_;
    audit::SharedSealer sealer_;
};

}  // namespace vedfolnir::sql
