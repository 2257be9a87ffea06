// The suite on a real Redis, as the user with the least permissions.
#include "cache/cached.hpp"
#include "conformance/store_suite.hpp"
#include "redis/probe.hpp"
#include "redis/redis_store.hpp"
#include "support/redis_server.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace vedfolnir::test {
namespace {

constexpr const char* prefix = "app:session:";
constexpr const char* password = "a-password-of-this-test";

std::string application_user() {
    std::string rules = redis::acl_rules(prefix);
    const std::string placeholder = "REPLACE-WITH-A-LONG-RANDOM-PASSWORD";
    return rules.replace(rules.find(placeholder), placeholder.size(), password);
}

/// One server for all tests of this program; each test starts with an empty one.
RedisServer& server() {
    static RedisServer instance({.acl = {application_user()}});
    return instance;
}

RedisOptions options() {
    RedisOptions redis;
    redis.unix_socket = server().socket_path();
    redis.username = "vedfolnir";
    redis.password = password;
    redis.prefix = prefix;
    redis.request_timeout = Millis{5000};
    return redis;
}

/// The application's user may not load functions: an administrator does.
void install_functions() {
    RedisOptions administrator = options();
    administrator.username = "admin";
    administrator.password = "test-admin-password";
    const auto report = redis::install(administrator);
    ASSERT_TRUE(report) << report.error().detail;
}

class RedisUnderTest final : public StoreUnderTest {
public:
    RedisUnderTest() {
        server().admin({"FLUSHALL"});
        install_functions();
        store_ = redis::make_store(runtime().executor(), options(), nullptr);
    }
    ~RedisUnderTest() override { stop(); }
    async::SessionStore& store() override { return *store_; }
    void let_time_pass() override { pause(); }

private:
    std::shared_ptr<redis::RedisStore> store_;
};

/// The same store behind a near cache: nobody may tell the difference.
class CachedRedisUnderTest final : public StoreUnderTest {
public:
    CachedRedisUnderTest() {
        server().admin({"FLUSHALL"});
        install_functions();
        auto redis = redis::make_store(runtime().executor(), options(), nullptr);
        store_ = cache::Cached::make(redis, redis, cache::StripeTable::private_table(),
                                     NearCacheOptions{.share_between_workers = false}, nullptr);
    }
    ~CachedRedisUnderTest() override { stop(); }
    async::SessionStore& store() override { return *store_; }
    void let_time_pass() override { pause(); }

private:
    std::shared_ptr<cache::Cached> store_;
};

std::unique_ptr<StoreUnderTest> make_redis() { return std::make_unique<RedisUnderTest>(); }
std::unique_ptr<StoreUnderTest> make_cached_redis() {
    return std::make_unique<CachedRedisUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Redis, StoreSuite,
                         testing::Values(StoreFactory{"redis", &make_redis},
                                         StoreFactory{"near_cache_on_redis", &make_cached_redis}),
                         store_name);

/// What only Redis has: keys, their lifetimes, permissions.
class RedisKeys : public StoreSuite {
protected:
    static std::vector<std::string> keys() {
        std::vector<std::string> all;
        for (const auto& key : server().admin({"KEYS", "*"}).items) all.push_back(key.text);
        std::sort(all.begin(), all.end());
        return all;
    }
};

INSTANTIATE_TEST_SUITE_P(Redis, RedisKeys, testing::Values(StoreFactory{"redis", &make_redis}),
                         store_name);

// ids: S23 S3
TEST_P(RedisKeys, everything_but_epochs_marks_and_shard_sets_has_a_time_to_live) {
    // Every operation once, over several users and outcomes.
    const UserTag user = some_user();
    const std::vector<Sample> samples{of_user(user), of_user(user), anonymous(), anonymous()};
    for (const Sample& sample : samples) {
        ASSERT_EQ(create(sample), async::CreateStatus::created);
        ASSERT_EQ(save(sample.next("second"), 1).status, async::SaveStatus::saved);
        ASSERT_EQ(touch(sample), async::TouchStatus::touched);
    }
    ASSERT_TRUE(erase(samples[2], model::pack_note({.until = now()}), minute));
    async::EndOrder order = ending({samples[0]});
    order.epoch = 0;
    order.sequence = 1;
    static_cast<void>(end(order));
    order.keys.clear();
    order.epoch = 1;
    order.previous_sequence = 1;
    order.sequence = 2;
    static_cast<void>(end(order));

    bool index_seen = false;
    for (const std::string& key : keys()) {
        EXPECT_TRUE(key.starts_with(prefix)) << key;
        const bool lasting = key.find(":epoch:") != std::string::npos || key.ends_with(":expiry") ||
                             key.ends_with(":dirty") || key.ends_with(":mark");
        const auto left = server().admin({"PTTL", key}).integer;
        EXPECT_EQ(left > 0, !lasting) << key << " " << left;
        index_seen = index_seen || key.find(":user:") != std::string::npos;
    }
    EXPECT_TRUE(index_seen);
}

// ids: S23
TEST_P(RedisKeys, ended_sessions_leave_nothing_but_epoch_and_mark) {
    const UserTag user = some_user();
    const std::vector<Sample> samples{of_user(user), of_user(user), of_user(user)};
    for (const Sample& sample : samples) {
        ASSERT_EQ(create(sample), async::CreateStatus::created);
    }
    // One goes by name, one had vanished before, one goes with the user.
    static_cast<void>(end(ending({samples[0]})));
    server().admin({"DEL", redis::Keyspace(prefix).record(samples[1].key)});
    static_cast<void>(end(ending({samples[1]})));
    async::EndOrder order = ending({samples[2]});
    order.keys.clear();
    order.whole_user = true;
    order.epoch = 1;
    order.sequence = 1;
    static_cast<void>(end(order));
    const redis::Keyspace keyspace(prefix);
    EXPECT_THAT(keys(),
                testing::UnorderedElementsAre(keyspace.epoch(user), keyspace.mark(user.shard())));
}

// ids: S23
TEST_P(RedisKeys, index_lives_as_long_as_its_longest_session) {
    const UserTag user = some_user();
    Sample brief = of_user(user);
    brief.header.absolute_expiry = now() + std::chrono::hours(1);
    const Sample lasting = of_user(user);
    ASSERT_EQ(create(lasting), async::CreateStatus::created);
    ASSERT_EQ(create(brief), async::CreateStatus::created);
    const auto end_of_index =
        server().admin({"PEXPIRETIME", redis::Keyspace(prefix).user(user)}).integer;
    EXPECT_EQ(end_of_index, lasting.header.absolute_expiry.time_since_epoch().count());
}

TEST_P(RedisKeys, logins_sweep_what_nobody_else_swept) {
    const UserTag user = some_user();
    const Sample abandoned = of_user(user);
    const redis::Keyspace keyspace(prefix);
    ASSERT_EQ(create(abandoned), async::CreateStatus::created);
    server().admin({"DEL", keyspace.record(abandoned.key)});
    const auto entry =
        server().admin({"ZRANGE", keyspace.expiry(user.shard()), "0", "-1"}).items.at(0);
    server().admin({"ZADD", keyspace.expiry(user.shard()), "1", entry.text});
    ASSERT_EQ(create(of_user(user)), async::CreateStatus::created);
    EXPECT_EQ(server().admin({"ZCARD", keyspace.expiry(user.shard())}).integer, 1);
    EXPECT_EQ(server().admin({"ZCARD", keyspace.dirty(user.shard())}).integer, 1);
}

// ids: V01
TEST_P(RedisKeys, foreign_types_read_as_unreadable_and_do_not_stop_an_ending) {
    const Sample sample = anonymous();
    const std::string key = redis::Keyspace(prefix).record(sample.key);
    server().admin({"LPUSH", key, "not a session"});
    EXPECT_EQ(load(sample), "");
    EXPECT_EQ(end(ending({sample})).removed, 1U);
    EXPECT_EQ(server().admin({"EXISTS", key}).integer, 0);
}

// ids: C08
TEST_P(RedisKeys, mark_carries_the_incarnation_of_the_server) {
    async::EndOrder order = ending({of_user(some_user())});
    order.sequence = 1;
    static_cast<void>(end(order));
    const std::string info = server().admin({"INFO", "server", "replication"}).text;
    const auto incarnation =
        server().admin({"HGET", redis::Keyspace(prefix).mark(order.shard), "incarnation"}).text;
    ASSERT_EQ(incarnation.size(), 81U) << "process and history, and a point between them";
    EXPECT_NE(info.find("run_id:" + incarnation.substr(0, 40)), std::string::npos);
    EXPECT_NE(info.find("master_replid:" + incarnation.substr(41)), std::string::npos);
}

// ids: R2 R12 I2
TEST_P(RedisKeys, shard_that_was_told_all_epochs_page_by_page_knows_them) {
    const UserTag user = some_user();
    UserTag other = user;
    other.bytes[15] = static_cast<std::uint8_t>(~other.bytes[15]);
    const auto tell = [&](std::uint8_t pass, std::uint32_t number, bool last,
                          std::vector<async::UserEpoch> epochs) {
        async::EpochPage page{user.shard(), {pass}, number, last, std::move(epochs)};
        return run(store().tell_epochs({std::move(page)}, soon()));
    };
    const auto knows = [&]() -> bool { return run(store().epochs_told(soon())).at(user.shard()); };
    const auto epoch = [&](const UserTag& of) { return run(store().epoch_of(of, soon())); };
    EXPECT_FALSE(knows());
    EXPECT_FALSE(epoch(user).complete);
    EXPECT_TRUE(tell(1, 1, false, {{user, 3, {}}}));
    EXPECT_TRUE(tell(1, 1, false, {{user, 3, {}}})) << "as after an answer that was lost";
    EXPECT_EQ(epoch(user).epoch, 3U);
    EXPECT_FALSE(epoch(user).complete);
    EXPECT_FALSE(tell(1, 3, true, {{other, 9, {}}})) << "the second page is missing";
    EXPECT_FALSE(tell(2, 2, true, {{other, 9, {}}})) << "the first one was another's";
    EXPECT_EQ(epoch(other).epoch, 0U);
    EXPECT_TRUE(tell(1, 2, true, {{user, 2, {}}, {other, 5, {}}}));
    EXPECT_TRUE(knows());
    EXPECT_TRUE(epoch(user).complete);
    EXPECT_EQ(epoch(user).epoch, 3U) << "never lowered";
    EXPECT_EQ(epoch(other).epoch, 5U);
    const auto told = run(store().epochs_told(soon()));
    EXPECT_EQ(std::count(told.begin(), told.end(), true), 1);

    EXPECT_TRUE(tell(3, 1, false, {{user, 4, {}}}));
    EXPECT_TRUE(knows()) << "who tells it once more takes nothing away";
    EXPECT_TRUE(run(store().doubt_epochs(user.shard(), soon())));
    EXPECT_FALSE(knows());
    EXPECT_FALSE(tell(3, 2, true, {})) << "that pass began before the loss";
}

// ids: C34 V23
TEST_P(RedisKeys, the_user_of_the_suite_may_do_nothing_else) {
    RespClient client(server().socket_path());
    ASSERT_FALSE(client.command({"AUTH", "vedfolnir", password}).failed());
    const std::vector<std::vector<std::string>> forbidden{{"EVAL", "return 1", "0"},
                                                          {"KEYS", "*"},
                                                          {"CONFIG", "GET", "*"},
                                                          {"SCRIPT", "FLUSH"},
                                                          {"FLUSHALL"},
                                                          {"FLUSHDB"},
                                                          {"FUNCTION", "LOAD", "x"},
                                                          {"FUNCTION", "DELETE", "vedfolnir"},
                                                          {"MODULE", "LIST"},
                                                          {"CLIENT", "LIST"},
                                                          {"ACL", "LIST"},
                                                          {"SHUTDOWN"},
                                                          {"SCAN", "0"},
                                                          {"GET", "another:key"},
                                                          {"SET", "another:key", "1"},
                                                          {"PUBLISH", "channel", "x"}};
    for (const auto& words : forbidden) {
        const auto reply = client.command(words);
        EXPECT_TRUE(reply.failed() && reply.text.starts_with("NOPERM"))
            << words[0] << " " << reply.text;
    }
}

// ids: C34
TEST_P(RedisKeys, functions_carry_the_flags_that_trouble_demands) {
    const std::vector<std::pair<std::string, std::string>> expected{
        {"vedfolnir_create", ""},          {"vedfolnir_save", ""},
        {"vedfolnir_touch", "allow-oom"},  {"vedfolnir_erase", "allow-oom"},
        {"vedfolnir_end", "allow-oom"},    {"vedfolnir_list", "no-writes"},
        {"vedfolnir_info", "no-writes"},   {"vedfolnir_restore", ""},
        {"vedfolnir_restore_many", ""},    {"vedfolnir_epochs", ""},
        {"vedfolnir_lease", "allow-oom"},  {"vedfolnir_due", "allow-oom"},
        {"vedfolnir_forget", "allow-oom"}, {"vedfolnir_drained", "allow-oom"}};
    const auto libraries = server().admin({"FUNCTION", "LIST"});
    ASSERT_EQ(libraries.items.size(), 1U);
    std::vector<std::pair<std::string, std::string>> found;
    // name, description, flags of each function
    for (const auto& function : libraries.items[0].items.at(5).items) {
        std::string flags;
        for (const auto& flag : function.items.at(5).items) flags += flag.text;
        found.emplace_back(function.items.at(1).text, flags);
    }
    EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace vedfolnir::test
