// Copies of sessions in SQL, made beside the requests: how soon, of what, and what they are good for when Redis is gone.
#include "jobs_fixture.hpp"
#include "redis/redis_store.hpp"
#include "redis/upkeep.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "support/audit_sealer.hpp"

#include <optional>
#include <regex>
#include <vector>

namespace vedfolnir::test {
namespace {

using Knows = async::FallbackRecord::Knows;

class Snapshots : public Jobs {
protected:
    ~Snapshots() override {
        loop.stop();
        database->close();
    }
    [[nodiscard]] ManagerOptions copying() const {
        ManagerOptions options = working();
        options.jobs.snapshots->lag_max = 200ms;
        options.near_cache.reset();
        return options;
    }
    static Deadline until() { return deadline_in(10s); }
    template <class T>
    Result<T> run(async::Task<T> task) {
        return runtime::run_sync(loop, std::move(task), until());
    }
    /// The keys of all records in Redis.
    [[nodiscard]] std::vector<StoreKey> records() const {
        static const std::regex form("vedfolnir:session:\\{([0-9a-f]{2})\\}(:[A-Za-z0-9_-]{22})");
        std::vector<StoreKey> keys;
        std::smatch match;
        for (const auto& key : server.admin({"KEYS", "vedfolnir:session:*"}).items) {
            if (!std::regex_match(key.text, match, form)) continue;
            keys.push_back(StoreKey::parse(match[1].str() + match[2].str()).value());
        }
        return keys;
    }
    [[nodiscard]] static std::string name(const StoreKey& key) {
        const std::string text = key.text();
        return "vedfolnir:session:{" + text.substr(0, 2) + "}" + text.substr(2);
    }
    [[nodiscard]] std::string in_redis(const StoreKey& key) const {
        return server.admin({"GET", name(key)}).text;
    }
    [[nodiscard]] std::string in_sql(const StoreKey& key) {
        const auto found = run(sql::make_fallback(database, audit_sealer())->load(key, until()));
        EXPECT_TRUE(found) << found.error().detail;
        return found && found->knows == Knows::found ? found->bytes : std::string();
    }
    /// What is due, as soon as anything is: the clock of a process is a little behind the server's.
    [[nodiscard]] std::vector<async::Dirty> due_in(redis::RedisUpkeep& upkeep) {
        std::vector<async::Dirty> due;
        static_cast<void>(
            eventually([&] { return !(due = run(upkeep.dirty(10, until())).value()).empty(); }));
        return due;
    }
    [[nodiscard]] bool copied(const StoreKey& key) {
        return eventually([&] { return in_sql(key) == in_redis(key); });
    }

