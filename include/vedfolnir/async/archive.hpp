// The archive: SQL's part. Authority for endings, user epochs and the audit trail (design section 6).
#pragma once

#include "vedfolnir/async/restore.hpp"
#include "vedfolnir/async/store.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace vedfolnir::async {

/// One entry of the audit trail. `type` is one of docs/reference/audit_events.md; `detail` is a JSON object.
struct AuditEvent {
    TimePoint at{};
    std::string type;
    std::optional<Handle> handle;
    std::string user_id;  ///< Empty when anonymous or unknown.
    std::string actor;    ///< "user", "system", or "operator:<name>".
    std::string detail = "{}";
    std::optional<OperationId> operation;  ///< Unique when present: a retried write stands once.
    std::uint64_t id = 0;                  ///< Position in the trail; set by the archive.
};

/// What SQL knows of one authenticated session.
struct SessionRow {
    Handle handle;
    StoreKey key;
    std::string user_id;
    UserTag user;
    TimePoint created{};
    TimePoint authenticated{};
    TimePoint absolute_expiry{};
    Seconds idle_limit{0};  ///< 0 = the policy of the moment.
    std::string device;     ///< Shortened user agent.
    std::string place;      ///< Client address as the application reports it.
    std::string platform;   ///< Value of the audited platform key, as text; empty if none.
    std::optional<TimePoint> ended;
    std::string end_reason;
    bool confirmed = false;  ///< Redis acknowledged the record.
};

/// A session ended by its successor in the same transaction (login over an authenticated session).
struct Replaced {
    StoreKey key;
    Handle handle;
    bool same_user = false;  ///< Re-authentication: the row and handle live on under the new key.
};

struct LoginOrder {
    SessionRow row;  ///< Inserted unconfirmed (or re-keyed when `replaced->same_user`).
    std::optional<Replaced> replaced;
    AuditEvent event;
    /// The hot store's epoch of the user, where it is known to lie above this archive's (which was restored, say): the
    /// archive catches up with it.
    std::uint64_t epoch_floor = 0;
    /// In a replay: what was granted while this archive was away.
    std::uint64_t granted_epoch = 0;
};

struct LoginGrant {
    std::uint64_t epoch = 0;  ///< The user's current epoch; goes into the record.
    std::optional<EndOrder>
        end_replaced;  ///< What the hot store must apply before the new record is created.
};

/// Which sessions end. Exactly one of `key`, `handle`, `user_id` is set.
struct EndRequest {
    std::optional<StoreKey> key;
    std::optional<Handle> handle;
    std::string user_id;
    UserTag
        user;  ///< Tag of `user_id`; with `key`, the session's owner where the caller knows them.
    std::optional<StoreKey>
        keep;  ///< With `user_id`: this one stays (its epoch is not raised then).
    EndReason reason = EndReason::logout;
    /// With `user_id`: no session that began before now lives longer; the revocation is kept until then at least.
    TimePoint until{};
    /// With `user_id`: the hot store's epoch of the user (0: not known). The new one lies above it.
    std::uint64_t epoch_floor = 0;
    /// In a replay: sessions that began after the ending stay. With `user_id`, but without `keep`, they are those of
    /// `granted_epoch` or later: it was raised while this archive was away, and is not raised beyond.
    bool late = false;
    std::uint64_t granted_epoch = 0;
    AuditEvent
        event;  ///< Template: one event per ended session (handle filled in), one for a whole user.
};

struct EndReceipt {
    std::vector<EndOrder> orders;  ///< What the hot store must apply, in sequence order.
    std::vector<StoreKey> keys;    ///< Keys that are dead now (for the deny set).
    std::uint32_t sessions = 0;    ///< Rows this call ended; 0 = none was live.
};

/// One revocation, for the ordered replay of a shard.
struct Revocation {
    std::uint8_t shard = 0;
    std::uint64_t sequence = 0;
    std::optional<StoreKey> key;  ///< Set for one session ...
    UserTag user;                 ///< ... else the whole user, up to `epoch`.
    std::uint64_t epoch = 0;
};

struct SessionQuery {
    std::string user_id;    ///< Empty: any user.
    bool only_live = true;  ///< Not ended and absolute expiry ahead of `now`.
    TimePoint now{};
    std::optional<Handle> handle;
    std::optional<StoreKey> key;  ///< The session that holds it now.
    std::uint32_t limit = 100;    ///< At most 1000.
    std::optional<Handle>
        after;  ///< Continue after this row (ordered by created descending, handle).
};

struct AuditQuery {
    std::string user_id;
    std::optional<Handle> handle;
    std::string type;  ///< Exact type, or a prefix ending in ".*".
    /// Not empty: stands in the detail, exactly so. Without `%`, `_` and `\\`. Searched without an index.
    std::string detail_member;
    std::optional<TimePoint> since;
    std::optional<TimePoint> until;
    std::uint32_t limit = 100;    ///< At most 1000.
    std::uint64_t before_id = 0;  ///< Paging: entries older than this id; 0 = newest.
};

/// An audited change of a live session's platform.
struct PlatformChange {
    Handle handle;
    std::string platform;
    AuditEvent event;
};

/// The hot store acknowledged the record of this login under `key`.
struct LoginConfirmed {
    Handle handle;
    StoreKey key;
    UserTag user;
};

/// What was done while the archive was away. All but LoginConfirmed carry the operation id of their event.
using Deferred = std::variant<LoginOrder, LoginConfirmed, EndRequest, PlatformChange, AuditEvent>;

struct ReplayReceipt {
    std::vector<EndOrder> orders;  ///< What the hot store must apply, in sequence order.
    std::vector<StoreKey> keys;    ///< Keys that are dead now (for the deny set).
    std::uint32_t written = 0;     ///< Entries that were not here yet.
    std::uint32_t repeated = 0;    ///< Entries that an earlier replay had written.
};

