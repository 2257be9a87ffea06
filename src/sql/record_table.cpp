#include "sql/record_table.hpp"

#include "sql/listings.hpp"
#include "sql/record_fields.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <limits>

namespace vedfolnir::sql {
namespace {

/// Expired records that one create removes: more than it adds, so that they do not pile up.
constexpr std::int64_t purge_page = 8;

std::uint64_t current_epoch(Connection& db, const UserTag& user) {
    if (user.anonymous()) return 0;
    return user_epoch(db, user);
}

void delete_record(Connection& db, const StoreKey& key) {
    db.execute("record_delete", {{"store_key", key.text()}});
}

/// The shard's row stays locked: a record that is being created, and an ending that would have to remove it, wait for
/// each other.
std::uint64_t locked_mark(Connection& db, std::int64_t shard) {
    return static_cast<std::uint64_t>(
        db.query_locked("shard_mark", 1, {{"shard", shard}}).at(0).integer(0));
}

std::optional<std::string> first_record(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return decoded(rows.front().text(0));
}

std::optional<std::string> load_locked(Connection& db, const StoreKey& key, TimePoint now) {
    return first_record(
        db.query_locked("record_load", 1, {{"store_key", key.text()}, {"now", millis(now)}}));
}

}  // namespace

async::CreateStatus create_record(Connection& db, const RecordWrite& write) {
    expect_record(write.bytes, "record");
    const Fields fields(write.bytes);
    const auto left = fields.capped(write.ttl, write.now);
    const bool known = !fields.user.anonymous();
    expect(left > Millis{0} && (!known || fields.absolute_expiry != TimePoint{}),
           "absolute expiry has passed or is missing");
    expect(!known || fields.user.shard() == write.key.shard,
           "an authenticated record outside its user's shard");
    if (known && !db.alone()) static_cast<void>(locked_mark(db, write.key.shard));
    if (fields.epoch < current_epoch(db, fields.user)) return async::CreateStatus::stale_epoch;
    if (load_record(db, write.key, write.now)) return async::CreateStatus::exists;
    db.execute("records_purge", {{"now", millis(write.now)}, {"page", purge_page}});
    delete_record(db, write.key);  // an expired one
    db.execute("record_insert",
               {{"store_key", write.key.text()},
                {"user_tag", known ? std::optional(hex(fields.user.bytes)) : std::nullopt},
                {"handle", fields.handle.text()},
                {"generation", number(fields.generation)},
                {"epoch", number(fields.epoch)},
                {"absolute_expiry_ms", millis(fields.absolute_expiry)},
                {"expires_ms", millis(write.now + left)},
                {"bytes", encoded(write.bytes)},
                {"clock", number(fields.clock)},
                {"ahead", std::int64_t{write.ahead}}});
    return async::CreateStatus::created;
}

std::optional<std::string> load_record(Connection& db, const StoreKey& key, TimePoint now) {
    return first_record(
        db.query("record_load", 1, {{"store_key", key.text()}, {"now", millis(now)}}));
}

async::SaveReply save_record(Connection& db, std::uint64_t expected_generation, RecordWrite write) {
    using async::SaveStatus;
    expect_record(write.bytes, "record");
    auto stored_bytes = load_locked(db, write.key, write.now);
    const Fields fields(write.bytes);
    expect(fields.generation != expected_generation,
           "expected generation must differ from the record's own");
    if (!stored_bytes) return {SaveStatus::gone, {}};
    if (is_note(*stored_bytes)) return {SaveStatus::moved, std::move(*stored_bytes)};
    expect_record(*stored_bytes, "stored record");
    const Fields stored(*stored_bytes);
    if (stored.epoch < current_epoch(db, stored.user) ||
        stored.capped(write.ttl, write.now) <= Millis{0}) {
        delete_record(db, write.key);
        return {SaveStatus::gone, {}};
    }
    if (stored.same_operation(fields)) return {SaveStatus::saved, {}};
    if (stored.generation != expected_generation) {
        return {SaveStatus::conflict, std::move(*stored_bytes)};
    }
    expect(stored.user == fields.user && stored.handle == fields.handle,
           "a save may change neither handle nor user");
    const auto end = write.now + std::max(fields.capped(write.ttl, write.now), Millis{1});
    const auto saved =
        db.execute("record_replace", {{"store_key", write.key.text()},
                                      {"expected", number(expected_generation)},
                                      {"generation", number(fields.generation)},
                                      {"epoch", number(fields.epoch)},
                                      {"absolute_expiry_ms", millis(fields.absolute_expiry)},
                                      {"expires_ms", millis(end)},
                                      {"bytes", encoded(stamped(write.bytes, write.now))},
                                      {"clock", number(fields.clock)},
                                      {"ahead", std::int64_t{write.ahead}}});
    expect(saved == 1, "a record changed inside the transaction that read it");
    return {SaveStatus::saved, {}};
}

async::TouchStatus touch_record(Connection& db, const RecordWrite& write) {
    const StoreKey& key = write.key;
    const TimePoint now = write.now;
    auto stored = load_locked(db, key, now);
    if (!stored || is_note(*stored)) return async::TouchStatus::gone;
    expect_record(*stored, "stored record");
    const auto left = Fields(*stored).capped(write.ttl, now);
    if (left <= Millis{0}) {
        delete_record(db, key);
        return async::TouchStatus::gone;
    }
    db.execute("record_touch", {{"store_key", key.text()},
                                {"expires_ms", millis(now + left)},
                                {"bytes", encoded(stamped(std::move(*stored), now))},
                                {"ahead", std::int64_t{write.ahead}}});
    return async::TouchStatus::touched;
}

bool erase_record(Connection& db, const RecordWrite& note) {
    const auto key = note.key.text();
    if (note.bytes.empty()) {
        return db.execute("record_delete_live", {{"store_key", key}, {"now", millis(note.now)}}) >
               0;
    }
    expect(is_note(note.bytes) && note.ttl > Millis{0},
           "note is not a note, or has no time to live");
    return db.execute("record_to_note", {{"store_key", key},
                                         {"now", millis(note.now)},
                                         {"expires_ms", millis(note.now + note.ttl)},
                                         {"bytes", encoded(note.bytes)}}) > 0;
}

async::EndReply apply_ending(Connection& db, const async::EndOrder& order, TimePoint now) {
    const auto user = hex(order.user.bytes);
    expect(order.user.anonymous() || order.user.shard() == order.shard,
           "an ending outside its user's shard");
    expect(!order.user.anonymous() || (!order.whole_user && order.epoch == 0),
           "an ending of a whole user, or an epoch, needs the user");
    expect(order.note.empty() || !order.whole_user, "an ending of a whole user leaves no notes");
    const std::int64_t shard = order.shard;
    async::EndReply reply;
    reply.mark = locked_mark(db, shard);
    std::uint64_t removed = 0;
    for (const auto& key : order.keys) {
        if (key == order.keep) continue;
        removed += erase_record(db, {key, order.note, order.note_ttl, now}) ? 1 : 0;
    }
    if (order.whole_user) {
        const auto keep = order.keep ? order.keep->text() : std::string();
        const auto epoch_below =
            order.epoch > 0 ? number(order.epoch) : std::numeric_limits<std::int64_t>::max();
        removed += db.execute("records_delete_by_user", {{"user_tag", user},
                                                         {"keep", keep},
                                                         {"epoch_below", epoch_below},
                                                         {"now", millis(now)}});
    }
    reply.removed = static_cast<std::uint32_t>(removed);
    if (order.epoch > current_epoch(db, order.user)) {
        const Params params{
            {"user_tag", user}, {"epoch", number(order.epoch)}, {"now", millis(now)}};
        if (db.execute("user_epoch_raise", params) == 0) db.execute("user_epoch_insert", params);
    }
    if (order.sequence > reply.mark) {
        reply.gap = reply.mark < order.previous_sequence;
        if (!reply.gap) {
            db.execute("shard_mark_raise", {{"shard", shard}, {"mark", number(order.sequence)}});
            reply.mark = order.sequence;
        }
    }
    return reply;
}

std::vector<async::IndexEntry> list_records(Connection& db, const UserTag& user, TimePoint now) {
    std::vector<async::IndexEntry> listed;
    if (user.anonymous()) return listed;
    const auto epoch = number(current_epoch(db, user));
    for (const auto& row :
         db.query("records_by_user", 3,
                  {{"user_tag", hex(user.bytes)}, {"epoch", epoch}, {"now", millis(now)}})) {
        listed.push_back({read_key(row, 0), read_handle(row, 1), moment(row.integer(2))});
    }
    return listed;
}

std::vector<std::uint64_t> list_marks(Connection& db) {
    std::vector<std::uint64_t> marks(256, 0);
    for (const auto& row : db.query("shard_marks", 2)) {
        marks.at(static_cast<std::size_t>(row.integer(0))) =
            static_cast<std::uint64_t>(row.integer(1));
    }
    return marks;
}

}  // namespace vedfolnir::sql