    runtime::Runtime loop;
    std::shared_ptr<sql::Database> database =
        sql::make_database(options().sql, options().state_dir, {}).value();
};

// ids: S35 S36 S66
TEST_F(Snapshots, every_change_is_copied_soon_as_it_stands_and_then_off_the_list) {
    const SessionManager manager = open(copying());
    const std::string cookie = sign_in(manager, "7");
    const auto keys = records();
    ASSERT_EQ(keys.size(), 1U);
    ASSERT_TRUE(copied(keys.front()));
    for (std::int64_t value = 1; value <= 3; ++value) {
        write(manager, cookie, "n", value);
        EXPECT_TRUE(copied(keys.front())) << value;
    }
    EXPECT_TRUE(eventually([&] { return kinds_of_keys().count("dirty") == 0; }));
    // The login had its copy at once; the job may find its first change under the same entry.
    EXPECT_TRUE(eventually([&] { return manager.counters().snapshots_written >= 3; }));
    EXPECT_EQ(manager.counters().snapshots_failures, 0U);
}

// ids: S35 S36
TEST_F(Snapshots, hot_path_sends_no_statement_beside_them) {
    const SessionManager manager = open(copying());
    const std::string cookie = sign_in(manager, "7");
    ASSERT_TRUE(copied(records().front()));
    const auto before = manager.counters();
    for (std::int64_t value = 1; value <= 20; ++value) {
        write(manager, cookie, "n", value);
        EXPECT_EQ(read(manager, cookie, "n"), value);
    }
    ASSERT_TRUE(copied(records().front()));
    EXPECT_EQ(manager.counters().sql_statements, before.sql_statements);
    EXPECT_GT(manager.counters().snapshots_written, before.snapshots_written);
}

// ids: S35 S36 S66 C28
TEST_F(Snapshots, sessions_from_before_go_on_while_redis_is_dead_and_after_it_came_back_empty) {
    const SessionManager manager = open(copying());
    const std::string cookie = sign_in(manager, "7");
    const std::string other = sign_in(manager, "8");
    write(manager, cookie, "n", 41);
    for (const StoreKey& key : records()) ASSERT_TRUE(copied(key));

    server.kill();
    EXPECT_EQ(read(manager, cookie, "n"), 41);
    write(manager, cookie, "n", 42);
    EXPECT_EQ(read(manager, cookie, "n"), 42);
    server.start();

    ASSERT_TRUE(eventually(
        [&] {
            const auto status = manager.fallback_status();
            return status && !status->reads && !status->writes && status->state.ahead == 0;
        },
        30s));
    EXPECT_EQ(read(manager, cookie, "n"), 42);
    EXPECT_EQ(read(manager, other, "n"), -1);
    EXPECT_EQ(records().size(), 2U) << "a session that was asked for is back in Redis";
}

// ids: S35 S36 I2 F05
TEST_F(Snapshots, login_has_its_copy_before_it_is_answered) {
    ManagerOptions nobody_copies = options();
    nobody_copies.near_cache.reset();
    const SessionManager manager = open(nobody_copies);
    const std::string cookie = sign_in(manager, "7");
    server.admin({"FLUSHALL"});
    EXPECT_EQ(read(manager, cookie, "n"), -1) << "the session lives";
    EXPECT_EQ(records().size(), 1U) << "and is back in Redis";

    ManagerOptions without = options();
    without.near_cache.reset();
    without.jobs.snapshots.reset();
    const SessionManager alone = open(without);
    const std::string other = sign_in(alone, "8");
    server.admin({"FLUSHALL"});
    EXPECT_EQ(read(alone, other, "n"), -2) << "without copies there is none of a login either";
}

// ids: S35 S36 N4
TEST_F(Snapshots, what_ended_does_not_come_back_from_its_copy) {
    const SessionManager manager = open(copying());
    const std::string cookie = sign_in(manager, "7");
    ASSERT_TRUE(copied(records().front()));
    ASSERT_EQ(manager.end_user("7", {}, EndReason::ended_by_operator, "operator:test").value(),
              Ending::ended);
    server.admin({"FLUSHALL"});
    EXPECT_EQ(read(manager, cookie, "n"), -2);
    EXPECT_TRUE(records().empty());
}

// ids: S35
TEST_F(Snapshots, visitors_have_no_copy) {
    const SessionManager manager = open(copying());
    auto session = manager.load({});
    ASSERT_TRUE(session && session->set("n", 1));
    ASSERT_TRUE(manager.commit(*session, {}));
    const std::string cookie = sign_in(manager, "7");
    std::size_t found = 0;
    ASSERT_EQ(records().size(), 2U);
    ASSERT_TRUE(eventually([&] {
        found = 0;
        for (const StoreKey& key : records()) found += in_sql(key).empty() ? 0U : 1U;
        return found > 0 && kinds_of_keys().count("dirty") == 0;
    }));
    EXPECT_EQ(found, 1U);
}

// ids: S35
TEST_F(Snapshots, policy_of_keys_says_what_a_copy_keeps) {
    ManagerOptions options = copying();
    options.jobs.snapshots->keys = {"cart"};
    const SessionManager manager = open(options);
    const std::string cookie = sign_in(manager, "7");
    write(manager, cookie, "cart", 3);
    write(manager, cookie, "draft", 4);
    ASSERT_TRUE(eventually([&] { return kinds_of_keys().count("dirty") == 0; }));
    server.admin({"FLUSHALL"});
    EXPECT_EQ(read(manager, cookie, "cart"), 3);
    EXPECT_EQ(read(manager, cookie, "draft"), -1);
    const auto session = manager.load(request(cookie));
    ASSERT_TRUE(session);
    EXPECT_TRUE(session->get("_user_id").value().has_value());
}

// ids: S35 S26
TEST_F(Snapshots, touch_renews_the_copy_later_and_keeps_the_place_of_a_change) {
    const SessionManager manager = open(options());
    static_cast<void>(sign_in(manager, "7"));
    const StoreKey key = records().front();
    const std::string dirty = "vedfolnir:session:{" + key.text().substr(0, 2) + "}:dirty";
    const auto store = redis::make_store(loop.executor(), options().redis, nullptr);
    redis::RedisUpkeep upkeep(loop.executor(), options().redis);
    const auto touch = [&] { return run(store->touch(key, 400'000ms, until())).value(); };

    const auto first = due_in(upkeep);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(touch(), async::TouchStatus::touched);
    const auto second = due_in(upkeep);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second.front().due, first.front().due);

    ASSERT_TRUE(run(upkeep.raise_fence(1, until())));
    EXPECT_EQ(run(upkeep.drained(1, first, until())).value(), 1U);
    EXPECT_EQ(touch(), async::TouchStatus::touched);
    EXPECT_TRUE(run(upkeep.dirty(10, until())).value().empty());
    const auto now = run(upkeep.now(until())).value();
    const double score =
        std::stod(server.admin({"ZRANGE", dirty, "0", "-1", "WITHSCORES"}).items.at(1).text);
    EXPECT_NEAR(score, static_cast<double>(now.time_since_epoch().count() + 100'000), 10'000);
}

// ids: S35
TEST_F(Snapshots, what_changed_while_it_was_copied_stays_on_the_list) {
    const SessionManager manager = open(options());
    const std::string cookie = sign_in(manager, "7");
    redis::RedisUpkeep upkeep(loop.executor(), options().redis);
    const auto seen = due_in(upkeep);
    ASSERT_EQ(seen.size(), 1U);
    std::int64_t value = 0;
    // In another millisecond.
    ASSERT_TRUE(eventually([&] {
        write(manager, cookie, "n", ++value);
        const auto now = due_in(upkeep);
        return !now.empty() && now.front().due != seen.front().due;
    }));
    EXPECT_EQ(run(upkeep.drained(1, seen, until())).value(), 0U);
    EXPECT_EQ(due_in(upkeep).size(), 1U);
}

}  // namespace
}  // namespace vedfolnir::test
