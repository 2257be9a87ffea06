#include "sql/fallback_table.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/batch.hpp"
#include "sql/failure.hpp"
#include "sql/lifecycle.hpp"
#include "sql/listings.hpp"
#include "sql/record_fields.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace vedfolnir::sql {
namespace {

using async::FallbackRecord;
using async::SaveStatus;
using async::TouchStatus;

constexpr std::size_t row_columns = 9;
constexpr std::int64_t ahead_counted_max = 10'000;
/// Expired snapshots that one batch removes.
constexpr std::int64_t purge_page = 100;

/// What stands under a key, expired or not.
struct Stored {
    std::string bytes;
    bool note = false;
    bool ahead = false;
    TimePoint expires{};
    std::uint64_t generation = 0;

    [[nodiscard]] bool live(TimePoint now) const noexcept { return expires > now; }
};

std::optional<Stored> read_stored(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    const Row& row = rows.front();
    return Stored{decoded(row.text(0)), row.integer(1) != 0, row.integer(2) != 0,
                  moment(row.integer(3)), static_cast<std::uint64_t>(row.integer(4))};
}

std::optional<Stored> stored_under(Connection& db, const StoreKey& key) {
    return read_stored(db.query("record_row", row_columns, {{"store_key", key.text()}}));
}

/// The same, for a transaction that will change it.
std::optional<Stored> locked_under(Connection& db, const StoreKey& key) {
    return read_stored(db.query_locked("record_row", row_columns, {{"store_key", key.text()}}));
}

bool key_ended(Connection& db, const StoreKey& key) {
    return db.query("key_ended", 1, {{"store_key", key.text()}}).at(0).integer(0) > 0;
}

bool epoch_passed(Connection& db, const Fields& fields) {
    return !fields.user.anonymous() && fields.epoch < user_epoch(db, fields.user);
}

/// The session's row names this key and is open.
bool session_open(Connection& db, const StoreKey& key) {
    const auto rows = db.query("session_by_key", session_columns, {{"store_key", key.text()}});
    return !rows.empty() && !read_session(rows.front()).row.ended;
}

std::uint64_t sequence_of(Connection& db, const StoreKey& key) {
    const std::int64_t shard = key.shard;
    return static_cast<std::uint64_t>(
        db.query("shard_sequence", 1, {{"shard", shard}}).at(0).integer(0));
}

Params record_params(const RecordWrite& write, const Fields& fields) {
    const auto end = write.now + std::max(fields.capped(write.ttl, write.now), Millis{1});
    return {{"store_key", write.key.text()}, {"generation", number(fields.generation)},
            {"epoch", number(fields.epoch)}, {"absolute_expiry_ms", millis(fields.absolute_expiry)},
            {"expires_ms", millis(end)},     {"bytes", encoded(write.bytes)},
            {"clock", number(fields.clock)}};
}

Params new_record_params(const RecordWrite& write, const Fields& fields) {
    auto params = record_params(write, fields);
    std::optional<std::string> user;
    if (!fields.user.anonymous()) user = hex(fields.user.bytes);
    params.emplace_back("user_tag", std::move(user));
    params.emplace_back("handle", fields.handle.text());
    return params;
}

void insert_record(Connection& db, const RecordWrite& write, const Fields& fields) {
    auto params = new_record_params(write, fields);
    params.emplace_back("ahead", std::int64_t{write.ahead});
    db.execute("record_insert", std::move(params));
}

/// `bytes` may be empty: an erasure.
void write_note(Connection& db, const StoreKey& key, const std::string& bytes, TimePoint expires,
                TimePoint told_until, bool ahead) {
    const Params params{{"store_key", key.text()},
                        {"expires_ms", millis(expires)},
                        {"absolute_expiry_ms", millis(told_until)},
                        {"bytes", encoded(bytes)},
                        {"ahead", std::int64_t{ahead}}};
    if (db.execute("record_note_replace", params) == 0) db.execute("record_note_insert", params);
}

bool newer(const Fields& a, const Fields& b) {
    return std::pair(a.generation, a.clock) > std::pair(b.generation, b.clock);
}

std::string snapshot_rows(const std::map<StoreKey, const async::Snapshot*>& snapshots,
                          TimePoint now) {
    Batch batch;
    for (const auto& [key, snapshot] : snapshots) {
        const Fields fields(snapshot->record);
        batch.next_row();
        batch.add("store_key", key.text());
        batch.add("user_tag", hex(fields.user.bytes));
        batch.add("handle", fields.handle.text());
        batch.add("generation", number(fields.generation));
        batch.add("epoch", number(fields.epoch));
        batch.add("absolute_expiry_ms", millis(fields.absolute_expiry));
        batch.add("expires_ms", millis(now + fields.capped(snapshot->ttl, now)));
        batch.add("bytes", encoded(snapshot->record));
        batch.add("clock", number(fields.clock));
    }
    return batch.json();
}

void add_version(Batch& batch, const async::AheadRow& row) {
    batch.next_row();
    batch.add("store_key", row.key.text());
    batch.add("generation", number(row.generation));
    batch.add("expires_ms", millis(row.expires));
}

/// What the hot store holds instead, unless what was read here is newer.
void add_newer(Batch& batch, const async::Settled& told, TimePoint now) {
    expect_record(told.newer, "what the hot store holds");
    const Fields fields(told.newer);
    const bool noted = told.row.kind == async::AheadRow::Kind::erased;
    if (noted || newer(Fields(told.row.bytes), fields)) return;
    const auto left = std::max(fields.capped(told.row.ttl, now), Millis{1});
    batch.add("new_generation", number(fields.generation));
    batch.add("new_epoch", number(fields.epoch));
    batch.add("new_absolute_expiry_ms", millis(fields.absolute_expiry));
    batch.add("new_expires_ms", millis(now + left));
    batch.add("new_bytes", encoded(told.newer));
    batch.add("new_clock", number(fields.clock));
}

/// Those whose session ended, whenever that was.
std::set<StoreKey> ended_of(Connection& db, const std::vector<async::IndexEntry>& entries) {
    std::set<StoreKey> ended;
    if (entries.empty()) return ended;
    Batch batch;
    for (const async::IndexEntry& entry : entries) {
        batch.next_row();
        batch.add("store_key", entry.key.text());
    }
    const Params params{{"batch", batch.json()},
                        {"before", std::numeric_limits<std::int64_t>::max()}};
    for (const Row& row : db.query("keys_ended", 1, params)) ended.insert(read_key(row, 0));
    return ended;
}

bool delete_record(Connection& db, const StoreKey& key) {
    return db.execute("record_delete", {{"store_key", key.text()}}) > 0;
}

}  // namespace

