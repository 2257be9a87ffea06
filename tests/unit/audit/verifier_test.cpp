// Each manipulation of a trail, and the index that the verifier names.
#include "audit/verifier.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace vedfolnir::audit {
namespace {

constexpr std::uint64_t partition = 202601;
constexpr std::uint64_t first_id = 101;

StoredEntry made(std::uint64_t index, const std::string& personal) {
    StoredEntry stored;
    stored.entry.position = {first_id + index, partition, index};
    stored.entry.type = "session.created";
    stored.personal = personal;
    auto entry = stored.entry;
    entry.commitment = commitment_to(personal);
    stored.leaf = leaf_hash(canonical_bytes(entry));
    return stored;
}

crypto::SigningKey key(std::uint8_t byte = 1) {
    const std::vector<std::uint8_t> seed(32, byte);
    return crypto::SigningKey::from_seed(seed).value();
}

/// 40 entries, a head at every tenth.
struct Trail {
    std::vector<StoredEntry> rows;
    std::vector<SignedHead> heads;
    Frontier tree;

    explicit Trail(std::size_t count = 40, const std::string& flavour = "") {
        for (std::size_t i = 0; i < count; ++i) append("entry " + std::to_string(i) + flavour);
    }
    void append(const std::string& personal) {
        rows.push_back(made(rows.size(), personal));
        tree.append(rows.back().leaf);
        if (tree.size() % 10 == 0) sign_head();
    }
    void sign_head() {
        TreeHead head{heads.size() + 1, partition, tree.size(), tree.root(), {}, {}};
        if (!heads.empty()) head.previous = head_hash(heads.back().head);
        heads.push_back(sign(key(), head));
    }
    /// What an attacker does who may write everything but signatures.
    void recompute() {
        tree = {};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i] = made(i, rows[i].personal);
            tree.append(rows[i].leaf);
        }
    }
    [[nodiscard]] std::optional<Finding> verify(const std::vector<Checkpoint>& checkpoints) const {
        PartitionVerifier verifier(partition, first_id, checkpoints);
        for (const auto& row : rows) {
            if (auto found = verifier.add(row)) return found;
        }
        return verifier.finish(tree.size(), tree.text());
    }
    [[nodiscard]] std::optional<Finding> verify() const {
        return verify(check_heads({"the database", heads}, {}, key().verify_key()).checkpoints);
    }
};

void expect(const std::optional<Finding>& found, Fault fault, std::uint64_t first,
            std::uint64_t last) {
    ASSERT_TRUE(found);
    EXPECT_EQ(to_string(found->fault), to_string(fault)) << found->text;
    EXPECT_EQ(found->first, first) << found->text;
    EXPECT_EQ(found->last, last) << found->text;
    EXPECT_EQ(found->partition, partition);
}

// ids: R13
TEST(PartitionVerifier, finds_nothing_in_a_good_trail) {
    for (const std::size_t count : {0U, 1U, 9U, 10U, 40U, 41U}) EXPECT_FALSE(Trail(count).verify());
}

// ids: F25 R13
TEST(PartitionVerifier, names_an_edited_entry) {
    const std::vector<std::function<void(StoredEntry&)>> edits{
        [](StoredEntry& s) { ++s.entry.at_ms; },
        [](StoredEntry& s) { s.entry.type = "session.ended"; },
        [](StoredEntry& s) { s.personal += "x"; },
        [](StoredEntry& s) { ++s.leaf[5]; },
        [](StoredEntry& s) { s.readable = false; },
        [](StoredEntry& s) { ++s.entry.position.index; },
        [](StoredEntry& s) { ++s.entry.position.partition; },
    };
    for (const auto& edit : edits) {
        Trail trail;
        edit(trail.rows[23]);
        expect(trail.verify(), Fault::changed, 23, 23);
    }
}

// ids: F25 R13
TEST(PartitionVerifier, names_a_deleted_entry_also_where_the_rest_was_renumbered) {
    Trail trail;
    trail.rows.erase(trail.rows.begin() + 23);
    expect(trail.verify(), Fault::missing, 23, 23);
    for (std::size_t i = 23; i < trail.rows.size(); ++i) {
        --trail.rows[i].entry.position.id;
        --trail.rows[i].entry.position.index;
    }
    expect(trail.verify(), Fault::changed, 23, 23);
}

