#include "sql/upkeep.hpp"

#include "sql/audit_retention.hpp"
#include "sql/failure.hpp"
#include "sql/lifecycle.hpp"
#include "sql/rows.hpp"
#include "sql/statistics.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace vedfolnir::sql {

using async::Fence;
using async::LeaseReply;
using async::Retained;
using async::Ticket;

namespace {

constexpr std::size_t job_columns = 14;

std::string_view purge_query(Retained rows) {
    switch (rows) {
    case Retained::sessions:
        break;  // Counted first: purge_sessions.
    case Retained::audit:
        break;  // Whole partitions: purge_audit.
    case Retained::statistics:
        break;  // With what is noted of erasures: purge_statistics.
    case Retained::revocations:
        return "revocations_purge";
    case Retained::records:
        return "records_purge";
    }
    throw Failure(Errc::internal, "rows that nobody retains");
}

JobStatus read_job(const Row& row) {
    JobStatus job;
    job.job = row.text(0);
    job.fence = static_cast<Fence>(row.integer(1));
    job.holder = row.text(2);
    job.started = moment(row.integer(3));
    job.finished = moment(row.integer(4));
    job.succeeded = moment(row.integer(5));
    job.next_due = moment(row.integer(6));
    job.outcome = row.text(7);
    job.detail = row.text(8);
    job.removed = static_cast<std::uint64_t>(row.integer(9));
    job.removed_last = static_cast<std::uint64_t>(row.integer(10));
    job.runs = static_cast<std::uint64_t>(row.integer(11));
    job.failures = static_cast<std::uint64_t>(row.integer(12));
    job.lag = Millis(row.integer(13));
    return job;
}

LeaseReply lease_of(const Row& row, TimePoint now) {
    LeaseReply lease;
    lease.fence = static_cast<Fence>(row.integer(1));
    lease.left = std::max(Millis{0}, Millis(moment(row.integer(2)) - now));
    if (lease.left > Millis{0}) lease.holder = row.text(0);
    return lease;
}

LeaseReply read_lease(Connection& db, TimePoint now) {
    return lease_of(db.query("job_lease_read", 3).at(0), now);
}

/// The same, for a transaction that will change it.
LeaseReply locked_lease(Connection& db, TimePoint now) {
    return lease_of(db.query_locked("job_lease_read", 3).at(0), now);
}

void write_lease(Connection& db, const LeaseReply& lease, TimePoint now) {
    db.execute("job_lease_write", {{"holder", lease.holder},
                                   {"fence", number(lease.fence)},
                                   {"until_ms", millis(now + lease.left)}});
}

LeaseReply take_lease(Connection& db, const std::string& holder, Millis ttl, Fence floor,
                      TimePoint now) {
    LeaseReply lease = locked_lease(db, now);
    if (!lease.holder.empty() && lease.holder != holder) return lease;
    // As in Redis: fences follow the clock, so that they grow also where the last one was forgotten.
    if (lease.holder.empty() || lease.fence < floor)
        lease.fence = std::max({static_cast<Fence>(millis(now)), lease.fence + 1, floor});
    lease.held = true;
    lease.holder = holder;
    lease.left = ttl;
    write_lease(db, lease, now);
    return lease;
}

}  // namespace

void act_under(Connection& db, const Ticket& ticket) {
    const Params params{{"job", ticket.job}, {"fence", number(ticket.fence)}};
    if (db.execute("job_fence", params) > 0) return;
    if (!db.query("job_fence_of", 1, {{"job", ticket.job}}).empty()) {
        throw Failure(Errc::denied, "another process has the lease of the background jobs now");
    }
    db.execute("job_insert", params);
}

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

