// The database as the stand-in for the hot store. It knows snapshots of some records, all endings of known users, and
// everything that was written here while the hot store was away ("ahead").
#pragma once

#include "vedfolnir/async/store.hpp"
#include "vedfolnir/fallback.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::async {

struct FallbackRecord {
    enum class Knows : std::uint8_t {
        found,   ///< `bytes` is a record or note.
        ended,   ///< There was a session; it is over.
        unknown  ///< Never heard of it, or heard too little: it may live in the hot store.
    };
    Knows knows = Knows::unknown;
    std::string bytes;
    bool ahead = false;  ///< The hot store was not told of this yet.
    Millis ttl{0};       ///< Left of its time to live.
    /// The shard's last revocation when this was read: what `found` says holds up to there.
    std::uint64_t sequence = 0;
};

/// One thing that the hot store has to be told.
struct AheadRow {
    enum class Kind : std::uint8_t {
        record,
        erased,  ///< The record under `key` is to go; a note in its place if `bytes` is not empty and `ttl` positive.
        over     ///< A record that ended or expired meanwhile: nothing to tell.
    };
    Kind kind = Kind::record;
    StoreKey key;
    std::string bytes;
    Millis ttl{0};
    std::uint64_t sequence = 0;
    // Name the version of the row: `settle` leaves what was written meanwhile.
    std::uint64_t generation = 0;
    TimePoint expires{};
};

/// The row was told, and stays here as a snapshot or goes.
struct Settled {
    AheadRow row;
    bool keep = false;
    std::string newer;  ///< Not empty: what stands in the hot store instead, kept as the snapshot.
};

/// Each call is one transaction and ends by its deadline. `store_unavailable` also means that a record is *unknown* here.
/// Thread safety: called from the runtime's executor only.
class FallbackStore {
public:
    virtual ~FallbackStore() = default;

    [[nodiscard]] virtual Task<FallbackRecord> load(StoreKey key, Deadline deadline) = 0;
    [[nodiscard]] virtual Task<CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                                    Deadline deadline) = 0;
    /// As SessionStore::save, with one difference: where what is kept is older than `expected_generation`, or nothing is
    /// kept of a session that SQL knows to be open, the caller holds something newer, and it is written. Errors also:
    /// store_unavailable for an anonymous record that is not kept here.
    [[nodiscard]] virtual Task<SaveReply> save(StoreKey key, std::uint64_t expected_generation,
                                               std::string record, Millis ttl,
                                               Deadline deadline) = 0;
    /// Errors also: store_unavailable for a record that is not kept here.
    [[nodiscard]] virtual Task<TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) = 0;
    /// Whatever stands under `key`, here or in the hot store, is erased. `life`: nothing of it lives longer than that.
    [[nodiscard]] virtual Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                           Millis life, Deadline deadline) = 0;
    /// Removes the records that an ending names, leaves its note, and announces the ending to other processes. Where SQL
    /// has no sequence for it, the keys count as erased. Errors also: internal (a whole user without a sequence).
    [[nodiscard]] virtual Task<EndReply> end(EndOrder order, Millis life, Deadline deadline) = 0;
    [[nodiscard]] virtual Task<std::vector<IndexEntry>> list_user(UserTag user,
                                                                  Deadline deadline) = 0;
    [[nodiscard]] virtual Task<TimePoint> now(Deadline deadline) = 0;

    /// At most `limit` rows of keys above `after` (empty: from the first), by key.
    [[nodiscard]] virtual Task<std::vector<AheadRow>> ahead(std::optional<StoreKey> after,
                                                            std::uint32_t limit,
                                                            Deadline deadline) = 0;
    /// How many rows were settled; the others changed meanwhile and stay ahead.
    [[nodiscard]] virtual Task<std::uint32_t> settle(std::vector<Settled> told,
                                                     Deadline deadline) = 0;

    /// For the poll: not counted as a statement of a request.
    [[nodiscard]] virtual Task<FallbackState> state(Deadline deadline) = 0;
    /// Switches all processes, with its audit event `fallback.mode`.
    [[nodiscard]] virtual Task<FallbackState> set_mode(FallbackMode mode, std::string actor,
                                                       Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
