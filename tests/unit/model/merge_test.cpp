#include "model/codec.hpp"
#include "model/merge.hpp"
#include "support/seeds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace vedfolnir::model {
namespace {

Entries entries(std::initializer_list<std::pair<const std::string, std::string>> list) {
    Entries out;
    for (const auto& [key, text] : list) out[key] = encode_text(text);
    return out;
}

std::string flashes(const std::vector<std::string>& texts) {
    std::vector<std::string> encoded;
    for (const auto& text : texts) encoded.push_back(encode_text(text));
    return join_array({encoded.begin(), encoded.end()});
}

Entries with_flashes(const std::vector<std::string>& texts) {
    return {{std::string(flashes_key), flashes(texts)}};
}

/// What one request does to a session.
struct Change {
    std::string key;
    std::string text;  ///< Empty: delete.
    void apply(Entries& to) const {
        if (text.empty()) {
            to.erase(key);
        } else {
            to[key] = encode_text(text);
        }
    }
};

// ids: S22 N2
TEST(Merge, changes_of_different_keys_both_win) {
    const auto base = entries({{"a", "1"}, {"b", "1"}});
    const auto merged =
        merge(base, entries({{"a", "2"}, {"b", "1"}}), entries({{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(merged.entries, entries({{"a", "2"}, {"b", "2"}}));
    EXPECT_EQ(merged.same_key_conflicts, 0U);
}

// ids: S22 N2
TEST(Merge, on_one_key_the_later_commit_wins_and_is_counted) {
    const auto merged =
        merge(entries({{"a", "1"}}), entries({{"a", "mine"}}), entries({{"a", "theirs"}}));
    EXPECT_EQ(merged.entries, entries({{"a", "mine"}}));
    EXPECT_EQ(merged.same_key_conflicts, 1U);
    const auto agreed = merge(entries({{"a", "1"}}), entries({{"a", "2"}}), entries({{"a", "2"}}));
    EXPECT_EQ(agreed.same_key_conflicts, 0U) << "both wrote the same";
}

// ids: S22 N2
TEST(Merge, a_delete_is_a_write) {
    const auto base = entries({{"a", "1"}, {"b", "1"}});
    EXPECT_EQ(merge(base, entries({{"b", "1"}}), base).entries, entries({{"b", "1"}}))
        << "ours deleted";
    EXPECT_EQ(merge(base, base, entries({{"b", "1"}})).entries, entries({{"b", "1"}}))
        << "theirs deleted";
    const auto against_write =
        merge(base, entries({{"b", "1"}}), entries({{"a", "2"}, {"b", "1"}}));
    EXPECT_EQ(against_write.entries, entries({{"b", "1"}}));
    EXPECT_EQ(against_write.same_key_conflicts, 1U);
    const auto against_delete =
        merge(base, entries({{"a", "2"}, {"b", "1"}}), entries({{"b", "1"}}));
    EXPECT_EQ(against_delete.entries, entries({{"a", "2"}, {"b", "1"}}));
    EXPECT_EQ(against_delete.same_key_conflicts, 1U);
}

// ids: S22
TEST(Merge, nothing_changed_here_changes_nothing_there) {
    const auto base = entries({{"a", "1"}});
    const auto theirs = entries({{"a", "9"}, {"new", "x"}});
    EXPECT_EQ(merge(base, base, theirs).entries, theirs);
    EXPECT_EQ(merge({}, {}, theirs).entries, theirs);
}

// ids: N2 S22
TEST(Merge, flashes_consumed_here_go_and_flashes_made_here_are_appended) {
    const auto merged = merge(with_flashes({"one", "two"}), with_flashes({"two", "mine"}),
                              with_flashes({"one", "two", "theirs"}));
    EXPECT_EQ(merged.entries, with_flashes({"two", "theirs", "mine"}));
    EXPECT_EQ(merged.same_key_conflicts, 0U);
}

// ids: N2
TEST(Merge, all_flashes_consumed_leaves_those_made_meanwhile) {
    EXPECT_EQ(merge(with_flashes({"one"}), {}, with_flashes({"one", "new"})).entries,
              with_flashes({"new"}));
    EXPECT_EQ(merge(with_flashes({"one"}), {}, with_flashes({"one"})).entries, Entries{});
    EXPECT_EQ(merge({}, with_flashes({"mine"}), with_flashes({"theirs"})).entries,
              with_flashes({"theirs", "mine"}));
}

// ids: N2
TEST(Merge, a_flash_shown_twice_is_consumed_once) {
    EXPECT_EQ(merge(with_flashes({"same", "same"}), with_flashes({"same"}),
                    with_flashes({"same", "same", "x"}))
                  .entries,
              with_flashes({"same", "x"}));
}

// ids: N2
TEST(Merge, flashes_that_are_no_list_merge_like_any_key) {
    const std::string key(flashes_key);
    const auto merged = merge(entries({{key, "a"}}), entries({{key, "b"}}), entries({{key, "c"}}));
    EXPECT_EQ(merged.entries, entries({{key, "b"}}));
    EXPECT_EQ(merged.same_key_conflicts, 1U);
}

// ids: F22 R6 S22 N2
TEST(Merge, writers_of_distinct_keys_lose_nothing_in_any_order) {
    const test::Seeds seeds(1000);
    for (const std::uint64_t seed : seeds) {
        std::mt19937_64 random(seed);
        Entries base;
        for (int i = 0; i < 12; ++i) base["k" + std::to_string(i)] = encode_text("base");
        std::vector<Change> changes;
        for (int i = 0; i < 16; ++i) {
            const bool remove = random() % 4 == 0;
            changes.push_back(
                {"k" + std::to_string(i), remove ? "" : "w" + std::to_string(random() % 9)});
        }
        Entries expected = base;
        for (const auto& change : changes) change.apply(expected);

        std::ranges::shuffle(changes, random);
        Entries stored = base;
        for (const auto& change : changes) {
            Entries ours = base;  // each writer loaded before anybody committed
            change.apply(ours);
            auto merged = merge(base, ours, stored);
            EXPECT_EQ(merged.same_key_conflicts, 0U);
            stored = std::move(merged.entries);
        }
        ASSERT_EQ(stored, expected) << seeds.words(seed);
    }
}

// ids: S22 N2
TEST(Merge, the_last_of_several_writers_of_one_key_wins_in_commit_order) {
    std::vector<std::string> texts{"a", "b", "c", "d"};
    do {
        Entries stored = entries({{"k", "base"}});
        std::uint32_t conflicts = 0;
        for (const auto& text : texts) {
            const auto merged = merge(entries({{"k", "base"}}), entries({{"k", text}}), stored);
            stored = merged.entries;
            conflicts += merged.same_key_conflicts;
        }
        EXPECT_EQ(stored, entries({{"k", texts.back()}}));
        EXPECT_EQ(conflicts, 3U);
    } while (std::ranges::next_permutation(texts).found);
}

// ids: N2
TEST(Merge, parallel_flashes_all_arrive_once) {
    std::mt19937 random(7);
    for (int round = 0; round < 100; ++round) {
        std::vector<std::string> texts{"a", "b", "c", "d", "e"};
        std::ranges::shuffle(texts, random);
        Entries stored = with_flashes({"old"});
        for (const auto& text : texts) {
            stored = merge(with_flashes({"old"}), with_flashes({text}), stored).entries;
        }
        EXPECT_EQ(stored, with_flashes(texts));
    }
}

}  // namespace
}  // namespace vedfolnir::model
