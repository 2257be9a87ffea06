#include "sql/audit_trail.hpp"

#include "model/base64url.hpp"
#include "model/hex.hpp"
#include "sql/audit_rows.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <limits>

namespace vedfolnir::sql {
namespace {

constexpr std::size_t head_columns = 8;
constexpr std::int64_t last_number = std::numeric_limits<std::int64_t>::max();

std::uint64_t natural(const Row& row, std::size_t column) {
    return static_cast<std::uint64_t>(row.integer(column));
}

audit::SignedHead read_head(const Row& row) {
    audit::SignedHead head;
    head.head.number = natural(row, 0);
    head.head.partition = natural(row, 1);
    head.head.size = natural(row, 2);
    head.head.at = moment(row.integer(4));
    head.key_id = row.text(6);
    const bool good = model::hex_decode(row.text(3), head.head.root) &&
                      model::hex_decode(row.text(5), head.head.previous) &&
                      model::base64url_decode(row.text(7), head.signature);
    if (!good) head.signature = {};
    return head;
}

/// The heads that `sign_heads` adds, one after the other.
class HeadChain {
public:
    HeadChain(Connection& db, const crypto::SigningKey& key, TimePoint now)
        : db_(db), key_(key), now_(now), last_(last_head(db)) {}

    void cover(std::uint64_t partition, const audit::Frontier& tree) {
        const bool covered =
            last_ && (last_->head.partition > partition ||
                      (last_->head.partition == partition && last_->head.size >= tree.size()));
        if (covered || tree.size() == 0) return;
        audit::TreeHead head{1, partition, tree.size(), tree.root(), now_, {}};
        if (last_) {
            head.number = last_->head.number + 1;
            head.previous = audit::head_hash(last_->head);
        }
        last_ = audit::sign(key_, head);
        write(*last_);
        made.push_back(*last_);
    }

    std::vector<audit::SignedHead> made;

private:
    void write(const audit::SignedHead& head) {
        db_.execute("audit_head_add", {{"number", number(head.head.number)},
                                       {"partition_id", number(head.head.partition)},
                                       {"size", number(head.head.size)},
                                       {"root", model::hex_encode(head.head.root)},
                                       {"at_ms", millis(head.head.at)},
                                       {"previous", model::hex_encode(head.head.previous)},
                                       {"key_id", head.key_id},
                                       {"signature", model::base64url_encode(head.signature)}});
    }

    Connection& db_;
    const crypto::SigningKey& key_;
    TimePoint now_;
    std::optional<audit::SignedHead> last_;
};

}  // namespace

std::map<std::uint64_t, std::string> read_holds(Connection& db) {
    std::map<std::uint64_t, std::string> holds;
    for (const auto& row : db.query("audit_holds_list", 2))
        holds.emplace(natural(row, 0), row.text(1));
    return holds;
}

TrailState read_state(Connection& db) {
    TrailState state;
    const auto holds = read_holds(db);
    const auto add = [&](const Row& row, bool open) {
        auto& partition = state.partitions.emplace_back();
        partition.partition = natural(row, 0);
        partition.first_id = natural(row, 1);
        partition.size = natural(row, 2);
        partition.frontier = row.text(3);
        partition.open = open;
        const auto hold = holds.find(partition.partition);
        if (hold != holds.end()) partition.hold = hold->second;
    };
    for (const auto& row : db.query("audit_partitions_list", 6)) {
        add(row, false);
        state.partitions.back().closed = moment(row.integer(4));
        if (row.cell(5)) state.partitions.back().dropped = moment(row.integer(5));
    }
    for (const auto& row : db.query("audit_trail_read", 4)) add(row, true);
    const auto ends = db.query("audit_ends", 2);
    if (!ends.empty() && ends.front().cell(0))
        state.ids.emplace(ends.front().integer(0), ends.front().integer(1));
    return state;
}

std::vector<audit::StoredEntry> list_stored(Connection& db, std::uint64_t after,
                                            std::uint64_t until, std::uint32_t limit) {
    std::vector<audit::StoredEntry> found;
    for (const auto& row : db.query(
             "audit_events_page", event_columns,
             {{"after", number(after)}, {"until", number(until)}, {"page", std::int64_t{limit}}})) {
        found.push_back(read_stored(row));
    }
    return found;
}

std::optional<audit::StoredEntry> find_stored(Connection& db, std::uint64_t id) {
    const auto rows = db.query("audit_event_by_id", event_columns, {{"id", number(id)}});
    if (rows.empty()) return std::nullopt;
    return read_stored(rows.front());
}

std::vector<audit::Hash> list_leaves(Connection& db, std::uint64_t after, std::uint64_t until,
                                     std::uint32_t limit) {
    std::vector<audit::Hash> found;
    for (const auto& row : db.query(
             "audit_leaves_page", 1,
             {{"after", number(after)}, {"until", number(until)}, {"page", std::int64_t{limit}}})) {
        if (!model::hex_decode(row.text(0), found.emplace_back()))
            throw Failure(Errc::internal, "the audit trail holds a leaf hash that is none; "
                                          "vedfolnir audit verify says where");
    }
    return found;
}

std::vector<audit::SignedHead> list_heads(Connection& db, std::uint64_t after,
                                          std::uint32_t limit) {
    std::vector<audit::SignedHead> found;
    for (const auto& row : db.query(
             "audit_heads_page", head_columns,
             {{"after", number(after)}, {"until", last_number}, {"page", std::int64_t{limit}}})) {
        found.push_back(read_head(row));
    }
    return found;
}

std::optional<audit::SignedHead> last_head(Connection& db) {
    const auto rows = db.query("audit_head_last", head_columns);
    if (rows.empty()) return std::nullopt;
    return read_head(rows.front());
}

std::optional<audit::SignedHead> covering_head(Connection& db, const PartitionState& partition) {
    const auto rows =
        db.query("audit_head_covering", head_columns,
                 {{"partition_id", number(partition.partition)}, {"size", number(partition.size)}});
    if (rows.empty()) return std::nullopt;
    return read_head(rows.front());
}

std::vector<audit::SignedHead> sign_heads(Connection& db, const crypto::SigningKey& key,
                                          TimePoint now) {
    // The lock keeps writers and other signers away until the commit.
    const auto open = lock_trail(db);
    HeadChain chain(db, key, now);
    for (const auto& row : db.query("audit_partitions_list", 6)) {
        const auto tree = audit::Frontier::parse(natural(row, 2), row.text(3));
        if (!tree) {
            throw Failure(Errc::audit_unavailable,
                          "the tree of the audit partition " + row.text(0) +
                              " is damaged and is not signed; vedfolnir audit verify says more");
        }
        chain.cover(natural(row, 0), *tree);
    }
    chain.cover(open.partition, open.tree);
    return std::move(chain.made);
}

}  // namespace vedfolnir::sql