async::Task<SqlUpkeep::Closed> SqlUpkeep::close_gone(Ticket ticket, std::vector<async::Gone> gone,
                                                     TimePoint now, Deadline deadline) {
    std::function<Closed(Connection&)> work = [sealer = sealer_, written = database_->now(),
                                               ticket = std::move(ticket), gone = std::move(gone),
                                               now](Connection& db) {
        act_under(db, ticket);
        Closed closed;
        closed.gone = gone;
        if (gone.empty()) return closed;
        closed.closed = sql::close_gone(db, {*sealer, written}, closed.gone, now);
        return closed;
    };
    return database_->write_alone<Closed>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlUpkeep::close_expired(Ticket ticket, TimePoint now,
                                                    std::uint32_t limit, Deadline deadline) {
    std::function<std::uint32_t(Connection&)> work = [sealer = sealer_, written = database_->now(),
                                                      ticket = std::move(ticket), now,
                                                      limit](Connection& db) {
        act_under(db, ticket);
        return sql::close_expired(db, {*sealer, written}, now, limit);
    };
    return database_->write_alone<std::uint32_t>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlUpkeep::purge(Ticket ticket, Retained rows, TimePoint before,
                                            std::uint32_t limit, Deadline deadline) {
    if (rows == Retained::audit) return purge_audit(std::move(ticket), before, limit, deadline);
    std::function<std::uint32_t(Connection&)> work = [ticket = std::move(ticket), rows, before,
                                                      limit](Connection& db) {
        act_under(db, ticket);
        if (rows == Retained::sessions) return purge_sessions(db, before, limit);
        if (rows == Retained::statistics) return purge_statistics(db, before, limit);
        const std::string_view time = rows == Retained::records ? "now" : "before";
        return static_cast<std::uint32_t>(
            db.execute(purge_query(rows), {{time, millis(before)}, {"page", std::int64_t{limit}}}));
    };
    return database_->write_alone<std::uint32_t>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlUpkeep::purge_audit(Ticket ticket, TimePoint before,
                                                  std::uint32_t limit, Deadline deadline) {
    std::optional<std::vector<std::uint64_t>> archived;
    std::optional<Error> refused;
    if (archived_) {
        std::function<std::vector<PartitionState>(Connection&)> look = [before](Connection& db) {
            return old_partitions(read_state(db), before);
        };
        auto old = co_await database_->read<std::vector<PartitionState>>(std::move(look), deadline);
        if (!old) co_return old.error();
        auto found = co_await archived_(std::move(*old), deadline);
        if (!found) co_return found.error();
        archived = std::move(found->partitions);
        refused = std::move(found->refused);
    }
    std::function<std::uint32_t(Connection&)> work =
        [sealer = sealer_, written = database_->now(), ticket = std::move(ticket), before, limit,
         archived = std::move(archived)](Connection& db) {
            act_under(db, ticket);
            return drop_old_partitions(db, {*sealer, written}, before, limit, archived);
        };
    const auto removed = co_await database_->write_alone<std::uint32_t>(std::move(work), deadline);
    // Not before all that may go is gone.
    if (removed && *removed < limit && refused) co_return std::move(*refused);
    co_return removed;
}

async::Task<bool> SqlUpkeep::note_run(JobStatus row, Deadline deadline) {
    std::function<bool(Connection&)> work = [row = std::move(row)](Connection& db) {
        act_under(db, {row.job, row.fence});
        db.execute("job_note_run", {{"holder", row.holder},
                                    {"started_ms", millis(row.started)},
                                    {"finished_ms", millis(row.finished)},
                                    {"succeeded_ms", millis(row.succeeded)},
                                    {"next_due_ms", millis(row.next_due)},
                                    {"outcome", row.outcome},
                                    {"detail", row.detail},
                                    {"removed", number(row.removed)},
                                    {"removed_last", number(row.removed_last)},
                                    {"lag_ms", std::int64_t{row.lag.count()}},
                                    {"runs", number(row.runs)},
                                    {"failures", number(row.failures)},
                                    {"job", row.job}});
        return true;
    };
    return database_->write<bool>(std::move(work), deadline);
}

async::Task<std::vector<JobStatus>> SqlUpkeep::jobs(Deadline deadline) {
    std::function<std::vector<JobStatus>(Connection&)> work = [](Connection& db) {
        std::vector<JobStatus> jobs;
        for (const Row& row : db.query("jobs_all", job_columns)) jobs.push_back(read_job(row));
        return jobs;
    };
    return database_->read<std::vector<JobStatus>>(std::move(work), deadline);
}

async::Task<LeaseReply> SqlUpkeep::take(std::string holder, Millis ttl, Fence floor,
                                        Deadline deadline) {
    std::function<LeaseReply(Connection&)> work =
        [database = database_.get(), holder = std::move(holder), ttl, floor](Connection& db) {
            return take_lease(db, holder, ttl, floor, database->now());
        };
    return database_->write<LeaseReply>(std::move(work), deadline);
}

async::Task<LeaseReply> SqlUpkeep::look(Deadline deadline) {
    std::function<LeaseReply(Connection&)> work = [database = database_.get()](Connection& db) {
        return read_lease(db, database->now());
    };
    return database_->read<LeaseReply>(std::move(work), deadline);
}

async::Task<bool> SqlUpkeep::give_up(std::string holder, Deadline deadline) {
    std::function<bool(Connection&)> work = [database = database_.get(),
                                             holder = std::move(holder)](Connection& db) {
        LeaseReply lease = locked_lease(db, database->now());
        if (lease.holder != holder) return false;
        lease.holder.clear();
        lease.left = Millis{0};
        write_lease(db, lease, database->now());
        return true;
    };
    return database_->write<bool>(std::move(work), deadline);
}

}  // namespace vedfolnir::sql
