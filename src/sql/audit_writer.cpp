#include "sql/audit_writer.hpp"

#include "audit/entry.hpp"
#include "model/hex.hpp"
#include "sql/batch.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

namespace vedfolnir::sql {
namespace {

/// Bounds the text that one statement carries.
constexpr std::size_t rows_per_statement = 500;

template <class T>
T value_of(Result<T> result) {
    if (!result) throw Failure(result.error());
    return std::move(*result);
}

[[noreturn]] void damaged() {
    throw Failure(Errc::audit_unavailable,
                  "the row of audit_trail is damaged, so nothing can be added to the audit trail; "
                  "vedfolnir audit verify says what else is wrong; restore the database");
}

OpenTrail trail_of(const Rows& rows) {
    if (rows.size() != 1) damaged();
    const auto& row = rows.front();
    const auto size = row.integer(2);
    if (size < 0) damaged();
    auto tree = audit::Frontier::parse(static_cast<std::uint64_t>(size), row.text(3));
    if (!tree) damaged();
    return {static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)),
            std::move(*tree)};
}

/// Closes the open partition when its month is over. A clock that went back opens nothing.
void turn_page(Connection& db, OpenTrail& trail, TimePoint now) {
    const auto month = audit::partition_of(now);
    if (month <= trail.partition) return;
    if (trail.partition != 0) {
        db.execute("audit_partition_close", {{"partition_id", number(trail.partition)},
                                             {"first_id", number(trail.first_id)},
                                             {"size", number(trail.tree.size())},
                                             {"frontier", trail.tree.text()},
                                             {"closed_ms", millis(now)}});
    }
    trail = {month, trail.first_id + trail.tree.size(), {}};
}

/// The keys of the subjects of one transaction, made where there is none.
class SubjectKeys {
public:
    SubjectKeys(Connection& db, const Auditor& auditor) : db_(db), auditor_(auditor) {}

    /// Before `of`, for all that it is asked for.
    void load(const std::set<UserTag>& subjects) {
        Batch batch;
        for (const auto& subject : subjects) {
            batch.next_row();
            batch.add("subject", hex(subject.bytes));
        }
        for (const auto& row : db_.query("audit_subject_keys", 3, {{"batch", batch.json()}}))
            open(row);
        for (const auto& subject : subjects)
            if (!known_.contains(subject)) make(subject);
    }
    const audit::SubjectKey& of(const UserTag& subject) const { return known_.at(subject); }

private:
    void open(const Row& row) {
        const auto subject = read_tag(row, 0);
        auto key = auditor_.sealer.open_key(read_handle(row, 1).bytes, subject, row.text(2));
        if (!key) {
            throw Failure(Errc::key_unavailable,
                          "the audit key of a user does not open: this process has another index "
                          "secret (index_secret of the key ring, or its oldest key) than the one "
                          "that wrote it; configure the same ring everywhere");
        }
        known_.emplace(subject, std::move(*key));
    }

    void make(const UserTag& subject) {
        auto key = value_of(auditor_.sealer.make_key());
        db_.execute("audit_subject_add",
                    {{"key_id", hex(key.id)},
                     {"subject", hex(subject.bytes)},
                     {"sealed_key", value_of(auditor_.sealer.seal_key(key, subject))},
                     {"made_ms", millis(auditor_.now)}});
        known_.emplace(subject, std::move(key));
    }

    Connection& db_;
    const Auditor& auditor_;
    std::map<UserTag, audit::SubjectKey> known_;
};

audit::Entry entry_of(const Auditor& auditor, const OpenTrail& trail, const NewEvent& added) {
    const auto& event = added.event;
    audit::Entry entry;
    entry.position = {trail.first_id + trail.tree.size(), trail.partition, trail.tree.size()};
    entry.at_ms = millis(event.at);
    entry.type = event.type;
    entry.handle = event.handle;
    entry.operation = event.operation;
    entry.operation_part = static_cast<std::uint64_t>(added.part);
    entry.subject = auditor.sealer.subject_of(event.user_id);
    return entry;
}

/// Appends to the tree, and to the rows that are written next.
void add_entry(const Auditor& auditor, const SubjectKeys& keys, OpenTrail& trail,
               const NewEvent& added, Batch& rows) {
    auto entry = entry_of(auditor, trail, added);
    const auto& event = added.event;
    const auto personal = value_of(auditor.sealer.seal(keys.of(entry.subject), entry.position,
                                                       {event.user_id, event.actor, event.detail}));
    entry.commitment = audit::commitment_to(personal);
    const auto leaf = audit::leaf_hash(audit::canonical_bytes(entry));
    rows.next_row();
    rows.add("id", number(entry.position.id));
    rows.add("partition_id", number(entry.position.partition));
    rows.add("leaf_index", number(entry.position.index));
    rows.add("at_ms", entry.at_ms);
    rows.add("type", entry.type);
    if (entry.handle) rows.add("handle", entry.handle->text());
    if (entry.operation) rows.add("operation", hex(*entry.operation));
    rows.add("operation_part", added.part);
    rows.add("subject", hex(entry.subject.bytes));
    rows.add("personal", personal);
    rows.add("leaf_hash", model::hex_encode(leaf));
    trail.tree.append(leaf);
}

void add_entries(Connection& db, const Auditor& auditor, OpenTrail& trail,
                 std::span<const NewEvent> events) {
    std::set<UserTag> subjects;
    for (const auto& added : events)
        subjects.insert(auditor.sealer.subject_of(added.event.user_id));
    SubjectKeys keys(db, auditor);
    keys.load(subjects);
    Batch rows;
    for (const auto& added : events) add_entry(auditor, keys, trail, added, rows);
    db.execute("audit_events_add", {{"batch", rows.json()}});
}

}  // namespace

void write_events(Connection& db, const Auditor& auditor, const std::vector<NewEvent>& events) {
    if (events.empty()) return;
    auto trail = lock_trail(db);
    turn_page(db, trail, auditor.now);
    for (std::span rest(events); !rest.empty();) {
        const auto now = rest.first(std::min(rest.size(), rows_per_statement));
        add_entries(db, auditor, trail, now);
        rest = rest.subspan(now.size());
    }
    db.execute("audit_trail_write", {{"partition_id", number(trail.partition)},
                                     {"first_id", number(trail.first_id)},
                                     {"size", number(trail.tree.size())},
                                     {"frontier", trail.tree.text()}});
}

std::optional<bool> trail_opens(Connection& db, const audit::Sealer& sealer) {
    constexpr std::int64_t sample = 20;
    Batch nobody;
    nobody.next_row();
    nobody.add("subject", hex(UserTag{}.bytes));
    auto rows = db.query("audit_subject_keys", 3, {{"batch", nobody.json()}});
    if (rows.empty()) rows = db.query("audit_subjects_some", 3, {{"page", sample}});
    if (rows.empty()) return std::nullopt;
    return std::ranges::any_of(rows, [&](const Row& row) {
        return sealer.open_key(read_handle(row, 1).bytes, read_tag(row, 0), row.text(2))
            .has_value();
    });
}

OpenTrail lock_trail(Connection& db) { return trail_of(db.query_locked("audit_trail_read", 4)); }

OpenTrail read_trail(Connection& db) { return trail_of(db.query("audit_trail_read", 4)); }

}  // namespace vedfolnir::sql
