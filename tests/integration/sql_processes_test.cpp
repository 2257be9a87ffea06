// Several processes on one database: turns, crashes, forks.
#include "sql/file_lock.hpp"
#include "sql/sql_files.hpp"
#include "support/archive_client.hpp"
#include "support/child.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <sqlite3.h>

namespace vedfolnir::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Millis short_deadline{300};
/// More than a scheduler on a loaded machine needs to let a thread answer.
constexpr Millis slack{1'500};

/// On each engine.
class SqlProcesses : public testing::TestWithParam<SqlEngine> {
protected:
    void SetUp() override { where_ = fresh_database(GetParam(), folder_.file("sessions.db")); }
    /// A file or a URL.
    [[nodiscard]] const std::string& where() const { return where_; }

private:
    const TemporaryFolder folder_;
    std::string where_;
};

INSTANTIATE_TEST_SUITE_P(Engines, SqlProcesses,
                         testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                         SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

/// Begins a write transaction, reports it, and stays inside until the wire ends or speaks.
void hold_turn(ArchiveClient& client, Wire& wire) {
    const auto held = client.write<bool>([&](sql::Connection& db) {
        db.execute("shard_advance", {{"shard", std::int64_t{1}}, {"count", std::int64_t{1}}});
        wire.say("inside");
        return wire.hear().has_value();
    });
    static_cast<void>(held);
}

/// Every row has its event, every ended row its revocation and event, and sequences have no gap.
void expect_whole(ArchiveClient& client) {
    std::map<std::string, std::set<Handle>> events;
    for (const auto& event : client.audit()) events[event.type].insert(event.handle.value());
    std::set<Handle> all;
    std::set<Handle> ended;
    std::set<StoreKey> ended_keys;
    for (const auto& row : client.sessions()) {
        all.insert(row.handle);
        if (!row.ended) continue;
        ended.insert(row.handle);
        ended_keys.insert(row.key);
    }
    EXPECT_EQ(events["session.created"], all);
    EXPECT_EQ(events["session.ended"], ended);
    std::set<StoreKey> revoked;
    std::uint64_t expected = 0;
    for (const auto& revocation : client.revocations()) {
        EXPECT_EQ(revocation.sequence, ++expected);
        revoked.insert(revocation.key.value());
    }
    EXPECT_EQ(revoked, ended_keys);
    const auto sequences = client.run(client.archive().sequences(deadline_in(patience))).value();
    EXPECT_EQ(sequences.at(ArchiveClient::shard), expected);
}

// ids: S4 R3 R5
TEST_P(SqlProcesses, concurrent_writers_lose_no_sequence_and_see_no_busy) {
    const auto& file = where();
    constexpr std::uint32_t writers = 3;
    constexpr std::uint32_t rounds = 60;
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint32_t writer = 0; writer < writers; ++writer) {
        children.push_back(std::make_unique<Child>([&file, writer](Wire& wire) {
            ArchiveClient client(file);
            wire.say("ready");
            if (!wire.hear()) return 1;
            for (std::uint32_t round = 0; round < rounds; ++round) {
                const auto number = writer * 1000 + round;
                const auto granted = client.login(number);
                const auto ended = client.end(number);
                if (!granted || !ended || ended->sessions != 1) {
                    wire.say(!granted ? granted.error().detail : ended.error().detail);
                    return 2;
                }
            }
            return 0;
        }));
    }
    for (auto& child : children) ASSERT_EQ(child->wire().hear(), "ready");
    for (auto& child : children) child->wire().say("go");
    for (auto& child : children) EXPECT_EQ(child->wait(), 0) << child->wire().hear().value_or("");

    ArchiveClient client(file);
    EXPECT_THAT(client.revocations(), SizeIs(writers * rounds));
    expect_whole(client);
}

// ids: S4 R3
TEST_P(SqlProcesses, kill_between_commits_leaves_whole_transactions_only) {
    const auto& file = where();
    std::uint32_t number = 0;
    for (const int acknowledged_at_least : {1, 7, 20}) {
        Child child([&file, number](Wire& wire) {
            ArchiveClient client(file);
            for (std::uint32_t next = number;; ++next) {
                if (!client.login(next) || !client.end(next)) return 1;
                wire.say(std::to_string(next));
            }
        });
        for (int i = 0; i < acknowledged_at_least; ++i) {
            number = static_cast<std::uint32_t>(std::stoul(child.wire().hear().value()));
        }
        child.kill_and_wait();
        // What it still said before it died was acknowledged as well.
        while (const auto line = child.wire().hear()) {
            number = static_cast<std::uint32_t>(std::stoul(*line));
        }
        ArchiveClient client(file);
        expect_whole(client);
        std::set<Handle> ended;
        for (const auto& row : client.sessions()) {
            if (row.ended) ended.insert(row.handle);
        }
        for (std::uint32_t done = 0; done <= number; ++done) {
            // The round that a kill interrupted may have its login only.
            if (!ended.contains(ArchiveClient::handle(done))) {
                EXPECT_TRUE(client.end(done)) << done;
            }
        }
        EXPECT_TRUE(ended.contains(ArchiveClient::handle(number)));
        number += 2;
    }
}

// ids: S4 R3
TEST_P(SqlProcesses, kill_inside_a_transaction_leaves_nothing_of_it_and_frees_the_turn) {
    const auto& file = where();
    Child child([&file](Wire& wire) {
        ArchiveClient client(file);
        hold_turn(client, wire);
        return 0;
    });
    ASSERT_EQ(child.wire().hear(), "inside");
    child.kill_and_wait();
    ArchiveClient client(file);
    EXPECT_TRUE(client.login(1));
    const auto sequences = client.run(client.archive().sequences(deadline_in(patience))).value();
    EXPECT_EQ(sequences.at(1), 0U);
}

// ids: S4 R3
TEST(SqliteProcesses, turn_held_elsewhere_is_an_error_by_the_deadline_and_does_not_stop_readers) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    Child child([&file](Wire& wire) {
        ArchiveClient client(file);
        hold_turn(client, wire);
        return 0;
    });
    ASSERT_EQ(child.wire().hear(), "inside");
    ArchiveClient client(file);
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = client.login(1, short_deadline);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_THAT(client.sessions(), IsEmpty());
    child.wire().say("leave");
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(client.login(2));
    EXPECT_THAT(client.sessions(), SizeIs(1));
}

