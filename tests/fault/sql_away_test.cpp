// SQL is away while Redis is well: locked, gone, or killed in the middle of a replay (F17, F18, S16).
#include "fault/installation.hpp"
#include "journal/file.hpp"
#include "support/child.hpp"
#include "support/sql_server.hpp"

#include <atomic>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sqlite3.h>
#include <string>
#include <thread>
#include <vector>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;

/// Another process's transaction that does not end.
class WriteLock {
public:
    explicit WriteLock(const std::string& file) {
        EXPECT_EQ(sqlite3_open(file.c_str(), &db_), SQLITE_OK);
        sqlite3_busy_timeout(db_, 10'000);
        EXPECT_EQ(sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    }
    ~WriteLock() { sqlite3_close(db_); }
    WriteLock(const WriteLock&) = delete;
    WriteLock& operator=(const WriteLock&) = delete;

private:
    sqlite3* db_ = nullptr;
};

/// What an operator, or time, does to the database.
void change(const std::string& file, const std::string& statements) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10'000);
    EXPECT_EQ(sqlite3_exec(db, statements.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
}

class SqlAway : public Installation {
protected:
    SqlAway() { point_to(server); }

    [[nodiscard]] ManagerOptions impatient() const {
        ManagerOptions impatient = options();
        impatient.sql.statement_timeout = Millis{200};
        return impatient;
    }
    [[nodiscard]] std::string database() const { return folder.file("state/sessions.db"); }
    [[nodiscard]] std::uint64_t waiting() const {
        return journal::look(folder.file("state/journal"))->entries;
    }

    RedisServer server;
};

// ids: S16 F17 R3 R9 I2 I4
TEST_F(SqlAway, hundred_logins_stand_once_and_in_order_whoever_is_killed_in_the_replay) {
    const auto seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<std::string> wanted{"first"};
    {
        // Forked before this process has threads.
        Child app([&](Wire& wire) {
            const SessionManager manager = open(impatient());
            if (sign_in(manager, "first").empty()) return 1;
            wire.say("ready");
            if (!wire.hear()) return 2;
            for (int user = 0; user < 100; ++user) {
                const std::string cookie = sign_in(manager, std::to_string(user));
                if (look(manager, cookie) != Seen::valid) return 3;
            }
            wire.say("done");
            return wire.hear() ? 0 : 4;
        });
        ASSERT_EQ(app.wire().hear().value_or(""), "ready");
        const WriteLock lock(database());
        app.wire().say("go");
        ASSERT_EQ(app.wire().hear().value_or(""), "done");
        EXPECT_GE(waiting(), 200U);
        app.kill_and_wait();
    }
    for (int user = 0; user < 100; ++user) wanted.push_back(std::to_string(user));

    // SQL is back: process after process begins the replay and is killed.
    for (int round = 0; round < 8 && waiting() > 0; ++round) {
        Child replaying([&](Wire& wire) {
            ManagerOptions quick = options();
            quick.endings.poll_interval = Millis{1};
            const SessionManager manager = open(quick);
            static_cast<void>(look(manager, {}));
            wire.say("here");
            return wire.hear() ? 0 : 1;
        });
        ASSERT_TRUE(replaying.wire().hear());
        std::uniform_int_distribution<int> moments(0, 10);
        for (int i = moments(random); i > 0; --i) pause();
        replaying.kill_and_wait();
    }
    const SessionManager manager = process();
    static_cast<void>(look(manager, {}));
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    EXPECT_EQ(users_of(manager, "session.created"), wanted) << "seed " << seed;
    EXPECT_EQ(users_of(manager, "sql.unavailable").size(), 1U);
    EXPECT_EQ(users_of(manager, "journal.replayed").size(), 1U);
    EXPECT_EQ(manager.list({.limit = 1000})->size(), 101U);
}

// ids: F17 R3 I1 I4 C08
TEST_F(SqlAway, logout_while_sql_is_locked_is_pending_and_lasts) {
    const SessionManager manager = open(impatient());
    const SessionManager neighbour = open(impatient());
    const std::string cookie = sign_in(manager, "7");
    EXPECT_EQ(look(neighbour, cookie), Seen::valid);
    const std::string key = record_keys(server).at(0);
    server.admin({"COPY", key, "kept"});
    {
        const WriteLock lock(database());
        EXPECT_EQ(log_out(manager, cookie).value(), Ending::pending);
        EXPECT_EQ(look(manager, cookie), Seen::none);
        EXPECT_EQ(look(neighbour, cookie), Seen::none);
        // Redis has it again: everybody on this host knows better.
        server.admin({"COPY", "kept", key, "REPLACE"});
        EXPECT_EQ(look(manager, cookie), Seen::none);
        EXPECT_TRUE(eventually([&] { return look(neighbour, cookie) == Seen::none; }));
        const SessionManager restarted = open(impatient());
        EXPECT_EQ(look(restarted, cookie), Seen::none);
    }
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    EXPECT_EQ(users_of(manager, "session.ended"), std::vector<std::string>{"7"});
    EXPECT_TRUE(eventually([&] { return live_records(server) == 0; }));
}

// ids: F17 R3 C28
TEST_F(SqlAway, database_that_is_gone_and_returns_is_caught_up) {
    ManagerOptions options = impatient();
    options.sql.url = "sqlite:///" + folder.file("audit/audit.db");
    fs::create_directory(folder.file("audit"));
    const SessionManager manager = open(options);
    const std::string before = sign_in(manager, "1");
    fs::rename(folder.file("audit"), folder.file("away"));

    const std::string cookie = sign_in(manager, "2");
    EXPECT_EQ(look(manager, before), Seen::valid);
    EXPECT_EQ(look(manager, cookie), Seen::valid);
    EXPECT_EQ(log_out(manager, before).value(), Ending::pending);
    fs::rename(folder.file("away"), folder.file("audit"));
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    EXPECT_EQ(users_of(manager, "session.created"), (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(users_of(manager, "session.ended"), std::vector<std::string>{"1"});
    EXPECT_EQ(look(manager, cookie), Seen::valid);
}

// Whoever does not wait for the replay appends to what is replayed: at this pace there is no moment without.
// ids: F17 R9 I6
TEST_F(SqlAway, journal_ends_although_everybody_goes_on_signing_in) {
    const SessionManager one = open(impatient());
    const SessionManager other = open(impatient());
    ASSERT_FALSE(sign_in(one, "first").empty());
    ASSERT_FALSE(sign_in(other, "second").empty());
    std::atomic<bool> over{false};
    std::vector<std::jthread> visitors;
    for (const SessionManager* manager : {&one, &other}) {
        for (int number = 0; number < 4; ++number) {
            visitors.emplace_back([&over, manager, number] {
                while (!over) static_cast<void>(sign_in(*manager, std::to_string(number)));
            });
        }
    }
    {
        const WriteLock lock(database());
        EXPECT_TRUE(eventually([&] { return waiting() >= 200; }, std::chrono::seconds(30)));
    }

    const auto replayed = [&] { return !fs::exists(folder.file("state/journal/waiting.journal")); };
    EXPECT_TRUE(eventually(replayed, std::chrono::seconds(20))) << waiting() << " entries wait";

    over = true;
}

// ids: F18 R3 I1 I4
TEST_F(SqlAway, both_away_in_the_middle_of_a_logout_converges_whoever_returns_first) {
    for (const bool sql_first : {true, false}) {
        const SessionManager manager = open(impatient());
        const std::string user = sql_first ? "sql first" : "redis first";
        const std::string cookie = sign_in(manager, user);
        auto session = manager.load(request(cookie));
        ASSERT_TRUE(session && session->found());
        session->clear();
        // A server that answers nothing keeps what it has.
        server.freeze();
        std::optional<WriteLock> lock;
        lock.emplace(database());
        const auto result = manager.commit(*session, request(cookie));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_EQ(result->ending, Ending::pending);
        if (sql_first) lock.reset();
        server.thaw();
        EXPECT_TRUE(eventually([&] { return look(manager, cookie) == Seen::none; }));
        lock.reset();
        EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
        EXPECT_TRUE(
            eventually([&] { return live_records(server) == 0; }, std::chrono::seconds(30)));
        const auto ended = users_of(manager, "session.ended");
        EXPECT_EQ(std::count(ended.begin(), ended.end(), user), 1);
    }
}

// ids: F17 R5 C28
TEST_F(SqlAway, new_process_reads_from_its_first_request_on_while_sql_hangs) {
    SqlServer sql(SqlEngine::postgresql);
    ManagerOptions usual = options();
    usual.sql.url = sql.url(sql.fresh_database());
    // As they are by default: what is spent on SQL is missing for Redis.
    usual.redis.request_timeout = ManagerOptions{}.redis.request_timeout;
    usual.request_budget = ManagerOptions{}.request_budget;
    usual.endings.poll_interval = ManagerOptions{}.endings.poll_interval;
    const SessionManager first = open(usual);
    const std::string cookie = sign_in(first, "7");
    EXPECT_EQ(look(first, cookie), Seen::valid);

    sql.freeze();
    const SessionManager fresh = open(usual);
    // Longer than the pause between two comparisons.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(8);
    while (std::chrono::steady_clock::now() < until) {
        const auto session = fresh.load(request(cookie));
        ASSERT_TRUE(session.has_value()) << session.error().detail;
        ASSERT_TRUE(session->found());
    }
    sql.thaw();
}

// ids: F17 F05 R12 S37
TEST_F(SqlAway, emptied_redis_and_an_sql_that_is_gone_log_nobody_out) {
    ManagerOptions options = impatient();
    options.sql.url = "sqlite:///" + folder.file("audit/audit.db");
    fs::create_directory(folder.file("audit"));
    const SessionManager manager = open(options);
    const std::string cookie = sign_in(manager, "1");
    auto before = manager.load(request(cookie));
    ASSERT_TRUE(before && before->found());
    EXPECT_TRUE(before->set("n", 1));

    fs::rename(folder.file("audit"), folder.file("away"));
    server.kill();
    server.start();
    EXPECT_FALSE(manager.commit(*before, request(cookie)));
    // Longer than it takes to notice that SQL is away.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    const SessionManager fresh = open(options);
    while (std::chrono::steady_clock::now() < until) {
        ASSERT_EQ(look(manager, cookie), Seen::unknown);
        ASSERT_EQ(look(fresh, cookie), Seen::unknown);
    }

    fs::rename(folder.file("away"), folder.file("audit"));
    EXPECT_EQ(look_patiently(manager, cookie), Seen::valid);
    EXPECT_EQ(look_patiently(fresh, cookie), Seen::valid);
}

// ids: F05 R12 R8 S37
TEST_F(SqlAway, emptied_redis_and_an_sql_that_is_late_log_nobody_out) {
    SqlServer sql(SqlEngine::postgresql);
    ManagerOptions usual = options();
    usual.sql.url = sql.url(sql.fresh_database());
    // Less than it takes to notice an outage.
    usual.redis.request_timeout = Millis{300};
    usual.jobs.run = false;  // nobody puts back what is not asked for
    const SessionManager manager = open(usual);
    const std::string cookie = sign_in(manager, "1");
    const std::string other = sign_in(manager, "2");
    server.kill();
    server.start();
    EXPECT_EQ(look_patiently(manager, other), Seen::valid) << "Redis was compared with SQL";

    sql.freeze();
    EXPECT_EQ(look(manager, cookie), Seen::unknown);
    sql.thaw();
    EXPECT_EQ(look_patiently(manager, cookie), Seen::valid);
}

// ids: F17 F18 R3 I1
TEST_F(SqlAway, pending_logout_that_redis_took_late_is_not_undone_by_the_copy_in_sql) {
    ManagerOptions options = impatient();
    options.sql.url = "sqlite:///" + database();
    const SessionManager manager = open(options);
    const std::string cookie = sign_in(manager, "7");
    auto session = manager.load(request(cookie));
    ASSERT_TRUE(session && session->found());
    session->clear();
    // Another host reads the same database, but not this host's journal.
    options.state_dir = folder.file("another host");
    const SessionManager elsewhere = open(options);
    EXPECT_EQ(look(elsewhere, cookie), Seen::valid);

    const WriteLock lock(database());
    // Refused, where a frozen server would do it later all the same.
    server.admin({"CONFIG", "SET", "min-replicas-to-write", "1"});
    const auto result = manager.commit(*session, request(cookie));
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result->ending, Ending::pending);
    server.admin({"CONFIG", "SET", "min-replicas-to-write", "0"});
    EXPECT_TRUE(eventually([&] { return live_records(server) == 0; }, std::chrono::seconds(30)));
    // Its near cache hears of that a moment later.
    EXPECT_TRUE(eventually([&] { return look(elsewhere, cookie) == Seen::none; }));
    EXPECT_EQ(look(elsewhere, cookie), Seen::none);
}

// ids: F17 R3 R9 I6
TEST_F(SqlAway, journal_ends_on_an_sql_that_has_become_slow) {
    SqlServer sql(SqlEngine::postgresql);
    const std::string name = sql.fresh_database();
    ManagerOptions usual = options();
    usual.sql.url = sql.url(name);
    ASSERT_FALSE(sign_in(open(usual), "first").empty());
    ManagerOptions hasty = usual;
    hasty.sql.statement_timeout = Millis{500};
    const SessionManager manager = open(hasty);
    const auto shell = sql.shell(name);
    shell->run("BEGIN");
    shell->run("LOCK TABLE shards IN ACCESS EXCLUSIVE MODE");
    for (int user = 0; user < 60; ++user)
        ASSERT_FALSE(sign_in(manager, std::to_string(user)).empty());
    EXPECT_GE(waiting(), 120U);

    // Sixty rows take longer than a transaction may.
    shell->run("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
               "'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END'");
    shell->run(
        "CREATE TRIGGER slow BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION slow()");
    shell->run("COMMIT");
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    EXPECT_EQ(users_of(manager, "session.created").size(), 61U);
}

// ids: F17 S36 I6
TEST_F(SqlAway, return_of_redis_ends_on_an_sql_that_has_become_slow) {
    SqlServer sql(SqlEngine::postgresql);
    const std::string name = sql.fresh_database();
    ManagerOptions usual = options();
    usual.sql.url = sql.url(name);
    const SessionManager manager = open(usual);
    ASSERT_TRUE(manager.set_fallback(FallbackMode::on, "operator:test"));
    for (int user = 0; user < 60; ++user)
        ASSERT_FALSE(sign_in(manager, std::to_string(user)).empty());
    EXPECT_EQ(manager.fallback_status()->state.ahead, 60U);

    // To tell of sixty takes longer than a step may.
    const auto shell = sql.shell(name);
    shell->run("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
               "'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'");
    shell->run("CREATE TRIGGER slow BEFORE UPDATE ON records FOR EACH ROW EXECUTE FUNCTION slow()");
    ASSERT_TRUE(manager.set_fallback(FallbackMode::automatic, "operator:test"));
    EXPECT_TRUE(eventually([&] { return manager.fallback_status()->state.ahead == 0; },
                           std::chrono::seconds(30)));
    EXPECT_EQ(live_records(server), 60U);
}

// ids: R5 C09 I6
TEST_F(SqlAway, epochs_that_were_read_once_are_not_waited_for_when_redis_restarts) {
    RedisServer kept({.settings = {"appendonly yes", "appendfsync always"}});
    point_to(kept);
    SqlServer sql(SqlEngine::postgresql);
    const std::string name = sql.fresh_database();
    ManagerOptions usual = options();
    usual.sql.url = sql.url(name);
    const SessionManager manager = open(usual);
    const std::string cookie = sign_in(manager, "7");
    EXPECT_EQ(look(manager, cookie), Seen::valid);
    // To read them all takes six seconds, as if there were many.
    const auto shell = sql.shell(name);
    shell->run("INSERT INTO user_epochs SELECT lpad(to_hex(user_number), 32, '0'), 1, "
               "CAST(extract(epoch FROM now()) * 1000 AS bigint) "
               "FROM generate_series(1, 30) AS user_number");
    shell->run("ALTER TABLE user_epochs RENAME TO epochs");
    shell->run(
        "CREATE VIEW user_epochs AS SELECT user_tag, epoch, "
        "CASE WHEN pg_sleep(0.2) IS NULL THEN 0 ELSE raised_ms END AS raised_ms FROM epochs");
    shell->run("GRANT SELECT ON user_epochs TO PUBLIC");

    kept.kill();
    kept.start();
    EXPECT_EQ(look_patiently(manager, cookie), Seen::valid);
}

// ids: F17 R9 I4
TEST_F(SqlAway, event_whose_commit_was_not_confirmed_is_in_the_audit_once) {
    SqlServer sql(SqlEngine::postgresql);
    ManagerOptions usual = options();
    usual.sql.url = sql.url(sql.fresh_database());
    const SessionManager manager = open(usual);
    ASSERT_FALSE(sign_in(manager, "1").empty());
    const auto shell = sql.shell();
    const auto standby = [&](const std::string& change) {
        shell->run("ALTER SYSTEM " + change);
        shell->run("SELECT pg_reload_conf()");
    };
    // Commits wait for a standby that there is not: written, and not confirmed.
    standby("SET synchronous_standby_names = 'nobody'");
    ASSERT_TRUE(eventually([&] {
        return sql.shell()->run("SHOW synchronous_standby_names").at(0).at(0) == "nobody";
    }));
    RequestContext twice;
    twice.cookie_header = "__Host-session=a; __Host-session=b";
    ASSERT_TRUE(manager.load(twice));
    EXPECT_TRUE(eventually([&] { return waiting() > 0; }, std::chrono::seconds(30)));

    standby("RESET synchronous_standby_names");
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    EXPECT_EQ(users_of(manager, "cookie.ambiguous").size(), 1U);
}

// ids: F24 R5 I1
TEST_F(SqlAway, ending_whose_maker_cannot_reach_redis_is_known_elsewhere_within_the_poll) {
    ManagerOptions alone = options();
    alone.fallback.reset();  // which would tell the others as well
    const SessionManager reading = open(alone);
    const std::string cookie = sign_in(reading, "7");
    const std::string handle = reading.load(request(cookie))->handle()->text();
    ManagerOptions cut_off = alone;
    cut_off.redis.unix_socket = folder.file("nobody.sock");
    const SessionManager ending = open(cut_off);
    EXPECT_EQ(ending.end(handle, EndReason::security, "operator:x").value(), Ending::pending);
    ASSERT_EQ(live_records(server), 1U);
    EXPECT_TRUE(eventually([&] { return look(reading, cookie) == Seen::none; }));
}

/// A user whose sessions were all ended, and of which only SQL's table of epochs tells: retention took the revocations.
class EndedLongAgo : public SqlAway {
protected:
    EndedLongAgo() {
        fs::create_directory(folder.file("sql"));
        const SessionManager manager = open(with_sql());
        for (int time = 0; time < 3; ++time) end_all(manager);
        change(folder.file("sql/sql.db"),
               "DELETE FROM revocations; UPDATE user_epochs SET raised_ms = 1");
    }
    [[nodiscard]] ManagerOptions with_sql() const {
        ManagerOptions options = impatient();
        options.sql.url = "sqlite:///" + folder.file("sql/sql.db");
        return options;
    }
    static void end_all(const SessionManager& manager) {
        EXPECT_TRUE(manager.end_user("7", {}, EndReason::security, "operator:x").has_value());
    }
    void empty_redis() {
        server.kill();
        server.start();
    }
    void sql_goes() const { fs::rename(folder.file("sql"), folder.file("gone")); }
    /// Until all that waited is in SQL and was told to Redis.
    void sql_returns() const {
        fs::rename(folder.file("gone"), folder.file("sql"));
        EXPECT_TRUE(eventually([&] { return waiting() == 0; }, std::chrono::seconds(30)));
    }
};

// ids: F05 F17 I2 S16
TEST_F(EndedLongAgo, login_without_sql_lasts_although_redis_was_emptied_before) {
    empty_redis();
    const SessionManager manager = open(with_sql());
    ASSERT_FALSE(sign_in(manager, "somebody else").empty());
    sql_goes();
    const std::string cookie = sign_in(manager, "7");
    EXPECT_EQ(look(manager, cookie), Seen::valid);
    sql_returns();
    EXPECT_EQ(look_patiently(manager, cookie), Seen::valid);
    EXPECT_EQ(look_patiently(open(with_sql()), cookie), Seen::valid);
    EXPECT_EQ(manager.list({.user_id = "7"})->size(), 1U);
}

// ids: F06 F17 I2 R5
TEST_F(EndedLongAgo, login_without_sql_lasts_although_redis_has_data_older_than_sql_keeps_endings) {
    const SessionManager manager = open(with_sql());
    ASSERT_FALSE(sign_in(manager, "7").empty());
    const std::string epoch = server.admin({"KEYS", "*:epoch:*"}).items.at(0).text;
    const std::string mark = epoch.substr(0, epoch.find('}') + 2) + "mark";
    ASSERT_EQ(server.admin({"HGET", mark, "epochs"}).text, "all");
    // As a backup from after the first ending.
    server.admin({"SET", epoch, "1"});
    server.admin({"HSET", mark, "seq", "1"});
    server.admin({"CLIENT", "KILL", "TYPE", "normal"});
    EXPECT_TRUE(eventually([&] { return server.admin({"GET", epoch}).text == "3"; }));
    EXPECT_TRUE(eventually([&] { return server.admin({"HGET", mark, "epochs"}).text == "all"; }));
    sql_goes();
    const std::string cookie = sign_in(manager, "7");
    sql_returns();
    EXPECT_EQ(look_patiently(manager, cookie), Seen::valid);
}

// Many of them, and more of one shard than go in one call: by two processes that do it at the same time.
// ids: F05 F17 I2 I6 R12
TEST_F(EndedLongAgo, all_users_are_told_to_an_emptied_redis_while_sessions_go_on) {
    change(folder.file("sql/sql.db"),
           "INSERT INTO user_epochs WITH RECURSIVE users (number) AS "
           "(SELECT 1 UNION ALL SELECT number + 1 FROM users WHERE number < 9000) "
           "SELECT printf('%02x%030x', iif(number > 2500, 42, number % 256), number), "
           "1 + number % 5, 1 FROM users");
    const SessionManager one = open(with_sql());
    const SessionManager two = open(with_sql());
    const std::string cookie = sign_in(one, "8");
    empty_redis();
    EXPECT_EQ(look_patiently(one, cookie), Seen::valid);
    EXPECT_EQ(look_patiently(two, cookie), Seen::valid);
    const auto told = [&] {
        const auto marks = server.admin({"KEYS", "*:mark"}).items;
        return marks.size() == 256 && std::ranges::all_of(marks, [&](const RespReply& mark) {
                   return server.admin({"HGET", mark.text, "epochs"}).text == "all";
               });
    };
    EXPECT_TRUE(eventually(told, std::chrono::seconds(30)));
    EXPECT_EQ(server.admin({"KEYS", "*:epoch:*"}).items.size(), 9001U);
}

// ids: F05 F17 F18 I2 C28
TEST_F(EndedLongAgo, login_that_could_not_last_is_refused) {
    const SessionManager manager = open(with_sql());
    ASSERT_FALSE(sign_in(manager, "somebody else").empty());
    sql_goes();
    empty_redis();
    const auto log_in = [&]() -> Result<std::string> {
        auto session = manager.load(request({}));
        if (!session) return session.error();
        EXPECT_TRUE(session->set("_user_id", "7"));
        return manager.create_named(*session, request({}));
    };
    const auto refused = log_in();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_EQ(live_records(server), 0U);
    sql_returns();
    EXPECT_TRUE(eventually([&] { return log_in().has_value(); }));
    EXPECT_EQ(manager.list({.user_id = "7"})->size(), 1U);
}

// ids: F17 I1 I2 C09
TEST_F(EndedLongAgo, ending_of_another_host_ends_the_logins_before_it_and_no_others) {
    empty_redis();
    const SessionManager here = open(with_sql());
    ManagerOptions far = with_sql();
    far.state_dir = folder.file("another host");
    const SessionManager there = open(far);
    ASSERT_FALSE(sign_in(here, "somebody else").empty());
    ASSERT_FALSE(sign_in(there, "somebody else").empty());
    sql_goes();
    const std::string before = sign_in(here, "7");
    end_all(there);
    const std::string after = sign_in(here, "7");
    EXPECT_EQ(look(here, after), Seen::valid);
    sql_returns();
    EXPECT_TRUE(eventually([&] { return journal::look(far.state_dir + "/journal")->entries == 0; },
                           std::chrono::seconds(30)));
    const SessionManager fresh = open(with_sql());
    for (const SessionManager* manager : {&here, &there, &fresh}) {
        EXPECT_TRUE(eventually([&] { return look(*manager, before) == Seen::none; }));
        EXPECT_EQ(look_patiently(*manager, after), Seen::valid);
    }
    EXPECT_EQ(here.list({.user_id = "7"})->size(), 1U);
}

// ids: F05 F17 F18 I1 C09
TEST_F(EndedLongAgo, ending_of_all_sessions_without_sql_ends_those_that_redis_does_not_know) {
    const SessionManager first = open(with_sql());
    const std::string cookie = sign_in(first, "7");
    EXPECT_EQ(look(first, cookie), Seen::valid);
    sql_goes();
    empty_redis();
    end_all(first);
    sql_returns();
    EXPECT_TRUE(eventually([&] { return look(first, cookie) == Seen::none; }));
    EXPECT_EQ(look_patiently(open(with_sql()), cookie), Seen::none);
    EXPECT_EQ(first.list({.user_id = "7"})->size(), 0U);
}

}  // namespace
}  // namespace vedfolnir::test
