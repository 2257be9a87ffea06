// The store contract: four verbs over opaque records, plus the optional user index and endings.
//
// A store moves sealed bytes; it never opens them. What it may read of a record are the fields at fixed offsets
// (docs/internals/record.md): generation, last_seen, handle, user tag, absolute expiry, epoch, operation id.
#pragma once

#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::async {

template <class T>
using Task = boost::asio::awaitable<Result<T>>;

enum class CreateStatus : std::uint8_t {
    created,
    exists,  ///< Something (record or note) already stands there; nothing was changed.
    stale_epoch  ///< The record's user epoch is older than the user's current epoch; nothing was written.
};

enum class SaveStatus : std::uint8_t {
    saved,  ///< Written; also the answer when this operation id was already applied (R9).
    conflict,  ///< The stored generation differs: `current` holds the stored record. Nothing was changed.
    gone,  ///< No record (ended, expired, or its epoch is stale). Nothing was created.
    moved  ///< A rotation note stands there: `current` holds the note.
};

struct SaveReply {
    SaveStatus status = SaveStatus::gone;
    std::string current;
};

enum class TouchStatus : std::uint8_t { touched, gone };

/// One live session of a user, as the index knows it.
struct IndexEntry {
    StoreKey key;
    Handle handle;
    TimePoint absolute_expiry;
};

/// A user's minimum epoch, as the archive knows it.
struct UserEpoch {
    UserTag user;
    std::uint64_t epoch = 0;
    TimePoint raised{};
};

/// The same, as a store applied it.
struct AppliedEpoch {
    std::uint64_t epoch = 0;  ///< 0: it heard of none.
    /// It was told all epochs of the user's shard since it last lost any: none is none.
    bool complete = true;
};

/// Epochs of users of one shard. A shard's pages are told in order, under one `pass`; with the last one the shard knows all.
struct EpochPage {
    std::uint8_t shard = 0;
    OperationId pass{};
    std::uint32_t number = 1;
    bool last = true;
    std::vector<UserEpoch> epochs;
};

/// What an ending removes in one shard, and the revocation sequence it carries (design section 6).
struct EndOrder {
    std::uint8_t shard = 0;
    std::vector<StoreKey> keys;  ///< Records to delete; all in `shard`.
    UserTag user;  ///< Owner of `keys` (its index loses them); all zero when anonymous.
    /// Every session in the user's index goes too, except `keep` and, where `epoch` is set, those of that epoch or a
    /// later one: they began after the ending, however late it arrives here.
    bool whole_user = false;
    std::optional<StoreKey> keep;
    /// Not empty: left for `note_ttl` in place of each of `keys` whose record goes. Not with `whole_user`.
    std::string note;
    Millis note_ttl{0};
    std::uint64_t epoch = 0;  ///< When > 0: the user's minimum epoch becomes max(stored, epoch).
    std::uint64_t previous_sequence =
        0;                       ///< The mark is raised to `sequence` only from here (or above).
    std::uint64_t sequence = 0;  ///< 0: SQL does not know this ending yet; the mark is left alone.
    bool replayed = false;       ///< From SQL's list: nobody but the hot store has to hear of it.
    /// It stands in the hot store already, whose mark could not be raised: to be held, as one that it did not take.
    bool hold = false;
};

struct EndReply {
    std::uint32_t removed = 0;  ///< Records that were there and are gone now.
    bool gap = false;  ///< The mark was behind `previous_sequence`: replay the shard in order.
    std::uint64_t mark = 0;  ///< The shard's mark afterwards.
    /// The hot store did not take it. SQL holds it, and reads that go there see it; the mark of the hot store stands.
    bool held = false;
};

/// Keeps records. No record outlives its absolute expiry, whatever time to live a call asks for (0: it has none). An
/// authenticated record lives in its user's shard and has an absolute expiry. Every call ends by its deadline; an expired deadline, a refusal or a lost connection is an Error.
/// Absent is a status or an empty optional, never an Error. Thread safety: called from the runtime's executor only.
class SessionStore {
public:
    virtual ~SessionStore() = default;

    /// Writes a record that must not exist yet, with its time to live; a record with a user tag also enters the
    /// user's index and the expiry set, in the same atomic step.
    [[nodiscard]] virtual Task<CreateStatus> create(StoreKey key, std::string record, Millis ttl,
                                                    Deadline deadline) = 0;

    /// The stored bytes (record or note), or empty.
    [[nodiscard]] virtual Task<std::optional<std::string>> load(StoreKey key,
                                                                Deadline deadline) = 0;

    /// Compare-and-set on the generation: replaces the record if the stored generation is `expected_generation`.
    /// `last_seen` becomes the store's clock. Never creates. Checks the user's epoch inside.
    [[nodiscard]] virtual Task<SaveReply> save(StoreKey key, std::uint64_t expected_generation,
                                               std::string record, Millis ttl,
                                               Deadline deadline) = 0;