// ids: S4
TEST(SqliteProcesses, lock_of_another_program_is_waited_for_until_the_deadline) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ArchiveClient client(file);
    ASSERT_TRUE(client.login(1));
    sqlite3* shell = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &shell), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(shell, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = client.login(2, short_deadline);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    sqlite3_close(shell);
    EXPECT_TRUE(client.login(2));
}

// ids: S4
TEST_P(SqlProcesses, processes_that_start_together_migrate_once) {
    const auto& file = where();
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint32_t i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&file, i](Wire& wire) {
            ArchiveClient client(file);
            wire.say("ready");
            if (!wire.hear()) return 1;
            const auto granted = client.login(i);
            if (granted) return 0;
            wire.say(granted.error().detail);
            return 2;
        }));
    }
    for (auto& child : children) ASSERT_EQ(child->wire().hear(), "ready");
    for (auto& child : children) child->wire().say("go");
    for (auto& child : children) EXPECT_EQ(child->wait(), 0) << child->wire().hear().value_or("");
    ArchiveClient client(file);
    EXPECT_THAT(client.sessions(), SizeIs(4));
    const auto applied = client.write<std::size_t>(
        [](sql::Connection& db) { return db.query("schema_migrations_list", 3).size(); });
    EXPECT_EQ(applied.value(), sql::migrations(engine_name(GetParam())).size());
}

