#include "unit/cache/fixture.hpp"

#include <thread>
#include <vector>

namespace vedfolnir::cache::test {
namespace {

// ids: S18
TEST_F(CachedTest, a_record_is_asked_for_once) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    ASSERT_EQ(run(redis->create(key, bytes, ttl, soon())), async::CreateStatus::created);

    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_TRUE(holds(*worker, key));
    EXPECT_EQ(worker->store->loads, 1);
}

// ids: S18
TEST_F(CachedTest, what_others_changed_is_asked_for_again) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    create(*worker, key, bytes);
    ASSERT_TRUE(holds(*worker, key));

    const std::string newer = next(bytes, "newer");
    static_cast<void>(run(redis->save(key, 1, newer, ttl, soon())));
    worker->feed->tell(key);
    EXPECT_FALSE(holds(*worker, key));
    EXPECT_EQ(body(*worker, key), "newer");
}

// ids: S18 N1
TEST_F(CachedTest, an_answer_that_a_change_overtook_is_used_but_not_kept) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    ASSERT_EQ(run(redis->create(key, bytes, ttl, soon())), async::CreateStatus::created);

    worker->store->after_load = [&, changed = key] { worker->feed->tell(changed); };
    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_FALSE(holds(*worker, key));
    EXPECT_EQ(worker->counters.near_fills_refused, 1U);

    worker->store->after_load = nullptr;
    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_TRUE(holds(*worker, key));
}

// ids: S18 N1
TEST_F(CachedTest, an_answer_from_before_a_lost_connection_is_not_kept) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    ASSERT_EQ(run(redis->create(key, bytes, ttl, soon())), async::CreateStatus::created);

    worker->store->after_load = [&] {
        worker->feed->lose_connection();
        worker->feed->telling = true;
    };
    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_FALSE(holds(*worker, key));
}

// ids: S18
TEST_F(CachedTest, nothing_is_answered_while_the_store_tells_nothing) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    create(*worker, key, bytes);
    ASSERT_TRUE(holds(*worker, key));

    worker->feed->telling = false;
    EXPECT_FALSE(holds(*worker, key));
    EXPECT_EQ(load(*worker, key), bytes);
    EXPECT_FALSE(holds(*worker, key));
    worker->feed->telling = true;
    worker->feed->lose_connection();
    worker->feed->telling = true;
    EXPECT_FALSE(holds(*worker, key)) << "what was kept before the loss is gone for good";
}

// ids: S18
TEST_F(CachedTest, an_entry_older_than_the_bound_is_asked_for_again) {
    auto worker = process({.age_max = Millis{5000}});
    const auto [key, bytes] = record(1);
    const auto before = std::chrono::steady_clock::now();
    create(*worker, key, bytes);
    EXPECT_NE(worker->cache->find(key, before + Millis{4999}), nullptr);
    EXPECT_EQ(worker->cache->find(key, std::chrono::steady_clock::now() + Millis{5000}), nullptr);
}

// ids: S18 S32
TEST_F(CachedTest, the_write_of_another_worker_is_seen_without_being_told) {
    auto writer = process();
    auto reader = process();
    const auto [key, bytes] = record(1);
    create(*writer, key, bytes);
    EXPECT_EQ(body(*reader, key), "body");
    ASSERT_TRUE(holds(*reader, key));

    save(*writer, key, 1, next(bytes, "newer"));
    EXPECT_EQ(body(*reader, key), "newer");
    EXPECT_EQ(body(*writer, key), "newer");
    EXPECT_EQ(writer->store->loads, 0) << "the writer keeps what it wrote";
}

