// Entries, heads and proofs as bytes and texts: they read back, and nothing else reads as one of them.
#include "audit/personal.hpp"
#include "audit/proof.hpp"
#include "model/hex.hpp"
#include "support/random.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace vedfolnir::audit {
namespace {

Entry sample_entry() {
    Entry entry;
    entry.position = {7, 202601, 6};
    entry.at_ms = 1'767'225'600'000;
    entry.type = "session.created";
    entry.handle = Handle::parse("11000000000000000000000000000001");
    entry.operation = OperationId{3};
    entry.operation_part = 2;
    entry.subject.bytes.fill(0x2a);
    entry.commitment = commitment_to("sealed");
    return entry;
}

crypto::SigningKey key(std::uint8_t byte) {
    const std::vector<std::uint8_t> seed(32, byte);
    return crypto::SigningKey::from_seed(seed).value();
}

Sealer sealer(char byte = 'k') {
    KeyOptions options;
    options.keys.push_back({1, std::string(32, byte)});
    return {crypto::KeyRing::open(options).value(), std::make_shared<test::SeededRandom>(1)};
}

// ids: R13
TEST(Entry, has_the_bytes_of_the_document) {
    Entry entry = sample_entry();
    const auto bytes = canonical_bytes(entry);
    EXPECT_EQ(model::hex_encode({reinterpret_cast<const std::uint8_t*>(bytes.data()), 75}),
              "01"
              "0000000000000007"
              "0000000000031769"
              "0000000000000006"
              "0000019b76daa800"
              "0000000000000002"
              "01"
              "11000000000000000000000000000001"
              "01"
              "03000000000000000000000000000000");
    EXPECT_EQ(bytes.substr(123), std::string("\x0f") + "session.created");
}

// ids: R13
TEST(Entry, reads_back_and_refuses_every_cut_or_other_version) {
    for (const bool bare : {false, true}) {
        Entry entry = sample_entry();
        if (bare) {
            entry.handle.reset();
            entry.operation.reset();
            entry.type.clear();
        }
        const auto bytes = canonical_bytes(entry);
        const auto again = parse_entry(bytes);
        ASSERT_TRUE(again);
        EXPECT_EQ(canonical_bytes(*again), bytes);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_FALSE(parse_entry(bytes.substr(0, size)));
        EXPECT_FALSE(parse_entry(bytes + "x"));
        EXPECT_FALSE(parse_entry("\x02" + bytes.substr(1)));
    }
}

// ids: R13
TEST(Entry, every_field_changes_the_leaf) {
    const auto leaf = [](const Entry& entry) { return leaf_hash(canonical_bytes(entry)); };
    const auto original = leaf(sample_entry());
    const std::vector<std::function<void(Entry&)>> edits{
        [](Entry& e) { ++e.position.id; },     [](Entry& e) { ++e.position.partition; },
        [](Entry& e) { ++e.position.index; },  [](Entry& e) { ++e.at_ms; },
        [](Entry& e) { e.type += "x"; },       [](Entry& e) { e.type.pop_back(); },
        [](Entry& e) { e.handle.reset(); },    [](Entry& e) { ++e.handle->bytes[9]; },
        [](Entry& e) { e.operation.reset(); }, [](Entry& e) { ++(*e.operation)[15]; },
        [](Entry& e) { ++e.operation_part; },  [](Entry& e) { e.subject = {}; },
        [](Entry& e) { ++e.commitment[0]; },
    };
    for (std::size_t i = 0; i < edits.size(); ++i) {
        auto entry = sample_entry();
        edits[i](entry);
        EXPECT_NE(leaf(entry), original) << "edit " << i;
    }
}

// ids: R13
TEST(Partition, is_the_month_in_utc) {
    EXPECT_EQ(partition_of(TimePoint(Millis{1'767'225'599'999})), 202512);
    EXPECT_EQ(partition_of(TimePoint(Millis{1'767'225'600'000})), 202601);
}

// ids: R13
TEST(Head, reads_back_and_its_signature_covers_every_field) {
    TreeHead head{3, 202601, 9, leaf_hash("root"), TimePoint(Millis{5}), leaf_hash("previous")};
    const auto signed_head = sign(key(1), head);
    const auto again = parse_head(head_text(signed_head));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, signed_head);
    EXPECT_TRUE(is_signed_by(*again, key(1).verify_key()));
    EXPECT_FALSE(is_signed_by(*again, key(2).verify_key()));

    const std::vector<std::function<void(TreeHead&)>> edits{
        [](TreeHead& h) { ++h.number; },        [](TreeHead& h) { ++h.partition; },
        [](TreeHead& h) { ++h.size; },          [](TreeHead& h) { ++h.root[31]; },
        [](TreeHead& h) { h.at += Millis{1}; }, [](TreeHead& h) { ++h.previous[0]; },
    };
    for (const auto& edit : edits) {
        auto forged = signed_head;
        edit(forged.head);
        EXPECT_FALSE(is_signed_by(forged, key(1).verify_key()));
        EXPECT_NE(head_hash(forged.head), head_hash(head));
    }
}