FallbackRecord fallback_load(Connection& db, const StoreKey& key, TimePoint now) {
    FallbackRecord answer;
    auto stored = stored_under(db, key);
    // A note says more than the ending it stands for.
    const bool noted = stored && stored->note && stored->live(now);
    if (!noted && key_ended(db, key)) {
        answer.knows = FallbackRecord::Knows::ended;
        return answer;
    }
    if (!stored) return answer;
    const bool passed = !stored->note && epoch_passed(db, Fields(stored->bytes));
    if (passed || (stored->note && !noted) || (stored->ahead && !stored->live(now))) {
        answer.knows = FallbackRecord::Knows::ended;
        return answer;
    }
    // The hot store may have seen activity since this snapshot was made.
    if (!stored->live(now)) return answer;
    answer.knows = FallbackRecord::Knows::found;
    answer.bytes = std::move(stored->bytes);
    answer.ahead = stored->ahead;
    answer.ttl = stored->expires - now;
    answer.sequence = sequence_of(db, key);
    return answer;
}

std::optional<async::SaveReply> fallback_save(Connection& db, std::uint64_t expected_generation,
                                              RecordWrite write) {
    using Reply = std::optional<async::SaveReply>;
    expect_record(write.bytes, "record");
    const Fields fields(write.bytes);
    expect(fields.generation != expected_generation,
           "expected generation must differ from the record's own");
    if (key_ended(db, write.key) || epoch_passed(db, fields) ||
        fields.capped(write.ttl, write.now) <= Millis{0}) {
        return async::SaveReply{SaveStatus::gone, {}};
    }
    auto stored = locked_under(db, write.key);
    write.bytes = stamped(std::move(write.bytes), write.now);
    write.ahead = true;
    const Fields ours(write.bytes);
    if (!stored) {
        if (ours.user.anonymous() || !session_open(db, write.key)) return Reply{};
        insert_record(db, write, ours);
        return async::SaveReply{SaveStatus::saved, {}};
    }
    if (stored->note) {
        if (!stored->live(write.now) || stored->bytes.empty())
            return async::SaveReply{SaveStatus::gone, {}};
        return async::SaveReply{SaveStatus::moved, std::move(stored->bytes)};
    }
    if (stored->ahead && !stored->live(write.now)) return async::SaveReply{SaveStatus::gone, {}};
    const Fields theirs(stored->bytes);
    if (theirs.same_operation(ours)) return async::SaveReply{SaveStatus::saved, {}};
    // Above: another request was here first. Below: a snapshot, older than what the caller loaded from the hot store.
    if (theirs.generation > expected_generation)
        return async::SaveReply{SaveStatus::conflict, std::move(stored->bytes)};
    expect(theirs.user == ours.user && theirs.handle == ours.handle,
           "a save may change neither handle nor user");
    auto params = record_params(write, ours);
    params.emplace_back("expected", number(theirs.generation));
    params.emplace_back("ahead", std::int64_t{1});
    expect(db.execute("record_replace", std::move(params)) == 1,
           "a record changed inside the transaction that read it");
    return async::SaveReply{SaveStatus::saved, {}};
}

