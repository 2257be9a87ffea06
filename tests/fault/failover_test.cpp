// Redis forgets: a replica that lagged takes over, a torn append-only file, yesterday's dump (F01, F06).
#include "fault/failover.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sqlite3.h>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;

// ids: F01 R3 R5 I1 C08
TEST_F(Failover, logout_that_the_replica_never_heard_of_stays_a_logout) {
    ManagerOptions uncopied = options();
    uncopied.jobs.snapshots.reset();  // copies in SQL would bring late logins back
    const SessionManager ending = open(uncopied);
    const std::string cookie = sign_in(ending, "7");
    const std::string other = sign_in(ending, "8");
    ASSERT_TRUE(eventually([&] { return replicated(); }));
    link.cut();

    EXPECT_EQ(log_out(ending, cookie).value(), Ending::ended);
    std::vector<std::string> late;
    for (int user = 100; user < 150; ++user) late.push_back(sign_in(ending, std::to_string(user)));
    fail_over();
    ASSERT_EQ(record_keys(replica).size(), 2U)
        << "otherwise the link was not cut, and nothing was lost (O2)";

    const SessionManager fresh = open(uncopied);
    EXPECT_EQ(look_patiently(fresh, cookie), Seen::none);
    EXPECT_EQ(look_patiently(ending, cookie), Seen::none);
    EXPECT_EQ(look_patiently(fresh, other), Seen::valid) << "nobody else is logged out";
    for (const std::string& lost : late) EXPECT_EQ(look_patiently(fresh, lost), Seen::none);
    EXPECT_TRUE(eventually([&] { return record_keys(replica).size() == 1; }));
}

class FailoverWithoutSql : public Failover, public testing::WithParamInterface<bool> {};

// ids: F01 F18 R5 C28 I1
TEST_P(FailoverWithoutSql, nobody_can_say_and_nobody_gets_in) {
    ManagerOptions short_waits = options();
    if (!GetParam()) short_waits.jobs.snapshots.reset();
    short_waits.sql.statement_timeout = Millis{300};
    short_waits.sql.url = "sqlite:///" + folder.file("audit.db");
    std::optional<SessionManager> manager = open(short_waits);
    const std::string cookie = sign_in(*manager, "7");
    const std::string other = sign_in(*manager, "8");
    ASSERT_TRUE(eventually([&] { return replicated(); }));
    link.cut();
    EXPECT_EQ(log_out(*manager, cookie).value(), Ending::ended);
    manager.reset();
    // SQL goes: its file is no database any more. Then Redis does.
    fs::rename(folder.file("audit.db"), folder.file("kept.db"));
    for (const char* name : {"audit.db-wal", "audit.db-shm"}) {
        std::error_code ignored;
        fs::remove(folder.file(name), ignored);
    }
    fs::create_directory(folder.file("audit.db"));
    fail_over();

    manager = open(short_waits);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(look(*manager, cookie), Seen::unknown);
        EXPECT_EQ(look(*manager, other), Seen::unknown);
    }
    fs::remove(folder.file("audit.db"));
    fs::rename(folder.file("kept.db"), folder.file("audit.db"));
    EXPECT_EQ(look_patiently(*manager, cookie), Seen::none);
    EXPECT_EQ(look_patiently(*manager, other), Seen::valid);
}

// Without copies in SQL only what Redis forgot of endings is in doubt.
INSTANTIATE_TEST_SUITE_P(Copies, FailoverWithoutSql, testing::Values(true, false),
                         [](const auto& with) { return with.param ? "kept" : "none"; });

class Restore : public Installation {
protected:
    void serve(std::vector<std::string> settings) {
        server.emplace(RedisServerOptions{.settings = std::move(settings)});
        point_to(*server);
    }
    [[nodiscard]] fs::path aof() const {
        for (const auto& entry : fs::directory_iterator(server->folder() / "appendonlydir")) {
            if (entry.path().string().ends_with(".incr.aof")) return entry.path();
        }
        return {};
    }
    std::optional<RedisServer> server;
};

// ids: F06 R5 I1
TEST_F(Restore, append_only_file_cut_at_a_random_byte_revives_no_logout) {
    serve({"appendonly yes", "appendfsync always"});
    const auto seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 5; ++round) {
        const SessionManager ending = process();
        const std::string cookie = sign_in(ending, "7");
        ASSERT_EQ(look(ending, cookie), Seen::valid);
        const auto before = fs::file_size(aof());
        ASSERT_EQ(log_out(ending, cookie).value(), Ending::ended);
        const auto after = fs::file_size(aof());
        server->kill();
        std::uniform_int_distribution<std::uintmax_t> cut(before, after - 1);
        fs::resize_file(aof(), cut(random));
        server->start();
        const SessionManager fresh = process();
        EXPECT_EQ(look_patiently(fresh, cookie), Seen::none) << "seed " << seed;
        EXPECT_EQ(look_patiently(ending, cookie), Seen::none) << "seed " << seed;
    }
}

// ids: F06 R5 I1
TEST_F(Restore, dump_from_before_a_logout_revives_nobody) {
    serve({"appendonly no"});
    const SessionManager ending = process();
    const std::string cookie = sign_in(ending, "7");
    const std::string all_of_user = sign_in(ending, "8");
    const std::string stays = sign_in(ending, "9");
    server->admin({"SAVE"});
    const fs::path dump = server->folder() / "dump.rdb";
    fs::copy_file(dump, server->folder() / "yesterday.rdb");
    ASSERT_EQ(log_out(ending, cookie).value(), Ending::ended);
    ASSERT_EQ(ending.end_user("8", {}, EndReason::security, "operator:x").value(), Ending::ended);
    server->kill();
    fs::copy_file(server->folder() / "yesterday.rdb", dump, fs::copy_options::overwrite_existing);
    server->start();
    ASSERT_EQ(record_keys(*server).size(), 3U);

    const SessionManager fresh = process();
    EXPECT_EQ(look_patiently(fresh, cookie), Seen::none);
    EXPECT_EQ(look_patiently(fresh, all_of_user), Seen::none);
    EXPECT_EQ(look_patiently(fresh, stays), Seen::valid);
    EXPECT_EQ(look_patiently(ending, cookie), Seen::none);
    EXPECT_TRUE(eventually([&] { return record_keys(*server).size() == 1; }));
}

// ids: R5 C28 F17
TEST_F(Restore, redis_that_lost_nothing_is_believed_while_sql_is_away) {
    serve({"appendonly no"});
    ManagerOptions away = options();
    away.sql.statement_timeout = Millis{300};
    away.sql.url = "sqlite:///" + folder.file("audit.db");
    std::optional<SessionManager> manager = open(away);
    const std::string cookie = sign_in(*manager, "7");
    ASSERT_EQ(look(*manager, cookie), Seen::valid);
    manager.reset();
    fs::rename(folder.file("audit.db"), folder.file("kept.db"));
    fs::create_directory(folder.file("audit.db"));
    manager = open(away);
    EXPECT_EQ(look_patiently(*manager, cookie), Seen::valid);
    server->admin({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_EQ(look_patiently(*manager, cookie), Seen::valid);
}

}  // namespace
}  // namespace vedfolnir::test