/// SQL behind a port. Every call is one transaction and ends by its deadline with an Error
/// (`audit_unavailable` when SQL cannot be reached or is too slow). Nothing is written on an Error.
class Archive {
public:
    virtual ~Archive() = default;

    /// Row (unconfirmed), revocation of the replaced session, audit event: one commit.
    /// Errors also: denied (this session, or the one to re-authenticate, has ended: log in under a new handle),
    /// conflict (handle or key is taken), bad_value (a user id that cannot be stored), deadline_exceeded (the commit
    /// was under way: repeat with the same operation id).
    [[nodiscard]] virtual Task<LoginGrant> begin_login(LoginOrder order, Deadline deadline) = 0;

    /// Marks the row confirmed: the hot store acknowledged the record under `key`. False: the session ended meanwhile,
    /// lives under another key by now (a second re-authentication), or is unknown here; the record must go.
    /// `copy` (of that record; empty: none) is kept in the same commit, unless there is one: what the hot store loses a
    /// moment later is not lost.
    [[nodiscard]] virtual Task<bool> confirm_login(Handle handle, StoreKey key,
                                                   std::optional<Snapshot> copy,
                                                   Deadline deadline) = 0;

    /// Closes rows, takes the shard's next sequences, writes revocations, epoch and events: one commit. A whole user ends
    /// (epoch, order, event) without a live row, too: the hot store may hold what this archive lost or never confirmed.
    /// For the same reason a key without a row is revoked, with its event, where its owner is named.
    [[nodiscard]] virtual Task<EndReceipt> end(EndRequest request, Deadline deadline) = 0;

    /// Closes rows past their absolute end, with reason `expired` and one event each: one commit. The session ended when
    /// its time was up, not now. Takes at most `limit` rows, those that ended first; answers how many it closed.
    /// Not repeatable by operation id: a repetition finds what is still open.
    [[nodiscard]] virtual Task<std::uint32_t> close_expired(TimePoint now, std::uint32_t limit,
                                                            Deadline deadline) = 0;

    /// An audited change (platform switch): updates the live row and appends the event in one commit.
    /// False, and nothing written, if the session has ended. A repeated operation id writes once.
    [[nodiscard]] virtual Task<bool> record_change(Handle handle, std::string platform,
                                                   AuditEvent event, Deadline deadline) = 0;

    /// Writes what was done while this archive was away, in order: one commit. Each operation id is written once, however
    /// often it is replayed and in whatever order with what others wrote meanwhile; an ending wins over a login or change
    /// of the session it names. Errors also: conflict, denied, bad_value, internal (an entry that cannot be written; replay
    /// one by one to find it).
    [[nodiscard]] virtual Task<ReplayReceipt> replay(std::vector<Deferred> entries,
                                                     Deadline deadline) = 0;

    /// Appends events that belong to no other transaction.
    [[nodiscard]] virtual Task<std::uint32_t> append(std::vector<AuditEvent> events,
                                                     Deadline deadline) = 0;

    [[nodiscard]] virtual Task<std::vector<SessionRow>> sessions(SessionQuery query,
                                                                 Deadline deadline) = 0;
    [[nodiscard]] virtual Task<std::vector<AuditEvent>> audit(AuditQuery query,
                                                              Deadline deadline) = 0;

    /// Whether it takes writes now: one commit that changes nothing, refused as any other would be.
    [[nodiscard]] virtual Task<bool> try_write(Deadline deadline) = 0;
    /// Latest sequence per shard (256 entries, 0 = none).
    [[nodiscard]] virtual Task<std::vector<std::uint64_t>> sequences(Deadline deadline) = 0;
    /// Raises each shard's sequence to at least `marks[shard]`: this archive lost endings that the hot store applied, and
    /// the next one must not take a number that the marks have passed. Copies of records in those shards are dropped: some
    /// may be of sessions that ended since. How many shards were behind; `event` is written if any was. One commit.
    [[nodiscard]] virtual Task<std::uint32_t> raise_sequences(std::vector<std::uint64_t> marks,
                                                              AuditEvent event,
                                                              Deadline deadline) = 0;
    /// Which opening of the archive this is. After it changed the archive may be another one, with older data: compare
    /// its sequences with the marks again. Rises before the first answer of the new opening. Any thread.
    [[nodiscard]] virtual std::uint64_t opening_number() const noexcept = 0;
    /// Revocations of one shard above `after`, in order, at most `limit`.
    [[nodiscard]] virtual Task<std::vector<Revocation>> revocations(std::uint8_t shard,
                                                                    std::uint64_t after,
                                                                    std::uint32_t limit,
                                                                    Deadline deadline) = 0;
    /// Epochs raised at or after `since`, newest first, at most `limit`; for the table of minimum epochs.
    [[nodiscard]] virtual Task<std::vector<UserEpoch>> epochs(TimePoint since, std::uint32_t limit,
                                                              Deadline deadline) = 0;
    /// Epochs of all users of `shard` and of those after it, whenever they were raised, in the order of their tags: those
    /// after the user `after` (of that shard; empty: from its first one), at most `limit`.
    [[nodiscard]] virtual Task<std::vector<UserEpoch>> epochs_from(std::uint8_t shard,
                                                                   std::optional<UserTag> after,
                                                                   std::uint32_t limit,
                                                                   Deadline deadline) = 0;
    /// The user's minimum epoch; 0 if none was raised.
    [[nodiscard]] virtual Task<std::uint64_t> epoch_of(UserTag user, Deadline deadline) = 0;
};

}  // namespace vedfolnir::async
