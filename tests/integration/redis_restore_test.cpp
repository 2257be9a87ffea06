// vedfolnir_restore on a real server: what comes back, what never does, and that a second time changes nothing.
#include "integration/redis_harness.hpp"
#include "model/bytes.hpp"
#include "redis/keys.hpp"
#include "support/seeds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::test {
namespace {

using async::RestoreStatus;

constexpr Millis skew{30'000};
constexpr Millis ttl{60'000};

class RedisRestore : public testing::Test {
protected:
    static RedisServer& server() {
        static RedisServer instance;
        return instance;
    }

    void SetUp() override {
        server().admin({"FLUSHALL"});
        ASSERT_TRUE(work_.run(work_.store().now(soon())));
    }

    static Deadline soon() { return deadline_in(Millis{10'000}); }
    TimePoint now() { return work_.run(work_.store().now(soon())).value(); }

    /// A record of one user; `number` names it.
    Stored of_user(std::uint8_t number) {
        Stored record(number);
        record.header.user.bytes.fill(0x2a);
        record.header.handle.bytes.fill(number);
        record.key.shard = record.header.user.shard();
        record.header.generation = 5;
        record.header.created = record.header.last_seen = now();
        record.header.absolute_expiry = now() + std::chrono::hours(24);
        record.header.clock = model::next_clock(0, now());
        return record;
    }
    static Stored later(Stored record) {
        ++record.header.generation;
        record.header.operation.fill(static_cast<std::uint8_t>(record.header.generation));
        return record;
    }

    async::RestoreReply restore(const Stored& record, std::uint64_t sequence = 0) {
        const auto replies = restore_all({{record.key, record.bytes(), ttl, sequence, true}});
        return replies.empty() ? async::RestoreReply{} : replies.front();
    }
    std::vector<async::RestoreReply> restore_all(std::vector<async::RestoreItem> items) {
        const auto count = items.size();
        auto replies = work_.run(work_.store().restore(std::move(items), skew, soon()));
        if (!replies || replies->size() != count) {
            ADD_FAILURE() << (replies ? "another number of replies" : replies.error().detail);
            return {};
        }
        return *replies;
    }
    std::optional<std::string> load(const Stored& record) { return work_.load(record).value(); }

    async::EndReply end(const Stored& record, std::uint64_t sequence, std::uint64_t epoch = 0) {
        async::EndOrder order;
        order.shard = record.key.shard;
        order.user = record.header.user;
        order.keys = {record.key};
        order.previous_sequence = sequence == 0 ? 0 : sequence - 1;
        order.sequence = sequence;
        order.epoch = epoch;
        return work_.run(work_.store().end(std::move(order), soon())).value();
    }

    StoreAtWork work_{over_socket(server())};
};

// ids: S36 R6 R12
TEST_F(RedisRestore, a_lost_record_comes_back_with_its_indexes_and_a_time_to_live) {
    const Stored record = of_user(1);
    EXPECT_EQ(restore(record).status, RestoreStatus::restored);
    EXPECT_EQ(load(record), record.bytes());
    const redis::Keyspace keys("vedfolnir:session:");
    const auto left = server().admin({"PTTL", keys.record(record.key)}).integer;
    EXPECT_GT(left, 0);
    EXPECT_LE(left, ttl.count());
    const auto listed = work_.run(work_.store().list_user(record.header.user, soon())).value();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed.front().handle, record.header.handle);
    EXPECT_EQ(restore(record).status, RestoreStatus::newer) << "a second time changes nothing";
    EXPECT_EQ(load(record), record.bytes());
}

// ids: S14 R12 F02
TEST_F(RedisRestore, what_has_its_copy_waits_behind_what_was_changed) {
    const redis::Keyspace keys("vedfolnir:session:");
    const auto due_in = [&](const Stored& record) {
        const auto due =
            server().admin({"ZSCORE", keys.dirty(record.key.shard),
                            std::string(record.key.digest.begin(), record.key.digest.end())});
        return std::stod(due.text) - static_cast<double>(now().time_since_epoch().count());
    };
    const double much_later = static_cast<double>(ttl.count()) / 8;
    const Stored alone = of_user(1);
    EXPECT_EQ(restore(alone).status, RestoreStatus::restored);
    EXPECT_GT(due_in(alone), much_later);
    const std::vector<Stored> together{of_user(2), of_user(3)};
    restore_all({{together[0].key, together[0].bytes(), ttl, 0, true},
                 {together[1].key, together[1].bytes(), ttl, 0, true}});
    for (const Stored& record : together) EXPECT_GT(due_in(record), much_later);

    // One that only Redis gets is due at once, also where its copy was listed for later.
    for (const Stored& record : {of_user(4), later(alone)}) {
        restore_all({{record.key, record.bytes(), ttl, 0, false}});
        EXPECT_LT(due_in(record), much_later);
    }
    // What is due stays so.
    restore(later(later(alone)));
    EXPECT_LT(due_in(alone), much_later);
}

// ids: R6
TEST_F(RedisRestore, an_anonymous_record_comes_back_too) {
    Stored record(7);
    record.header.absolute_expiry = now() + std::chrono::hours(1);
    EXPECT_EQ(restore(record).status, RestoreStatus::restored);
    EXPECT_EQ(load(record), record.bytes());
}

// ids: R6 S36
TEST_F(RedisRestore, the_newer_one_stays_whichever_side_it_is_on) {
    const Stored old = of_user(1);
    const Stored fresh = later(old);
    ASSERT_EQ(restore(old).status, RestoreStatus::restored);
    EXPECT_EQ(restore(fresh).status, RestoreStatus::restored);
    EXPECT_EQ(load(old), fresh.bytes());
    const auto reply = restore(old);
    EXPECT_EQ(reply.status, RestoreStatus::newer);
    EXPECT_EQ(reply.current, fresh.bytes());
    EXPECT_EQ(load(old), fresh.bytes());
}

// ids: R6
TEST_F(RedisRestore, of_one_generation_the_later_clock_wins) {
    const Stored first = of_user(1);
    Stored second = first;
    second.header.clock += 1;
    second.header.operation.fill(9);
    ASSERT_EQ(restore(second).status, RestoreStatus::restored);
    EXPECT_EQ(restore(first).status, RestoreStatus::newer);
    EXPECT_EQ(load(first), second.bytes());
    second.header.clock += 65'536;
    second.header.operation.fill(8);
    EXPECT_EQ(restore(second).status, RestoreStatus::restored);
    EXPECT_EQ(load(first), second.bytes());
}

// ids: R6
TEST_F(RedisRestore, a_tie_of_two_writers_leaves_neither) {
    const Stored first = of_user(1);
    Stored second = first;
    second.header.operation.fill(9);
    ASSERT_EQ(restore(first).status, RestoreStatus::restored);
    EXPECT_EQ(restore(second).status, RestoreStatus::tied);
    EXPECT_FALSE(load(first).has_value());
}

// ids: R6 S23
TEST_F(RedisRestore, activity_during_the_outage_counts_and_older_activity_does_not) {
    Stored record = of_user(1);
    ASSERT_EQ(restore(record).status, RestoreStatus::restored);
    Stored seen = record;
    seen.header.last_seen += Millis{5'000};
    EXPECT_EQ(restore(seen).current, seen.bytes());
    EXPECT_EQ(restore(record).current, seen.bytes());
    EXPECT_EQ(load(record), seen.bytes());
}

// ids: F22 R6 S23
TEST_F(RedisRestore, activity_of_what_is_replaced_counts) {
    Stored seen = of_user(1);
    const Stored newer = later(seen);
    seen.header.last_seen += Millis{5'000};
    ASSERT_EQ(restore(seen).status, RestoreStatus::restored);
    ASSERT_EQ(restore(newer).status, RestoreStatus::restored);
    Stored both = newer;
    both.header.last_seen = seen.header.last_seen;
    EXPECT_EQ(load(newer), both.bytes());
}

// ids: F22 R6
TEST_F(RedisRestore, versions_of_both_sides_of_a_partition_give_the_same_in_any_order) {
    const Seeds seeds(1000);
    for (const std::uint64_t seed : seeds) {
        std::mt19937_64 random(seed);
        // Nodes of both sides went on from one version; several of them may have taken the same generation.
        const Stored base = of_user(static_cast<std::uint8_t>(seed % 200));
        std::vector<Stored> versions;
        for (std::uint8_t writer = 1; writer <= 2 + seed % 4; ++writer) {
            Stored version = base;
            version.header.generation += random() % 3;
            version.header.clock = model::next_clock(0, now()) + random() % 2 * 65'536 + writer;
            version.header.last_seen += Millis(static_cast<long>(random() % 10'000));
            version.header.operation.fill(writer);
            versions.push_back(std::move(version));
        }
        Stored expected = *std::ranges::max_element(versions, {}, [](const Stored& version) {
            return std::pair(version.header.generation, version.header.clock);
        });
        for (const Stored& version : versions)
            expected.header.last_seen =
                std::max(expected.header.last_seen, version.header.last_seen);
        for (int order = 0; order < 2; ++order) {
            auto arriving = versions;
            arriving.push_back(versions[random() % versions.size()]);  // R9: at least once
            std::ranges::shuffle(arriving, random);
            for (const Stored& version : arriving) static_cast<void>(restore(version));
            ASSERT_EQ(load(base), expected.bytes()) << seeds.words(seed);
            static_cast<void>(end(base, 0));
        }
    }
}

// ids: R5 C08 S36
TEST_F(RedisRestore, an_ending_that_the_caller_did_not_know_of_wins) {
    const Stored record = of_user(1);
    ASSERT_EQ(restore(record).status, RestoreStatus::restored);
    EXPECT_EQ(end(record, 1).mark, 1U);
    EXPECT_EQ(restore(record, 0).status, RestoreStatus::outdated);
    EXPECT_FALSE(load(record).has_value());
    // Who has read the database since may put back what is alive there.
    EXPECT_EQ(restore(of_user(2), 1).status, RestoreStatus::restored);
}

// ids: R5 C08
TEST_F(RedisRestore, a_stale_epoch_a_note_and_an_absolute_end_win) {
    const Stored record = of_user(1);
    static_cast<void>(end(of_user(2), 0, 3));
    EXPECT_EQ(restore(record).status, RestoreStatus::ended) << "below the user's epoch";

    Stored noted(3);
    noted.header.absolute_expiry = now() + std::chrono::hours(1);
    ASSERT_TRUE(work_.create(noted));
    const std::string note = model::pack_note({.until = now() + ttl});
    ASSERT_TRUE(work_.run(work_.store().erase(noted.key, note, ttl, soon())).value());
    EXPECT_EQ(restore(later(noted)).status, RestoreStatus::ended);
    EXPECT_EQ(load(noted), note);

    Stored over(4);
    over.header.absolute_expiry = now() - Millis{1};
    EXPECT_EQ(restore(over).status, RestoreStatus::ended);
    EXPECT_FALSE(load(over).has_value());
}

// ids: R6 F21
TEST_F(RedisRestore, a_clock_far_ahead_is_rejected) {
    Stored record = of_user(1);
    record.header.clock = model::next_clock(0, now() + skew + Millis{5'000});
    EXPECT_EQ(restore(record).status, RestoreStatus::skewed);
    EXPECT_FALSE(load(record).has_value());
}

/// What stands in Redis before something is put back, and what is.
struct Attempt {
    std::vector<Stored> standing;
    std::vector<async::RestoreItem> items;
    std::vector<Stored> records;
};

// ids: R6 R12 S36
TEST_F(RedisRestore, many_at_once_come_to_what_each_comes_to_alone) {
    const Seeds seeds(50);
    for (const std::uint64_t seed : seeds) {
        std::mt19937_64 random(seed);
        Attempt attempt;
        for (std::uint8_t number = 1; number <= 90; ++number) {
            Stored record = of_user(number);
            record.header.user.bytes[15] = static_cast<std::uint8_t>(random() % 5);
            record.header.epoch = random() % 3;
            if (random() % 12 == 0)
                record.header.clock = model::next_clock(0, now() + skew + Millis{60'000});
            const auto before = random() % 5;
            Stored stands = record;
            if (before == 1) ++stands.header.generation;
            if (before == 2) --stands.header.generation;
            if (before == 3) stands.header.operation.fill(9);
            stands.header.last_seen += Millis(static_cast<long>(random() % 3) * 1'000 - 1'000);
            if (before > 0) attempt.standing.push_back(stands);
            attempt.items.push_back(
                {record.key, record.bytes(), ttl, 1 - random() % 15 / 14, true});
            attempt.records.push_back(std::move(record));
        }
        const auto prepared = [&] {
            server().admin({"FLUSHALL"});
            for (const Stored& stands : attempt.standing) static_cast<void>(restore(stands));
            // The shard's mark is 1, and the epoch of one of the users 2.
            Stored ended = of_user(200);
            ended.header.user.bytes[15] = 1;
            static_cast<void>(end(ended, 1, 2));
        };
        const auto listed = [&] {
            std::vector<async::IndexEntry> all;
            for (std::uint8_t user = 0; user < 5; ++user) {
                UserTag tag = of_user(1).header.user;
                tag.bytes[15] = user;
                const auto found = work_.run(work_.store().list_user(tag, soon())).value();
                all.insert(all.end(), found.begin(), found.end());
            }
            return all;
        };
        prepared();
        std::vector<async::RestoreReply> alone;
        for (const async::RestoreItem& item : attempt.items)
            alone.push_back(restore_all({item}).at(0));
        std::vector<std::optional<std::string>> stood;
        for (const Stored& record : attempt.records) stood.push_back(load(record));
        const auto listed_alone = listed();

        prepared();
        const auto together = restore_all(attempt.items);
        ASSERT_EQ(together.size(), alone.size());
        for (std::size_t i = 0; i < alone.size(); ++i) {
            EXPECT_EQ(together[i].status, alone[i].status) << i << ", " << seeds.words(seed);
            EXPECT_EQ(together[i].current, alone[i].current) << i << ", " << seeds.words(seed);
            EXPECT_EQ(load(attempt.records[i]), stood[i]) << i << ", " << seeds.words(seed);
        }
        const auto listed_together = listed();
        ASSERT_EQ(listed_together.size(), listed_alone.size()) << seeds.words(seed);
        for (std::size_t i = 0; i < listed_alone.size(); ++i)
            EXPECT_EQ(listed_together[i].key, listed_alone[i].key) << seeds.words(seed);
    }
}

// ids: R6 S36
TEST_F(RedisRestore, of_many_none_is_put_back_where_something_else_stands_under_a_key) {
    const Stored first = of_user(1);
    const Stored second = of_user(2);
    const redis::Keyspace keys("vedfolnir:session:");
    server().admin({"SET", keys.record(second.key), "no record"});
    std::vector<async::RestoreItem> items{{first.key, first.bytes(), ttl, 0, true},
                                          {second.key, second.bytes(), ttl, 0, true}};
    const auto replies = work_.run(work_.store().restore(std::move(items), skew, soon()));
    ASSERT_FALSE(replies);
    EXPECT_NE(replies.error().detail.find("stored record"), std::string::npos);
    EXPECT_FALSE(load(first).has_value());
    EXPECT_TRUE(work_.run(work_.store().list_user(first.header.user, soon())).value().empty());
}

// ids: S36
TEST_F(RedisRestore, an_index_lives_as_long_as_its_last_session) {
    const redis::Keyspace keys("vedfolnir:session:");
    std::vector<async::RestoreItem> items;
    TimePoint latest{};
    for (const int hours : {5, 30, 7}) {
        Stored record = of_user(static_cast<std::uint8_t>(hours));
        record.header.absolute_expiry = now() + std::chrono::hours(hours);
        latest = std::max(latest, record.header.absolute_expiry);
        items.push_back({record.key, record.bytes(), ttl, 0, true});
    }
    restore_all(std::move(items));
    EXPECT_EQ(server().admin({"PEXPIRETIME", keys.user(of_user(1).header.user)}).integer,
              latest.time_since_epoch().count());
}

// ids: R7 F07 F09
TEST_F(RedisRestore, a_probe_says_what_is_refused) {
    const auto probe = [&](bool changes) {
        const auto answer = work_.run(work_.store().probe(changes, soon()));
        return answer ? Outage::none : answer.error().outage;
    };
    EXPECT_EQ(probe(false), Outage::none);
    EXPECT_EQ(probe(true), Outage::none);
    server().admin({"CONFIG", "SET", "min-replicas-to-write", "1"});
    EXPECT_EQ(probe(false), Outage::none);
    EXPECT_EQ(probe(true), Outage::writes);
    server().admin({"CONFIG", "SET", "min-replicas-to-write", "0"});
    server().admin({"CONFIG", "SET", "maxmemory", "1"});
    EXPECT_EQ(probe(false), Outage::none);
    EXPECT_EQ(probe(true), Outage::growth);
    server().admin({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(probe(true), Outage::none);
}

}  // namespace
}  // namespace vedfolnir::test