std::optional<TouchStatus> fallback_touch(Connection& db, RecordWrite write) {
    const auto known = fallback_load(db, write.key, write.now);
    if (known.knows == FallbackRecord::Knows::unknown) return std::nullopt;
    if (known.knows == FallbackRecord::Knows::ended) return TouchStatus::gone;
    write.ahead = true;
    return touch_record(db, write);
}

bool fallback_erase(Connection& db, const RecordWrite& note, Millis life) {
    const auto stored = locked_under(db, note.key);
    if (stored && stored->note) return false;
    write_note(db, note.key, note.bytes, note.now + note.ttl, note.now + life, true);
    return stored && stored->live(note.now);
}

async::EndReply fallback_end(Connection& db, const async::EndOrder& order, Millis life,
                             TimePoint now) {
    expect(order.sequence > 0 || !order.whole_user,
           "an ending of a whole user that SQL does not know");
    async::EndReply reply;
    reply.held = true;
    for (const StoreKey& key : order.keys) {
        if (key == order.keep) continue;
        const auto stored = locked_under(db, key);
        const bool there = stored && !stored->note && stored->live(now);
        reply.removed += there ? 1 : 0;
        if (order.sequence == 0) {
            const TimePoint noted_until = order.note.empty() ? now : now + order.note_ttl;
            if (!stored || !stored->note)
                write_note(db, key, order.note, noted_until, now + life, true);
        } else if (!order.note.empty()) {
            // The hot store learns the ending from its marks; the note is for requests that come here.
            write_note(db, key, order.note, now + order.note_ttl, now + order.note_ttl, false);
        } else if (there) {
            delete_record(db, key);
        }
    }
    if (order.whole_user) {
        const auto epoch_below =
            order.epoch > 0 ? number(order.epoch) : std::numeric_limits<std::int64_t>::max();
        reply.removed += static_cast<std::uint32_t>(
            db.execute("records_delete_by_user", {{"user_tag", hex(order.user.bytes)},
                                                  {"keep", order.keep ? order.keep->text() : ""},
                                                  {"epoch_below", epoch_below},
                                                  {"now", millis(now)}}));
    }
    db.execute("fallback_held_add", {{"count", std::int64_t{1}}});
    return reply;
}

std::vector<async::IndexEntry> fallback_list(Connection& db, const UserTag& user, TimePoint now) {
    auto listed = list_records(db, user, now);
    const auto ended = ended_of(db, listed);
    std::erase_if(listed,
                  [&](const async::IndexEntry& entry) { return ended.contains(entry.key); });
    return listed;
}

std::vector<async::AheadRow> list_ahead(Connection& db, const std::optional<StoreKey>& after,
                                        std::uint32_t limit, TimePoint now) {
    using Kind = async::AheadRow::Kind;
    std::vector<async::AheadRow> rows;
    const std::int64_t page = limit;
    const auto found = db.query("records_ahead", 6,
                                {{"after", after ? after->text() : std::string()}, {"page", page}});
    if (found.empty()) return rows;
    const auto sequences = list_sequences(db);
    rows.reserve(found.size());
    for (const Row& row : found) {
        async::AheadRow& ahead = rows.emplace_back();
        ahead.key = read_key(row, 0);
        ahead.bytes = decoded(row.text(1));
        ahead.expires = moment(row.integer(3));
        ahead.generation = static_cast<std::uint64_t>(row.integer(4));
        ahead.ttl = ahead.expires - now;
        ahead.sequence = sequences.at(ahead.key.shard);
        if (row.integer(2) != 0) {
            ahead.kind = Kind::erased;
        } else if (ahead.expires <= now || row.integer(5) != 0) {
            ahead.kind = Kind::over;
        }
    }
    return rows;
}