// ids: S18 S32
TEST_F(CachedTest, touch_erase_and_end_of_another_worker_are_seen_without_being_told) {
    auto writer = process();
    auto reader = process();
    UserTag user;
    user.bytes.fill(7);
    const auto [touched, touched_bytes] = record(1, user);
    const auto [erased, erased_bytes] = record(2, user);
    const auto [ended, ended_bytes] = record(3, user);
    const auto [of_user, of_user_bytes] = record(4, user);
    for (const auto& [key, bytes] : {std::pair(touched, touched_bytes),
                                     {erased, erased_bytes},
                                     {ended, ended_bytes},
                                     {of_user, of_user_bytes}}) {
        create(*writer, key, bytes);
        static_cast<void>(load(*reader, key));
        ASSERT_TRUE(holds(*reader, key));
    }

    static_cast<void>(run(writer->cache->touch(touched, ttl, soon())));
    EXPECT_FALSE(holds(*reader, touched));
    static_cast<void>(run(writer->cache->erase(erased, {}, Millis{0}, soon())));
    EXPECT_FALSE(holds(*reader, erased));

    async::EndOrder one;
    one.shard = user.shard();
    one.keys = {ended};
    one.user = user;
    static_cast<void>(run(writer->cache->end(one, soon())));
    EXPECT_FALSE(holds(*reader, ended));
    EXPECT_FALSE(holds(*writer, ended));
    EXPECT_TRUE(holds(*reader, of_user));

    async::EndOrder all;
    all.shard = user.shard();
    all.user = user;
    all.whole_user = true;
    all.epoch = 1;
    static_cast<void>(run(writer->cache->end(all, soon())));
    EXPECT_FALSE(holds(*reader, of_user)) << "though the ending named no session";
    EXPECT_FALSE(holds(*writer, of_user));
}

// ids: S18
TEST_F(CachedTest, an_ending_the_store_did_not_take_is_no_hit_any_more) {
    auto writer = process();
    auto reader = process();
    const auto [key, bytes] = record(1);
    create(*writer, key, bytes);
    static_cast<void>(load(*reader, key));
    redis->set_down(true);
    async::EndOrder order;
    order.shard = key.shard;
    order.keys = {key};
    EXPECT_FALSE(runtime::run_sync(loop, writer->cache->end(order, soon()), soon()).has_value());
    EXPECT_FALSE(holds(*reader, key));
    EXPECT_FALSE(holds(*writer, key));
}

// ids: S18
TEST_F(CachedTest, a_write_whose_reply_was_lost_is_kept_nowhere) {
    auto writer = process();
    auto reader = process();
    const auto [key, bytes] = record(1);
    create(*writer, key, bytes);
    static_cast<void>(load(*reader, key));
    writer->store->lose_replies = true;
    EXPECT_FALSE(runtime::run_sync(
                     loop, writer->cache->save(key, 1, next(bytes, "newer"), ttl, soon()), soon())
                     .has_value());
    EXPECT_EQ(body(*writer, key), "newer");
    EXPECT_EQ(body(*reader, key), "newer");
}

// ids: S18
TEST_F(CachedTest, an_own_write_is_not_kept_if_another_worker_wrote_at_the_same_time) {
    auto first = process();
    auto second = process();
    const auto [key, bytes] = record(1);
    create(*first, key, bytes);
    const std::string newer = next(bytes, "newer");
    const std::string newest = next(newer, "newest");
    // The second worker's save reaches the store after the first one's, and answers before it.
    first->store->after_save = [&, target = key] { stripes->raise(target); };
    save(*first, key, 1, newer);
    first->store->after_save = nullptr;
    EXPECT_FALSE(holds(*first, key));
    save(*second, key, 2, newest);
    EXPECT_EQ(body(*first, key), "newest");
}

// ids: S18 S23
TEST_F(CachedTest, a_touch_moves_the_time_of_what_is_kept) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    create(*worker, key, bytes);
    worker->feed->clock_ms += 60'000;
    static_cast<void>(run(worker->cache->touch(key, ttl, soon())));
    ASSERT_TRUE(holds(*worker, key));
    const auto header = model::parse_header(load(*worker, key));
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->last_seen, TimePoint(Millis{1'800'000'060'000}));
}

// ids: S18 V14
TEST_F(CachedTest, absent_records_and_notes_are_not_kept) {
    auto worker = process();
    const auto [key, bytes] = record(1);
    EXPECT_EQ(load(*worker, key), "nothing");
    EXPECT_FALSE(holds(*worker, key));

    create(*worker, key, bytes);
    const std::string note =
        model::pack_note({.until = TimePoint(Millis{1'800'000'000'000}) + ttl});
    static_cast<void>(run(worker->cache->erase(key, note, ttl, soon())));
    EXPECT_EQ(load(*worker, key), note);
    EXPECT_FALSE(holds(*worker, key));
    EXPECT_EQ(worker->cache->find(record(2).first, std::chrono::steady_clock::now()), nullptr);
}

