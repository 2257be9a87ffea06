// Calls that wait for SQLite at the same time share one commit, and nothing else (O16).
#include "sql/lifecycle.hpp"
#include "support/archive_client.hpp"
#include "support/child.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace vedfolnir::test {
namespace {

class SqlGroupCommit : public testing::Test {
protected:
    Result<bool> write(std::function<bool(sql::Connection&)> work, Millis within = patience) {
        return client.write<bool>(std::move(work), within);
    }

    /// Starts all calls while one before them keeps the only writer; they wait together when it lets go.
    void together(const std::vector<std::function<void()>>& calls) {
        std::promise<void> begun;
        std::promise<void> release;
        std::jthread holding([&] {
            EXPECT_TRUE(write([&](sql::Connection&) {
                begun.set_value();
                release.get_future().wait();
                return true;
            }));
        });
        begun.get_future().wait();
        std::atomic<std::size_t> started{0};
        std::vector<std::jthread> threads;
        for (const auto& call : calls) {
            threads.emplace_back([&started, &call] {
                ++started;
                call();
            });
        }
        EXPECT_TRUE(eventually([&] { return started == calls.size(); }));
        for (int i = 0; i < 20; ++i) pause();  // so that most of them wait; no assertion needs all
        release.set_value();
    }

    /// Commits that stand in the write-ahead log.
    [[nodiscard]] int commits() const {
        std::ifstream file(folder.file("sessions.db-wal"), std::ios::binary);
        const std::string log((std::istreambuf_iterator<char>(file)), {});
        constexpr std::size_t header = 32;
        constexpr std::size_t frame = 24 + 4096;
        int found = 0;
        for (std::size_t at = header; at + frame <= log.size(); at += frame)
            found += log.compare(at + 4, 4, std::string(4, '\0')) == 0 ? 0 : 1;
        return found;
    }
    [[nodiscard]] std::set<std::string> logged_in() {
        std::set<std::string> handles;
        for (const auto& row : client.sessions()) handles.insert(row.handle.text());
        return handles;
    }

    TemporaryFolder folder;
    ArchiveClient client{folder.file("sessions.db")};
};

// ids: S16 I4
TEST_F(SqlGroupCommit, those_who_wait_together_share_a_commit_and_each_has_its_rows) {
    constexpr std::uint32_t callers = 40;
    ASSERT_TRUE(client.login(1000));
    const int before = commits();
    std::atomic<int> granted{0};
    std::vector<std::function<void()>> calls;
    for (std::uint32_t number = 0; number < callers; ++number)
        calls.push_back([&, number] { granted += client.login(number).has_value() ? 1 : 0; });
    together(calls);
    EXPECT_EQ(granted, static_cast<int>(callers));
    EXPECT_EQ(logged_in().size(), callers + 1);
    EXPECT_EQ(client.audit().size(), callers + 1);
    EXPECT_LE(commits() - before, static_cast<int>(callers) / 2);
    EXPECT_GE(commits() - before, 1);
}

// ids: I4 C31
TEST_F(SqlGroupCommit, who_fails_is_undone_alone) {
    ASSERT_TRUE(client.login(7));
    std::atomic<int> granted{0};
    std::atomic<int> refused{0};
    const auto sealer = audit_sealer();
    std::vector<std::function<void()>> calls;
    for (std::uint32_t number = 100; number < 130; ++number) {
        calls.push_back([&, number] {
            // Every third takes a handle that is taken, after it wrote something.
            const bool fails = number % 3 == 0;
            const auto done = write([&](sql::Connection& db) {
                const sql::Auditor auditor{*sealer, ArchiveClient::start()};
                static_cast<void>(
                    sql::begin_login(db, auditor, ArchiveClient::login_order(number)));
                if (fails)
                    static_cast<void>(sql::begin_login(db, auditor, ArchiveClient::login_order(7)));
                return true;
            });
            EXPECT_TRUE(done || done.error().code == Errc::conflict) << done.error().detail;
            ++(done ? granted : refused);
        });
    }
    together(calls);
    EXPECT_EQ(granted, 20);
    EXPECT_EQ(refused, 10);
    const auto present = logged_in();
    EXPECT_EQ(present.size(), 21U);
    for (std::uint32_t number = 100; number < 130; ++number)
        EXPECT_EQ(present.contains(ArchiveClient::handle(number).text()), number % 3 != 0);
    EXPECT_EQ(client.audit().size(), 21U);
}

// ids: I4 R8
TEST_F(SqlGroupCommit, who_runs_out_of_time_takes_nobody_along) {
    ASSERT_TRUE(client.login(1000));
    std::atomic<int> granted{0};
    std::vector<std::function<void()>> calls;
    for (std::uint32_t number = 0; number < 20; ++number)
        calls.push_back([&, number] { granted += client.login(number).has_value() ? 1 : 0; });
    // SQLite undoes a whole transaction in which a statement that writes was interrupted.
    for (const std::size_t place : {20U, 10U}) {
        calls.insert(calls.begin() + static_cast<std::ptrdiff_t>(place), [&] {
            const auto done = write(
                [](sql::Connection& db) {
                    db.statement("CREATE TABLE endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION "
                                 "ALL SELECT x + 1 FROM n) SELECT x FROM n");
                    return true;
                },
                Millis{1000});
            EXPECT_FALSE(done);
        });
    }
    together(calls);
    EXPECT_EQ(granted, 20);
    EXPECT_EQ(logged_in().size(), 21U);
    EXPECT_EQ(client.audit().size(), 21U);
}

class SqlGroupCommitKilled : public testing::Test {};

// ids: I2 S16
TEST_F(SqlGroupCommitKilled, what_was_answered_is_there_after_a_kill) {
    const TemporaryFolder folder;
    const std::string path = folder.file("sessions.db");
    std::set<std::uint32_t> answered;
    {
        Child app([&](Wire& wire) {
            ArchiveClient client(path);
            std::mutex one_line;
            std::vector<std::jthread> threads;
            for (std::uint32_t caller = 0; caller < 16; ++caller) {
                threads.emplace_back([&, caller] {
                    for (std::uint32_t number = caller * 10'000;; ++number) {
                        if (!client.login(number)) return;
                        const std::lock_guard lock(one_line);
                        wire.say(std::to_string(number));
                    }
                });
            }
            return 0;
        });
        while (answered.size() < 400)
            answered.insert(static_cast<std::uint32_t>(std::stoul(app.wire().hear().value())));
        app.kill_and_wait();
        // What was said before its death.
        while (const auto late = app.wire().hear())
            answered.insert(static_cast<std::uint32_t>(std::stoul(*late)));
    }
    ArchiveClient after(path);
    for (const std::uint32_t number : answered) {
        async::SessionQuery query;
        query.handle = ArchiveClient::handle(number);
        query.only_live = false;
        const auto rows = after.run(after.archive().sessions(query, deadline_in(patience)));
        ASSERT_TRUE(rows.has_value());
        EXPECT_EQ(rows->size(), 1U) << number;
    }
}

}  // namespace
}  // namespace vedfolnir::test