// ids: F25 R13
TEST(PartitionVerifier, names_an_inserted_entry) {
    Trail trail;
    for (std::size_t i = 23; i < trail.rows.size(); ++i) {
        ++trail.rows[i].entry.position.id;
        ++trail.rows[i].entry.position.index;
    }
    auto forged = trail.rows[22];
    ++forged.entry.position.id;
    ++forged.entry.position.index;
    trail.rows.insert(trail.rows.begin() + 23, forged);
    expect(trail.verify(), Fault::changed, 23, 23);
    // With a hash of its own it is the next one that contradicts.
    trail.rows[23] = made(23, "forged");
    expect(trail.verify(), Fault::changed, 24, 24);

    Trail twice;
    twice.rows.insert(twice.rows.begin() + 23, twice.rows[22]);
    expect(twice.verify(), Fault::added, 23, 23);
}

// ids: F25 R13
TEST(PartitionVerifier, names_the_first_of_two_that_changed_places) {
    Trail trail;
    std::swap(trail.rows[23], trail.rows[31]);
    std::swap(trail.rows[23].entry.position, trail.rows[31].entry.position);
    expect(trail.verify(), Fault::changed, 23, 23);
}

// ids: F25 R13
TEST(PartitionVerifier, names_where_the_tail_was_cut) {
    Trail trail;
    const auto kept = trail.tree;
    trail.rows.resize(33);
    expect(trail.verify(), Fault::missing, 33, 33);
    // The database's own tree cut with it: a head knows better.
    trail.recompute();
    trail.heads.resize(3);
    EXPECT_FALSE(trail.verify());
    expect(trail.verify({{partition, 40, kept.root(), "a copy"}}), Fault::missing, 33, 33);
}

// ids: F25 R13
TEST(PartitionVerifier, narrows_a_rewritten_past_down_to_two_heads) {
    Trail trail;
    trail.rows[23].personal = "forged";
    trail.recompute();
    expect(trail.verify(), Fault::rewritten, 20, 29);
    // Without any head it is invisible: that is what copies are for.
    trail.heads.clear();
    EXPECT_FALSE(trail.verify());
}

// ids: F25 R13
TEST(PartitionVerifier, names_where_a_fork_left_the_trail) {
    const Trail original;
    Trail fork(20);
    for (int i = 20; i < 40; ++i) fork.append("another " + std::to_string(i));
    EXPECT_FALSE(fork.verify());
    const auto report =
        check_heads({"the database", fork.heads},
                    std::vector<HeadSource>{{"the copy", original.heads}}, key().verify_key());
    ASSERT_EQ(report.findings.size(), 2U);
    EXPECT_EQ(report.findings[0].fault, Fault::head_forged);
    expect(fork.verify(report.checkpoints), Fault::rewritten, 20, 29);
}

// ids: F25 R13
TEST(PartitionVerifier, names_a_tree_that_does_not_fit_its_entries) {
    Trail trail;
    trail.append("41");
    trail.append("42");
    trail.rows[41].personal = "forged";
    trail.rows[41] = made(41, "forged");
    expect(trail.verify(), Fault::state_changed, 40, 41);
}

std::vector<Finding> findings(const std::vector<SignedHead>& stored,
                              const std::vector<SignedHead>& copy = {}) {
    const std::vector<HeadSource> copies{{"the copy", copy}};
    return check_heads({"the database", stored}, copies, key().verify_key()).findings;
}

// ids: F25 R13
TEST(Heads, names_a_head_that_is_missing_forged_or_swapped) {
    const Trail trail;
    EXPECT_TRUE(findings(trail.heads, trail.heads).empty());
    EXPECT_TRUE(findings(trail.heads, {trail.heads[1]}).empty());

    auto gap = trail.heads;
    gap.erase(gap.begin() + 2);
    ASSERT_FALSE(findings(gap).empty());
    expect(findings(gap)[0], Fault::head_missing, 20, 39);
    expect(findings({trail.heads[0]}, trail.heads)[0], Fault::head_missing, 10, 19);

    auto forged = trail.heads;
    forged[2].head.root[0] ^= 1;
    expect(findings(forged)[0], Fault::head_forged, 20, 29);
    forged = trail.heads;
    forged[2] = sign(key(2), forged[2].head);
    expect(findings(forged)[0], Fault::head_forged, 20, 29);
    EXPECT_EQ(check_heads({"the database", forged}, {}, key().verify_key()).checkpoints.size(), 3U);

    auto swapped = trail.heads;
    std::swap(swapped[1], swapped[2]);
    ASSERT_FALSE(findings(swapped).empty());
    expect(findings(swapped)[0], Fault::head_missing, 10, 29);
}

}  // namespace
}  // namespace vedfolnir::audit