// ids: R13
TEST(Head, refuses_what_is_no_head_of_this_version) {
    const auto text = head_text(sign(key(1), TreeHead{1, 202601, 1, {}, {}, {}}));
    const auto with = [&](const std::string& from, const std::string& to) {
        auto changed = text;
        changed.replace(changed.find(from), from.size(), to);
        return parse_head(changed);
    };
    EXPECT_FALSE(with("head-1", "head-2"));
    EXPECT_FALSE(with("\"size\":1", "\"size\":-1"));
    EXPECT_FALSE(with("\"size\":1", "\"size\":\"1\""));
    EXPECT_FALSE(with("\"root\"", "\"toor\""));
    EXPECT_FALSE(with("\"signature\":\"", "\"signature\":\"A"));
    EXPECT_FALSE(parse_head("[]"));
    EXPECT_FALSE(parse_head(text + "x"));
}

// ids: R13
TEST(InclusionProof, holds_for_its_entry_and_no_other) {
    const auto entry = sample_entry();
    std::vector<Hash> leaves;
    for (int i = 0; i < 10; ++i) leaves.push_back(leaf_hash(std::to_string(i)));
    leaves[6] = leaf_hash(canonical_bytes(entry));
    Frontier tree;
    Prover prover(inclusion_ranges(6, 10));
    for (const auto& leaf : leaves) {
        tree.append(leaf);
        prover.add(leaf);
    }
    const TreeHead head{1, 202601, 10, tree.root(), {}, {}};
    const InclusionProof proof{entry, prover.path().value(), sign(key(1), head)};
    const auto again = parse_inclusion(proof_text(proof));
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(refusal(*again, key(1).verify_key()), "");
    EXPECT_NE(refusal(*again, key(2).verify_key()), "");

    auto forged = proof;
    forged.entry.at_ms += 1;
    EXPECT_NE(refusal(forged, key(1).verify_key()), "");
    forged = proof;
    forged.entry.position.partition = 202602;
    EXPECT_NE(refusal(forged, key(1).verify_key()), "");
    forged = proof;
    forged.path.pop_back();
    EXPECT_NE(refusal(forged, key(1).verify_key()), "");
}

// ids: R15
TEST(Personal, opens_with_its_key_at_its_place_only) {
    const auto one = sealer();
    const Position place{7, 202601, 6};
    const Personal personal{"alice", "operator:bob", R"({"device":"x"})"};
    const auto subject_key = one.make_key().value();
    const auto text = one.seal(subject_key, place, personal).value();
    EXPECT_EQ(key_of(text), subject_key.id);
    EXPECT_EQ(open(subject_key, place, text), personal);
    EXPECT_EQ(text.find("alice"), std::string::npos);

    EXPECT_FALSE(open(subject_key, {7, 202601, 5}, text));
    EXPECT_FALSE(open(one.make_key().value(), place, text));
    EXPECT_FALSE(open(subject_key, place, text.substr(0, text.size() - 4)));
    EXPECT_FALSE(open(subject_key, place, ""));
    EXPECT_FALSE(key_of("!"));
}

// ids: R15
TEST(Sealer, subject_keys_open_under_their_ring_and_subject_only) {
    const auto one = sealer();
    const auto alice = one.subject_of("alice");
    const auto subject_key = one.make_key().value();
    const auto text = one.seal_key(subject_key, alice).value();
    const auto again = one.open_key(subject_key.id, alice, text);
    ASSERT_TRUE(again);
    EXPECT_TRUE(crypto::equal_constant_time(again->secret.bytes(), subject_key.secret.bytes()));
    EXPECT_FALSE(one.open_key(subject_key.id, one.subject_of("bob"), text));
    EXPECT_FALSE(one.open_key(one.make_key().value().id, alice, text));
    EXPECT_FALSE(sealer('x').open_key(subject_key.id, alice, text));
    EXPECT_TRUE(one.subject_of("").anonymous());
    EXPECT_NE(one.subject_of("alice"), one.subject_of("bob"));
}

// ids: R15
TEST(Sealer, says_when_there_is_no_randomness) {
    KeyOptions options;
    options.keys.push_back({1, std::string(32, 'k')});
    const Sealer dry(crypto::KeyRing::open(options).value(),
                     std::make_shared<test::FailingRandom>());
    EXPECT_EQ(dry.make_key().error().code, Errc::random_unavailable);
    EXPECT_EQ(dry.seal_key({}, {}).error().code, Errc::random_unavailable);
}

}  // namespace
}  // namespace vedfolnir::audit