    /// Sets `last_seen` to the store's clock and renews the time to live, whatever the generation. Never creates.
    [[nodiscard]] virtual Task<TouchStatus> touch(StoreKey key, Millis ttl, Deadline deadline) = 0;

    /// Removes one record; a note stays. With `note`, leaves those bytes in its place for `note_ttl` (rotation without successor);
    /// without a record nothing is left. True if a record was there. For anonymous records and rollbacks:
    /// authenticated sessions end through `end()`.
    [[nodiscard]] virtual Task<bool> erase(StoreKey key, std::string note, Millis note_ttl,
                                           Deadline deadline) = 0;

    /// Applies endings of one shard in one atomic step. Always deletes records (a note in their place stays); see
    /// EndOrder for the mark.
    [[nodiscard]] virtual Task<EndReply> end(EndOrder order, Deadline deadline) = 0;

    /// Live sessions of a user by the index; entries whose record is gone or of a stale epoch are left out.
    [[nodiscard]] virtual Task<std::vector<IndexEntry>> list_user(UserTag user,
                                                                  Deadline deadline) = 0;

    /// The user's minimum epoch as this store applied it.
    [[nodiscard]] virtual Task<AppliedEpoch> epoch_of(UserTag user, Deadline deadline) = 0;

    /// Per shard: it was told all epochs, and lost none since. All true where nothing can be lost.
    [[nodiscard]] virtual Task<std::vector<bool>> epochs_told(Deadline deadline) = 0;
    /// Raises epochs, never lowers them. False: a page before one of these is not there (any more), or another pass began
    /// since; tell that shard from the start. At most one page of a shard in a call.
    [[nodiscard]] virtual Task<bool> tell_epochs(std::vector<EpochPage> pages,
                                                 Deadline deadline) = 0;
    /// The shard lost epochs that no kept ending makes up for: it is to be told all of them again. False: not noted, and
    /// its mark must not be raised.
    [[nodiscard]] virtual Task<bool> doubt_epochs(std::uint8_t shard, Deadline deadline) = 0;

    /// The marks of all 256 shards; 0 where there is none.
    [[nodiscard]] virtual Task<std::vector<std::uint64_t>> marks(Deadline deadline) = 0;

    /// Notes in the store that everything SQL knows was applied to it, by the server of this connection.
    [[nodiscard]] virtual Task<bool> attest(Deadline deadline) = 0;
    /// Per shard: false where the store can have lost an ending since it was attested, or since its mark was raised, as
    /// far as it can tell by itself: another server answers, or the same one after a restart. All true where nothing can
    /// be lost.
    [[nodiscard]] virtual Task<std::vector<bool>> lost_nothing(Deadline deadline) = 0;

    /// Asks who answers. False: another server than the one that was connected to, behind a proxy that hid the change; the
    /// connection is given up, so that its number changes. True where that cannot be found out.
    [[nodiscard]] virtual Task<bool> same_server(Deadline deadline) = 0;

    /// The store's clock. Errors as the other calls.
    [[nodiscard]] virtual Task<TimePoint> now(Deadline deadline) = 0;

    /// Which connection to the store this is, counted from the first. After it changed the store may have lost endings
    /// (restart, failover, restored data): compare the marks before trusting what it says. Constant where nothing can be
    /// lost without this process. Changes before the first answer over the new connection.
    [[nodiscard]] virtual std::uint64_t connection_number() const noexcept = 0;
};

/// Hears what others change in a store. Called on the store's executor; must not block.
class ChangeListener {
public:
    virtual ~ChangeListener() = default;
    /// Somebody else wrote or removed this record.
    virtual void changed(const StoreKey& key) = 0;
    /// Any record may have changed: the store was flushed, or the connection that tells of changes is a new one.
    virtual void changed_all() = 0;
};

/// Optional for a store: tells of changes that others make to records which were loaded, created, saved or touched
/// through it (Redis client tracking). What it tells arrives soon, not at once; and a record that expires is not told.
class ChangeFeed {
public:
    virtual ~ChangeFeed() = default;
    /// At most one listener; it may die at any time.
    virtual void listen(std::weak_ptr<ChangeListener> listener) = 0;
    /// True while changes are told. What was read before it last became true may have changed untold (the listener
    /// heard `changed_all`). Any thread.
    [[nodiscard]] virtual bool tells() const noexcept = 0;
    /// The store's time at `steady`, as far as this process knows it without asking. Any thread.
    [[nodiscard]] virtual std::optional<TimePoint> time_at(
        std::chrono::steady_clock::time_point steady) const noexcept = 0;
};

}  // namespace vedfolnir::async
