// How records travel between the hot store and the database: snapshots go down, what the hot store missed goes back up.
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vedfolnir::async {

/// A sealed authenticated record as it stood in the hot store.
struct Snapshot {
    StoreKey key;
    std::string record;
    Millis ttl{0};  ///< What was left of its time to live.
};

/// The database's side of snapshots. Thread safety: as the store it belongs to.
class SnapshotSink {
public:
    virtual ~SnapshotSink() = default;
    /// Keeps each snapshot unless what is kept already is newer by (generation, hybrid logical clock), was written here
    /// while the hot store was away, or the database knows that the session ended. One transaction; how many it kept.
    /// Errors: store_unavailable, deadline_exceeded (repeat it), internal (bytes that are no authenticated record).
    [[nodiscard]] virtual Task<std::uint32_t> put_snapshots(std::vector<Snapshot> snapshots,
                                                            Deadline deadline) = 0;
};

/// What one record comes to that is put back into the hot store.
enum class RestoreStatus : std::uint8_t {
    restored,  ///< It stands there now, also where it replaced something older.
    newer,  ///< The same or something newer stands there; `current` holds it. The later `last_seen` of both counts.
    ended,  ///< A note stands there, its user's epoch is above its own, or its absolute end has come.
    outdated,  ///< The shard applied endings beyond `sequence`: read the record anew from the database.
    skewed,  ///< Its clock is further ahead of the store's than clocks may differ.
    tied  ///< Another record of the same generation and clock stood there: neither can be trusted, both are gone.
};

struct RestoreItem {
    StoreKey key;
    std::string record;
    Millis ttl{0};
    /// The shard's last revocation that was known when this record was read and found alive. An ending beyond it may
    /// concern the record.
    std::uint64_t sequence = 0;
    bool copied = false;  ///< The database has this very record as its copy.
};

struct RestoreReply {
    RestoreStatus status = RestoreStatus::ended;
    std::string current;
};

/// How what a hot store holds stands to the copies of it in the database. A store that restarts, fails over or is restored from
/// a backup begins another life, and may have lost changes that were copied.
struct CopiesState {
    bool complete =
        false;  ///< All copies were put back into this life of it, so nothing is missing.
    bool current =
        false;  ///< What it holds is no older than its copy: `complete`, or this life began with nothing.
    std::string incarnation;  ///< Which life of which server. Empty: it cannot be known.
};

/// Says over which connection (`SessionStore::connection_number`) the record under a key is known to be no older than its copy in
/// the database; it is compared first, if need be. Errors: that cannot be found out now.
using Vouch = std::function<Task<std::uint64_t>(StoreKey key, Deadline deadline)>;

/// A hot store that takes back what it lost or missed. Thread safety: called from the runtime's executor only.
class RestoreTarget {
public:
    virtual ~RestoreTarget() = default;
    /// One reply per item, in order; each item is one atomic step. Repeating it changes nothing. Errors: as a save; what
    /// was restored before the error stays.
    [[nodiscard]] virtual Task<std::vector<RestoreReply>> restore(std::vector<RestoreItem> items,
                                                                  Millis skew_max,
                                                                  Deadline deadline) = 0;

    /// Of a store whose lives cannot be told apart, everything is believed. Errors: as a load.
    [[nodiscard]] virtual Task<CopiesState> copies_state(Deadline deadline) = 0;
    /// Asked before each save of a known user's record, which is then sent over that connection only: behind another one may
    /// stand a server that lost changes, and would take it for the next. To be set before the first call.
    virtual void vouched_by(Vouch vouch) = 0;

    /// Ends without an Error if the store takes reads now, or with `changes` new and changed records. Changes nothing.
    [[nodiscard]] virtual Task<bool> probe(bool changes, Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