// ids: S18 C29
TEST_F(CachedTest, the_entries_are_bounded_and_what_is_used_stays) {
    auto worker = process({.entries_max = 10});
    const auto [used, used_bytes] = record(200);
    create(*worker, used, used_bytes);
    for (std::uint8_t number = 1; number <= 50; ++number) {
        const auto [key, bytes] = record(number);
        create(*worker, key, bytes);
        EXPECT_TRUE(holds(*worker, used)) << int{number};
    }
    int kept = 0;
    for (std::uint8_t number = 1; number <= 50; ++number)
        kept += holds(*worker, record(number).first);
    EXPECT_EQ(kept, 9);
}

// ids: S18 C29
TEST(RecordMap, bytes_are_bounded_and_nothing_large_pushes_all_out) {
    constexpr std::size_t bound = 64 * 1024;
    RecordMap map(1000, bound);
    for (std::uint8_t number = 0; number < 200; ++number) {
        auto entry = std::make_shared<Entry>(std::string(500, 'x'));
        entry->key.digest.fill(number);
        map.insert(std::move(entry));
        EXPECT_LE(map.bytes(), bound);
    }
    const std::size_t size = map.size();
    EXPECT_GT(size, 20U);
    auto large = std::make_shared<Entry>(std::string(20'000, 'x'));
    large->key.digest.fill(250);
    const StoreKey key = large->key;
    map.insert(std::move(large));
    EXPECT_EQ(map.find(key), nullptr);
    EXPECT_EQ(map.size(), size);
    map.clear();
    EXPECT_EQ(map.bytes(), 0U);
    EXPECT_EQ(map.size(), 0U);
}

struct Kept final : runtime::NearRecord::Memo {};

// ids: S18 C29
TEST(RecordMap, what_is_kept_with_a_record_counts_and_makes_others_go) {
    constexpr std::size_t bound = 64 * 1024;
    constexpr std::size_t opened = 4'000;
    RecordMap map(1000, bound);
    const auto insert = [&](std::uint8_t number) {
        auto entry = std::make_shared<Entry>(std::string(500, 'x'));
        entry->key.digest.fill(number);
        map.insert(entry);
        return entry;
    };
    std::vector<std::shared_ptr<Entry>> entries;
    for (std::uint8_t number = 0; number < 40; ++number) entries.push_back(insert(number));
    EXPECT_EQ(map.evictions(), 0U);
    for (const auto& entry : entries) {
        const auto& kept = map.keep(*entry, std::make_unique<Kept>(), opened);
        EXPECT_EQ(&kept, entry->memo());
        EXPECT_LE(map.bytes(), bound);
        // The first one stays, and counts once.
        EXPECT_EQ(&map.keep(*entry, std::make_unique<Kept>(), opened), &kept);
    }
    EXPECT_GT(map.size(), 8U);
    EXPECT_LT(map.size(), 16U);

    // What left the map counts for nothing, nor does what took its place.
    const auto gone = insert(100);
    const auto instead = insert(100);
    const std::size_t before = map.bytes();
    map.keep(*gone, std::make_unique<Kept>(), opened);
    EXPECT_EQ(map.bytes(), before);

    // What would fill too much of it, once it is opened, is not held.
    map.keep(*instead, std::make_unique<Kept>(), bound / 8);
    EXPECT_EQ(map.find(instead->key), nullptr);
    map.clear();
    EXPECT_EQ(map.bytes(), 0U);
}

// ids: S18
TEST_F(CachedTest, readers_of_many_threads_meet_a_writer) {
    auto worker = process({.entries_max = 8});
    std::vector<StoreKey> keys;
    for (std::uint8_t number = 1; number <= 16; ++number) {
        const auto [key, bytes] = record(number);
        create(*worker, key, bytes);
        keys.push_back(key);
    }
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> found{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!stop) {
                for (const StoreKey& key : keys) {
                    const auto hit = worker->cache->find(key, std::chrono::steady_clock::now());
                    if (!hit) continue;
                    if (hit->memo() == nullptr)
                        worker->cache->keep(hit, std::make_unique<Kept>(), 1'000);
                    if (hit->bytes().size() >= model::offset::body) ++found;
                }
            }
        });
    }
    for (int round = 0; round < 50 || found == 0; ++round) {
        for (const StoreKey& key : keys) {
            static_cast<void>(load(*worker, key));
            if (round % 3 == 0) static_cast<void>(run(worker->cache->touch(key, ttl, soon())));
        }
    }
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_GT(found.load(), 0U);
}

}  // namespace
}  // namespace vedfolnir::cache::test