// ids: S4
TEST_P(SqlProcesses, forked_child_uses_a_database_of_its_own) {
    const auto& file = where();
    auto parent = std::make_unique<ArchiveClient>(file);
    ASSERT_TRUE(parent->login(1));
    Child child([&](Wire&) {
        // As the facade does in a child: a new runtime; the parent's objects are left alone.
        runtime::Runtime runtime;
        const auto refused = runtime::run_sync(
            runtime,
            parent->archive().confirm_login(ArchiveClient::handle(1), ArchiveClient::key(1), {},
                                            deadline_in(patience)),
            deadline_in(patience));
        if (refused || refused.error().code != Errc::internal) return 1;
        ArchiveClient own(file);
        if (!own.login(2)) return 2;
        return 0;
    });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(parent->login(3));
    EXPECT_THAT(parent->sessions(), SizeIs(3));
}

// ids: S4
TEST_P(SqlProcesses, database_destroyed_in_a_forked_child_leaves_the_parents_alone) {
    SqlOptions options;
    options.url = where();
    options.statement_timeout = patience;
    runtime::Runtime runtime;
    auto archive = sql::make_archive(options, {}, audit_sealer(), nullptr).value();
    const auto write = [&] {
        return runtime::run_sync(
            runtime,
            archive->append({ArchiveClient::event("record.unreadable")}, deadline_in(patience)),
            deadline_in(patience));
    };
    const auto before = write();
    ASSERT_TRUE(before) << before.error().detail;
    Child child([&](Wire&) {
        archive.reset();
        return 0;
    });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(write());
}

// ids: S4
TEST(SqliteProcesses, child_forked_during_a_turn_does_not_prolong_it) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    Child owner([&file](Wire& wire) {
        sql::FileLock lock(file);
        if (!lock.acquire(deadline_in(patience))) return 1;
        const pid_t heir = fork();
        if (heir == 0) {
            static_cast<void>(wire.hear());  // outlives the owner, until the test ends
            _exit(0);
        }
        wire.say("held");
        static_cast<void>(wire.hear());
        return 0;
    });
    ASSERT_EQ(owner.wire().hear(), "held");
    sql::FileLock lock(file);
    EXPECT_FALSE(lock.acquire(deadline_in(Millis{50})));
    owner.kill_and_wait();
    EXPECT_TRUE(lock.acquire(deadline_in(patience)));
    lock.release();
}

// ids: S102
TEST_P(SqlProcesses, audit_written_by_one_process_is_found_by_another) {
    const auto& file = where();
    Child application([&file](Wire&) {
        ArchiveClient client(file);
        auto switched = ArchiveClient::event("session.platform_switched");
        switched.at += std::chrono::minutes(5);
        switched.detail = R"({"platform":"pixelfed"})";
        if (!client.login(1) || !client.login(2, patience, "bob")) return 1;
        if (!client.run(client.archive().record_change(ArchiveClient::handle(1), "pixelfed",
                                                       switched, deadline_in(patience)))) {
            return 2;
        }
        return client.end(2) ? 0 : 3;
    });
    ASSERT_EQ(application.wait(), 0);

    ArchiveClient tool(file);
    async::AuditQuery by_user;
    by_user.user_id = "bob";
    EXPECT_THAT(tool.audit(by_user), SizeIs(2));
    async::AuditQuery by_handle;
    by_handle.handle = ArchiveClient::handle(1);
    EXPECT_THAT(tool.audit(by_handle), SizeIs(2));
    async::AuditQuery by_type;
    by_type.type = "session.platform_switched";
    const auto found = tool.audit(by_type);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].user_id, "alice");
    EXPECT_THAT(found[0].detail, HasSubstr("pixelfed"));
    async::AuditQuery by_time;
    by_time.since = ArchiveClient::start() + std::chrono::minutes(1);
    EXPECT_THAT(tool.audit(by_time), SizeIs(1));
    EXPECT_THAT(tool.audit(), SizeIs(4));
}

}  // namespace
}  // namespace vedfolnir::test