std::uint32_t settle_rows(Connection& db, const std::vector<async::Settled>& told, TimePoint now) {
    // In the order of their keys, so that two batches never wait for each other's rows.
    std::map<StoreKey, const async::Settled*> sorted;
    for (const auto& each : told) sorted[each.row.key] = &each;
    Batch kept;
    Batch gone;
    for (const auto& [key, each] : sorted) {
        add_version(each->keep ? kept : gone, each->row);
        if (each->keep && !each->newer.empty()) add_newer(kept, *each, now);
    }
    std::uint64_t settled = 0;
    if (!kept.empty()) settled += db.execute("records_settle", {{"batch", kept.json()}});
    if (!gone.empty()) settled += db.execute("records_settle_gone", {{"batch", gone.json()}});
    return static_cast<std::uint32_t>(settled);
}

FallbackState fallback_state(Connection& db) {
    const auto row = db.query("fallback_state", 4).at(0);
    const auto mode = parse_fallback_mode(row.text(0));
    if (!mode)
        throw Failure(Errc::internal,
                      "fallback_state has the unknown mode \"" + row.text(0) + "\"");
    FallbackState state;
    state.mode = *mode;
    state.changed = moment(row.integer(1));
    state.actor = row.text(2);
    state.held = static_cast<std::uint64_t>(row.integer(3));
    state.ahead = static_cast<std::uint64_t>(
        db.query("records_ahead_count", 1, {{"page", ahead_counted_max}}).at(0).integer(0));
    return state;
}

FallbackState set_fallback_mode(Connection& db, const Auditor& auditor, FallbackMode mode,
                                const std::string& actor) {
    const auto before = fallback_state(db);
    db.execute(
        "fallback_mode_set",
        {{"mode", std::string(to_string(mode))}, {"now", millis(auditor.now)}, {"actor", actor}});
    async::AuditEvent event;
    event.at = auditor.now;
    event.type = "fallback.mode";
    event.actor = actor;
    event.detail = "{\"from\":\"" + std::string(to_string(before.mode)) + "\",\"to\":\"" +
                   std::string(to_string(mode)) + "\"}";
    static_cast<void>(append_events(db, auditor, {event}));
    return fallback_state(db);
}

void put_first_copy(Connection& db, const async::Snapshot& copy, TimePoint now) {
    expect_record(copy.record, "copy of a login");
    const Fields fields(copy.record);
    if (fields.capped(copy.ttl, now) <= Millis{0}) return;
    const RecordWrite write{copy.key, copy.record, copy.ttl, now};
    db.execute("record_first_copy", new_record_params(write, fields));
}

std::uint32_t put_snapshots(Connection& db, const std::vector<async::Snapshot>& snapshots,
                            TimePoint now) {
    // One of each key, and in their order, so that two batches never wait for each other's rows.
    std::map<StoreKey, const async::Snapshot*> newest;
    for (const auto& snapshot : snapshots) {
        expect_record(snapshot.record, "snapshot");
        const Fields fields(snapshot.record);
        expect(!fields.user.anonymous() && fields.user.shard() == snapshot.key.shard,
               "a snapshot of an anonymous record, or one outside its user's shard");
        if (fields.capped(snapshot.ttl, now) <= Millis{0}) continue;
        const async::Snapshot*& kept = newest[snapshot.key];
        if (kept == nullptr || !newer(Fields(kept->record), fields)) kept = &snapshot;
    }
    if (newest.empty()) return 0;
    const Params params{{"batch", snapshot_rows(newest, now)}};
    // In this order: a login may store a first copy in between, which is older. Rows just inserted match the second as well,
    // so its count is that of all that are kept.
    db.execute("snapshots_insert", params);
    const auto kept = db.execute("snapshots_update", params);
    if (kept > 0) db.execute("records_purge", {{"now", millis(now)}, {"page", purge_page}});
    return static_cast<std::uint32_t>(kept);
}

}  // namespace vedfolnir::sql
