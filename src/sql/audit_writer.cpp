#include "sql/audit_writer.hpp"

#include "audit/entry.hpp"
#include "model/hex.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <map>
#include <optional>
#include <utility>

namespace vedfolnir::sql {
namespace {

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

/// `added`: how many leaves the size already counts that the tree does not hold yet.
OpenTrail trail_of(Connection& db, std::int64_t added) {
    const auto rows = db.query("audit_trail_read", 4);
    if (rows.size() != 1) damaged();
    const auto& row = rows.front();
    const auto size = row.integer(2) - added;
    if (size < 0) damaged();
    auto tree = audit::Frontier::parse(static_cast<std::uint64_t>(size), row.text(3));
    if (!tree) damaged();
    return {static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)),
            std::move(*tree)};
}

OpenTrail lock(Connection& db, std::int64_t count) {
    db.execute("audit_trail_advance", {{"count", count}});
    return trail_of(db, count);
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

    const audit::SubjectKey& of(const UserTag& subject) {
        const auto found = known_.find(subject);
        if (found != known_.end()) return found->second;
        return known_.emplace(subject, load(subject)).first->second;
    }

private:
    audit::SubjectKey load(const UserTag& subject) {
        const auto rows = db_.query("audit_subject_key", 2, {{"subject", hex(subject.bytes)}});
        if (rows.empty()) return make(subject);
        const auto id = read_handle(rows.front(), 0).bytes;
        auto key = auditor_.sealer.open_key(id, subject, rows.front().text(1));
        if (key) return std::move(*key);
        throw Failure(Errc::key_unavailable,
                      "the audit key of a user does not open: this process has another index "
                      "secret (index_secret of the key ring, or its oldest key) than the one that "
                      "wrote it; configure the same ring everywhere");
    }

    audit::SubjectKey make(const UserTag& subject) {
        auto key = value_of(auditor_.sealer.make_key());
        db_.execute("audit_subject_add",
                    {{"key_id", hex(key.id)},
                     {"subject", hex(subject.bytes)},
                     {"sealed_key", value_of(auditor_.sealer.seal_key(key, subject))},
                     {"made_ms", millis(auditor_.now)}});
        return key;
    }

    Connection& db_;
    const Auditor& auditor_;
    std::map<UserTag, audit::SubjectKey> known_;
};

void write_event(Connection& db, const Auditor& auditor, SubjectKeys& keys, OpenTrail& trail,
                 const NewEvent& added) {
    const auto& event = added.event;
    audit::Entry entry;
    entry.position = {trail.first_id + trail.tree.size(), trail.partition, trail.tree.size()};
    entry.at_ms = millis(event.at);
    entry.type = event.type;
    entry.handle = event.handle;
    entry.operation = event.operation;
    entry.operation_part = static_cast<std::uint64_t>(added.part);
    entry.subject = auditor.sealer.subject_of(event.user_id);
    const auto personal = value_of(auditor.sealer.seal(keys.of(entry.subject), entry.position,
                                                       {event.user_id, event.actor, event.detail}));
    entry.commitment = audit::commitment_to(personal);
    const auto leaf = audit::leaf_hash(audit::canonical_bytes(entry));
    std::optional<std::string> handle;
    if (entry.handle) handle = entry.handle->text();
    db.execute("audit_event_add", {{"id", number(entry.position.id)},
                                   {"partition_id", number(entry.position.partition)},
                                   {"leaf_index", number(entry.position.index)},
                                   {"at_ms", entry.at_ms},
                                   {"type", entry.type},
                                   {"handle", std::move(handle)},
                                   {"operation", hex(entry.operation)},
                                   {"operation_part", added.part},
                                   {"subject", hex(entry.subject.bytes)},
                                   {"personal", personal},
                                   {"leaf_hash", model::hex_encode(leaf)}});
    trail.tree.append(leaf);
}

}  // namespace

void write_events(Connection& db, const Auditor& auditor, const std::vector<NewEvent>& events) {
    if (events.empty()) return;
    auto trail = lock(db, static_cast<std::int64_t>(events.size()));
    turn_page(db, trail, auditor.now);
    SubjectKeys keys(db, auditor);
    for (const auto& event : events) write_event(db, auditor, keys, trail, event);
    db.execute("audit_trail_write", {{"partition_id", number(trail.partition)},
                                     {"first_id", number(trail.first_id)},
                                     {"size", number(trail.tree.size())},
                                     {"frontier", trail.tree.text()}});
}

OpenTrail lock_trail(Connection& db) { return lock(db, 0); }

OpenTrail read_trail(Connection& db) { return trail_of(db, 0); }

}  // namespace vedfolnir::sql
