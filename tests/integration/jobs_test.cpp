// Background jobs on a real Redis and a real SQLite file: what is removed, by whom, and who can no longer act.
#include "jobs_fixture.hpp"
#include "redis/upkeep.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/database.hpp"
#include "sql/upkeep.hpp"
#include "support/audit_sealer.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace vedfolnir::test {
namespace {

// ids: S26 S65 S25
TEST_F(Jobs, thousand_sessions_that_idled_out_are_removed_everywhere_and_counted) {
    constexpr int count = 1000;
    ManagerOptions brief = options();
    brief.lifetimes.idle = 1s;
    brief.lifetimes.touch_interval = 1s;
    const SessionManager application = open(brief);
    for (int i = 0; i < count; ++i)
        static_cast<void>(sign_in(application, std::to_string(i % 100)));
    ASSERT_TRUE(eventually([&] { return kinds_of_keys().count("expiry") > 0; }));

    ManagerOptions daemon = working();
    daemon.lifetimes = brief.lifetimes;
    const SessionManager manager = open(daemon);
    ASSERT_TRUE(manager.start_jobs());
    EXPECT_TRUE(eventually([&] { return manager.counters().cleanup_removed == count; }, 30s))
        << manager.counters().cleanup_removed;

    const auto kinds = kinds_of_keys();
    EXPECT_EQ(kinds.count("expiry"), 0U);
    EXPECT_EQ(kinds.count("dirty"), 0U);
    EXPECT_EQ(kinds.count("user"), 0U);
    EXPECT_TRUE(manager.list({}).value().empty());
    ListQuery all;
    all.include_ended = true;
    all.limit = 1000;
    const auto rows = manager.list(all).value();
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::ranges::all_of(
        rows, [](const SessionInfo& row) { return row.ended && row.end_reason == "expired"; }));
    AuditFilter ended;
    ended.type = "session.ended";
    ended.limit = 1000;
    EXPECT_EQ(manager.audit(ended).value().size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(eventually([&] { return job(manager, "cleanup").removed == count; }));
    EXPECT_EQ(manager.counters().cleanup_closed, static_cast<std::uint64_t>(count));
}

// ids: S26 S25
TEST_F(Jobs, sweep_leaves_a_session_that_was_used_since) {
    const SessionManager manager = open(options());
    const std::string cookie = sign_in(manager, "7");
    // As if it had been due long ago by its first time to live, and touched since.
    for (const auto& key : server.admin({"KEYS", "vedfolnir:session:*expiry"}).items) {
        const auto members = server.admin({"ZRANGE", key.text, "0", "-1"}).items;
        ASSERT_EQ(members.size(), 1U);
        server.admin({"ZADD", key.text, "1", members.front().text});
    }
    const SessionManager daemon = open(working());
    ASSERT_TRUE(daemon.start_jobs());
    ASSERT_TRUE(eventually([&] { return job(daemon, "cleanup").runs > 0; }));
    EXPECT_EQ(daemon.counters().cleanup_removed, 0U);
    RequestContext request;
    request.cookie_header = "__Host-session=" + cookie;
    EXPECT_TRUE(manager.load(request).value().found());
    EXPECT_EQ(manager.list({}).value().size(), 1U);
}

// ids: S10 S25
TEST_F(Jobs, configured_interval_is_the_time_between_runs) {
    const SessionManager manager = open(working());
    ASSERT_TRUE(manager.start_jobs());
    std::set<TimePoint> runs;
    ASSERT_TRUE(eventually([&] {
        const JobStatus cleanup = job(manager, "cleanup");
        if (cleanup.runs > 0) runs.insert(cleanup.started);
        return runs.size() >= 3;
    }));
    const std::vector<TimePoint> times(runs.begin(), runs.end());
    EXPECT_GE(times[1] - times[0], 1000ms);
    EXPECT_GE(times[2] - times[1], 1000ms);
    EXPECT_GE(job(manager, "cleanup").next_due - job(manager, "cleanup").finished, 1000ms);
}

class Fences : public Jobs {
protected:
    template <class T>
    Result<T> run(async::Task<T> task) {
        return runtime::run_sync(loop, std::move(task), until());
    }
    static Deadline until() { return deadline_in(10s); }
    async::LeaseReply take(const std::string& holder, Millis ttl, async::Fence floor = 0) {
        return run(redis->take(holder, ttl, floor, until())).value();
    }

