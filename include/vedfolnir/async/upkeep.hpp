// What background jobs need of the stores, beside the contracts of store.hpp and archive.hpp.
//
// Of all processes one does the work: the holder of the lease. Each lease comes with a fence, a number that only grows.
// Every call that acts carries it, and a store that has seen a higher one refuses with Errc::denied: a process that was
// paused and wakes up after its lease went to another can do nothing any more.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/job_status.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::async {

using Fence = std::uint64_t;

struct LeaseReply {
    bool held = false;  ///< By the one who asked.
    Fence fence = 0;    ///< Of the holder, whoever that is.
    Millis left{0};     ///< Until it ends, unless it is renewed.
    std::string holder;
};

/// The one lease of all background jobs.
class Lease {
public:
    virtual ~Lease() = default;
    /// Takes or renews the lease, for `ttl` from now. A new holder's fence is above every earlier one and at least `floor`;
    /// a renewal keeps it, unless it is below `floor`.
    [[nodiscard]] virtual Task<LeaseReply> take(std::string holder, Millis ttl, Fence floor,
                                                Deadline deadline) = 0;
    /// Who holds it; changes nothing.
    [[nodiscard]] virtual Task<LeaseReply> look(Deadline deadline) = 0;
    /// False: somebody else held it, or nobody.
    [[nodiscard]] virtual Task<bool> give_up(std::string holder, Deadline deadline) = 0;
};

/// A session whose record is gone from the hot store.
struct Gone {
    StoreKey key;
    Handle handle;
    UserTag user;  ///< Filled in from SQL; all zero: not known there.
};

struct DuePage {
    std::vector<Gone> gone;
    std::vector<std::uint8_t>
        full;  ///< The shards that may hold further entries that have fallen due.
    std::optional<TimePoint> oldest;  ///< When the first of them fell due.
};

/// A record whose copy in SQL is due: it changed, or was in use for so long that the copy would idle out.
struct Dirty {
    StoreKey key;
    TimePoint due{};
};

/// A record as it stands in the hot store.
struct Standing {
    std::optional<std::string> bytes;  ///< Empty: gone.
    Millis ttl{0};                     ///< Left of its time to live.
};

/// The sets of the hot store that have no time to live: `expiry` and `dirty` of each shard. Errors also: denied.
class HotUpkeep {
public:
    virtual ~HotUpkeep() = default;

    /// Makes every shard refuse lower fences from here on.
    [[nodiscard]] virtual Task<bool> raise_fence(Fence fence, Deadline deadline) = 0;
    /// Looks at up to `limit` entries of each shard that fell due: those whose record lives on are listed under their new
    /// time, the others answered, and looked at again a second later unless they are forgotten.
    [[nodiscard]] virtual Task<DuePage> due(std::vector<std::uint8_t> shards, Fence fence,
                                            std::uint32_t limit, Deadline deadline) = 0;
    /// The shards in which something has fallen due.
    [[nodiscard]] virtual Task<std::vector<std::uint8_t>> shards_due(Deadline deadline) = 0;
    /// Removes entries of sessions whose record is (still) gone; how many.
    [[nodiscard]] virtual Task<std::uint32_t> forget(Fence fence, std::vector<Gone> gone,
                                                     Deadline deadline) = 0;

    /// Up to `limit` records of each shard whose copy is due, longest due first.
    [[nodiscard]] virtual Task<std::vector<Dirty>> dirty(std::uint32_t limit,
                                                         Deadline deadline) = 0;
    /// What stands under the keys, in their order.
    [[nodiscard]] virtual Task<std::vector<Standing>> load_all(std::vector<StoreKey> keys,
                                                               Deadline deadline) = 0;
    /// Takes records off the list, unless they changed again meanwhile; how many.
    [[nodiscard]] virtual Task<std::uint32_t> drained(Fence fence, std::vector<Dirty> copied,
                                                      Deadline deadline) = 0;

    /// The highest fence that a refusal named; 0: there was none.
    [[nodiscard]] virtual Fence refused_for() const noexcept = 0;
    /// The hot store's clock.
    [[nodiscard]] virtual Task<TimePoint> now(Deadline deadline) = 0;
};

/// Which job acts, and under which fence.
struct Ticket {
    std::string job;
    Fence fence = 0;
};

/// Rows that retention removes.
enum class Retained : std::uint8_t {
    sessions,  ///< Ended, and past their absolute end. What is counted of them stays, in the same transaction.
    audit,        ///< Events.
    revocations,  ///< Of sessions that cannot be alive any more, in whatever backup.
    records,      ///< Expired copies.
    statistics    ///< Figures of sessions whose rows are gone.
};

/// SQL's side. Each call is one transaction. Errors also: denied.
class SqlUpkeep {
public:
    virtual ~SqlUpkeep() = default;

    struct Closed {
        std::vector<Gone>
            gone;  ///< What the hot store may forget; with the users that are known here.
        std::uint32_t closed = 0;
    };
    /// Closes the rows of sessions that the hot store let go, with reason `expired` and one event each. One of which SQL
    /// holds a copy that is still alive stays, and is not among the answer's `gone`: it comes back when it is asked for.
    [[nodiscard]] virtual Task<Closed> close_gone(Ticket ticket, std::vector<Gone> gone,
                                                  TimePoint now, Deadline deadline) = 0;
    /// As Archive::close_expired.
    [[nodiscard]] virtual Task<std::uint32_t> close_expired(Ticket ticket, TimePoint now,
                                                            std::uint32_t limit,
                                                            Deadline deadline) = 0;
    /// Removes up to `limit` rows that ended before `before`; how many.
    [[nodiscard]] virtual Task<std::uint32_t> purge(Ticket ticket, Retained rows, TimePoint before,
                                                    std::uint32_t limit, Deadline deadline) = 0;

    /// Notes a run. `row.runs`, `row.failures` and `row.removed` are added to what stands there; a `succeeded` of zero
    /// leaves the time that stands there.
    [[nodiscard]] virtual Task<bool> note_run(JobStatus row, Deadline deadline) = 0;
    [[nodiscard]] virtual Task<std::vector<JobStatus>> jobs(Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