    runtime::Runtime loop;
    std::shared_ptr<redis::RedisUpkeep> redis =
        std::make_shared<redis::RedisUpkeep>(loop.executor(), options().redis);
    std::shared_ptr<sql::Database> database =
        sql::make_database(options().sql, options().state_dir, {}).value();
    sql::SqlUpkeep sql{database, audit_sealer()};

    ~Fences() override {
        loop.stop();
        database->close();
    }
};

// ids: S25 F19
TEST_F(Fences, paused_leader_that_wakes_up_can_do_nothing_any_more) {
    const auto old = take("old", 100ms);
    ASSERT_TRUE(old.held);
    ASSERT_TRUE(run(redis->raise_fence(old.fence, until())));
    const async::Ticket stale{"cleanup", old.fence};
    ASSERT_TRUE(run(sql.close_expired(stale, TimePoint{}, 1, until())));

    async::LeaseReply now;
    ASSERT_TRUE(eventually([&] { return (now = take("new", 60'000ms)).held; }));
    EXPECT_GT(now.fence, old.fence);
    ASSERT_TRUE(run(redis->raise_fence(now.fence, until())));
    ASSERT_TRUE(run(sql.close_expired({"cleanup", now.fence}, TimePoint{}, 1, until())));

    const auto denied = [](const auto& result) {
        return !result && result.error().code == Errc::denied;
    };
    EXPECT_FALSE(take("old", 60'000ms).held);
    for (const int shard : {0, 1, 0x2a, 255}) {
        const auto each = static_cast<std::uint8_t>(shard);
        EXPECT_TRUE(denied(run(redis->due({each}, old.fence, 10, until())))) << shard;
        EXPECT_TRUE(denied(run(redis->forget(old.fence, {{{each, {}}, {}, {}}}, until()))))
            << shard;
        EXPECT_TRUE(denied(run(redis->drained(old.fence, {{{each, {}}, {}}}, until())))) << shard;
    }
    EXPECT_EQ(redis->refused_for(), now.fence);
    EXPECT_TRUE(denied(run(sql.close_expired(stale, TimePoint{}, 1, until()))));
    EXPECT_TRUE(denied(run(sql.close_gone(stale, {}, TimePoint{}, until()))));
    EXPECT_TRUE(denied(run(sql.purge(stale, async::Retained::audit, TimePoint{}, 1, until()))));
    JobStatus row;
    row.job = "cleanup";
    row.fence = old.fence;
    EXPECT_TRUE(denied(run(sql.note_run(row, until()))));
}

// ids: S25
TEST_F(Fences, lease_is_kept_by_renewal_and_free_once_it_is_given_up) {
    const auto first = take("first", 60'000ms);
    EXPECT_EQ(take("first", 60'000ms).fence, first.fence);
    const auto other = take("other", 60'000ms);
    EXPECT_FALSE(other.held);
    EXPECT_EQ(other.holder, "first");
    EXPECT_GT(other.left, 0ms);
    EXPECT_FALSE(run(redis->give_up("other", until())).value());
    EXPECT_TRUE(run(redis->give_up("first", until())).value());
    EXPECT_EQ(run(redis->look(until())).value().holder, "");
    const auto after = take("other", 60'000ms);
    EXPECT_TRUE(after.held);
    EXPECT_GT(after.fence, first.fence);
}

// ids: S25
TEST_F(Fences, fence_grows_over_a_redis_that_was_emptied) {
    const auto before = take("first", 60'000ms);
    // The next millisecond is soon enough.
    ASSERT_TRUE(eventually([&] {
        server.admin({"FLUSHALL"});
        return take("second", 60'000ms).fence > before.fence;
    }));
    EXPECT_GT(take("second", 60'000ms, before.fence + 1'000'000).fence, before.fence + 999'999);
}

// ids: S25
TEST_F(Fences, without_redis_the_lease_is_a_row) {
    const auto take = [&](const std::string& holder, Millis ttl) {
        return run(sql.take(holder, ttl, 0, until())).value();
    };
    const auto first = take("first", 60'000ms);
    EXPECT_TRUE(first.held);
    EXPECT_FALSE(take("second", 60'000ms).held);
    EXPECT_EQ(take("first", 60'000ms).fence, first.fence);
    EXPECT_TRUE(run(sql.give_up("first", until())).value());
    const auto second = take("second", 60'000ms);
    EXPECT_TRUE(second.held);
    EXPECT_GT(second.fence, first.fence);
}

}  // namespace
}  // namespace vedfolnir::test
