// PostgreSQL and MariaDB as they are in the field: away, frozen, locked, misconfigured, used by many at once.
#include "compose/doctor.hpp"
#include "model/record.hpp"
#include "sql/sql_files.hpp"
#include "support/archive_client.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <future>
#include <map>
#include <set>
#include <thread>

namespace vedfolnir::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Millis short_deadline{400};
/// More than a scheduler on a loaded machine needs to let a thread answer.
constexpr Millis slack{3'000};

class SqlServers : public testing::TestWithParam<SqlEngine> {
protected:
    [[nodiscard]] static bool is_postgresql() { return GetParam() == SqlEngine::postgresql; }
    [[nodiscard]] static SqlServer& server() { return SqlServer::shared(GetParam()); }

    void SetUp() override { database_ = server().fresh_database(); }
    [[nodiscard]] const std::string& database() const { return database_; }
    [[nodiscard]] std::string url() const { return server().url(database_); }
    [[nodiscard]] std::unique_ptr<SqlShell> shell() const { return server().shell(database_); }

    /// The Error of a login at `where`, which must fail and must not show the password.
    static Error login_error(const std::string& where) {
        ArchiveClient client(where);
        const auto refused = client.login(1);
        EXPECT_FALSE(refused);
        if (refused) return {};
        EXPECT_THAT(refused.error().detail, Not(HasSubstr("s3cret")));
        EXPECT_THAT(refused.error().public_message, Not(HasSubstr("s3cret")));
        return refused.error();
    }
    static std::string replaced(std::string text, const std::string& from, const std::string& to) {
        return text.replace(text.find(from), from.size(), to);
    }
    /// Runs `work` in `count` threads that begin together; each has a client of its own.
    static void in_parallel(const std::string& where, int count,
                            const std::function<void(ArchiveClient&, int)>& work) {
        std::barrier together(count);
        std::vector<std::jthread> threads;
        for (int i = 0; i < count; ++i) {
            threads.emplace_back([&, i] {
                ArchiveClient client(where);
                static_cast<void>(client.sessions());
                together.arrive_and_wait();
                work(client, i);
            });
        }
    }

private:
    std::string database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, SqlServers,
                         testing::Values(SqlEngine::postgresql, SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S4 S95
TEST_P(SqlServers, wrong_password_is_named_with_its_fix) {
    const auto error = login_error(replaced(url(), ":s3cret", ":s3cretx"));
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("user or password of SESSION_DATABASE_URL"));
    EXPECT_THAT(error.detail, HasSubstr("user app"));
}

// ids: S4
TEST_P(SqlServers, missing_database_is_named_with_its_fix) {
    auto where = url();
    where.replace(where.rfind('/'), std::string::npos, "/nosuch");
    if (!is_postgresql()) shell()->run("GRANT ALL ON nosuch.* TO 'app'@'127.0.0.1'");
    const auto error = login_error(where);
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("nosuch"));
    EXPECT_THAT(error.detail, HasSubstr("CREATE DATABASE"));
}

// ids: S4
TEST_P(SqlServers, missing_server_is_an_error_at_once) {
    const auto begun = std::chrono::steady_clock::now();
    const auto error =
        login_error(replaced(url(), std::to_string(server().port()), std::to_string(free_port())));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, slack);
    EXPECT_EQ(error.code, Errc::audit_unavailable);
    EXPECT_THAT(error.detail, HasSubstr("no server answers"));
}

// ids: S4
TEST_P(SqlServers, right_to_create_tables_is_asked_for) {
    const auto db = shell();
    if (is_postgresql()) {
        db->run("REVOKE ALL ON SCHEMA public FROM PUBLIC");
        db->run("ALTER DATABASE " + database() + " OWNER TO admin");
        db->run("GRANT USAGE ON SCHEMA public TO app");
    } else {
        db->run("REVOKE ALL ON " + database() + ".* FROM 'app'@'127.0.0.1'");
        db->run("GRANT SELECT ON " + database() + ".* TO 'app'@'127.0.0.1'");
    }
    const auto error = login_error(url());
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("lacks a right"));
    EXPECT_THAT(error.detail, HasSubstr("GRANT"));
}

// ids: S4
TEST_P(SqlServers, tables_of_another_application_are_left_alone) {
    const auto db = shell();
    db->run("CREATE TABLE sessions (id INT)");
    if (is_postgresql()) db->run("ALTER TABLE sessions OWNER TO app");
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto error = login_error(url());
        EXPECT_EQ(error.code, Errc::bad_options);
        EXPECT_THAT(error.detail, HasSubstr("database of their own"));
    }
    EXPECT_THAT(db->run("SELECT id FROM sessions"), IsEmpty());
}

// ids: S4
TEST_P(SqlServers, unix_socket_is_another_way_in) {
    ArchiveClient client(server().socket_url(database()));
    const auto granted = client.login(1);
    EXPECT_TRUE(granted) << granted.error().detail;
}

// ids: S4
TEST_P(SqlServers, tls_is_used_and_its_authority_checked) {
    const auto& ours = server().certificates();
    const TemporaryFolder folder;
    const Certificates foreign(folder.path(), "localhost");
    const std::string option = is_postgresql() ? "?sslmode=verify-ca&sslrootcert=" : "?ssl-ca=";
    ArchiveClient client(url() + option + ours.ca());
    const auto cipher = client.write<std::string>([](sql::Connection& db) {
        return db
            .statement(is_postgresql()
                           ? "SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                           : "SELECT variable_value FROM information_schema.session_status "
                             "WHERE variable_name = 'Ssl_cipher'",
                       1)
            .value_or("");
    });
    ASSERT_TRUE(cipher) << cipher.error().detail;
    EXPECT_THAT(*cipher, Not(IsEmpty()));
    const auto error = login_error(url() + option + foreign.ca());
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("TLS"));
}

// ids: S4
TEST_P(SqlServers, newer_or_changed_schema_is_refused) {
    ASSERT_TRUE(ArchiveClient(url()).login(1));
    const auto db = shell();
    db->run("INSERT INTO schema_migrations VALUES (99, '0099_future', 'x', 0)");
    auto error = login_error(url());
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("0099_future"));
    db->run("DELETE FROM schema_migrations WHERE version = 99");
    db->run("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1");
    error = login_error(url());
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("0001_sessions"));
}

// ids: S4
TEST_P(SqlServers, migration_that_was_interrupted_is_finished) {
    if (is_postgresql()) return;  // There a migration that was interrupted is undone.
    ASSERT_TRUE(ArchiveClient(url()).login(1));
    const auto last = sql::migrations("mysql").back();
    const auto step = std::to_string(last.statements.size() - 1);
    const auto db = shell();
    const auto left_at = [&](const std::string& mark) {
        db->run("UPDATE schema_migrations SET checksum = '" + mark + "' WHERE name = '" +
                last.name + "'");
    };
    // Its last statement stands, and the process died before it could say so.
    left_at("try " + step);
    const auto granted = ArchiveClient(url()).login(2);
    EXPECT_TRUE(granted) << granted.error().detail;
    const auto rows =
        db->run("SELECT checksum FROM schema_migrations WHERE name = '" + last.name + "'");
    EXPECT_EQ(rows.at(0).at(0), last.checksum);
    // It failed: what is there was not made by it.
    left_at("done " + step);
    EXPECT_THAT(login_error(url()).detail, HasSubstr("database of their own"));
}

// ids: S4 S60
TEST_P(SqlServers, doctor_opens_it_and_finds_the_schema_current) {
    config::Settings settings;
    settings.options.sql.url = url();
    settings.options.sql.statement_timeout = patience;
    settings.options.store = StoreKind::sql;
    const TemporaryFolder folder;
    settings.options.state_dir = folder.path().string();
    const auto facts = compose::gather(settings, {}).database;
    EXPECT_EQ(facts.usable, true) << facts.failure;
    EXPECT_THAT(facts.path, HasSubstr(database()));
    EXPECT_THAT(facts.path, Not(HasSubstr("s3cret")));
    EXPECT_FALSE(facts.is_file);
    // The tests' PostgreSQL spares the disk.
    EXPECT_EQ(facts.weakness, is_postgresql() ? "fsync is off" : "");
}

// ids: S4 R3
TEST_P(SqlServers, killed_server_is_an_error_and_its_return_is_noticed_at_once) {
    SqlServer own(GetParam());
    ArchiveClient client(own.url(own.fresh_database()));
    ASSERT_TRUE(client.login(1));
    EXPECT_THAT(client.sessions(), SizeIs(1));
    own.kill();
    const auto refused = client.login(2, short_deadline);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    own.start();
    auto granted = client.login(3);
    EXPECT_TRUE(granted) << granted.error().detail;
    EXPECT_THAT(client.sessions(), SizeIs(2));
    // Restarted between two calls: the connections are dead, and nobody has to know.
    own.kill();
    own.start();
    granted = client.login(4);
    EXPECT_TRUE(granted) << granted.error().detail;
    EXPECT_THAT(client.sessions(), SizeIs(3));
}

// ids: S4 R3
TEST_P(SqlServers, frozen_server_holds_no_caller_and_no_thread) {
    SqlServer own(GetParam());
    ArchiveClient client(own.url(own.fresh_database()));
    ASSERT_TRUE(client.login(1));
    EXPECT_THAT(client.sessions(), SizeIs(1));
    own.freeze();
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = client.login(2, short_deadline);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    // More calls than there are threads: were those held, the last ones would not be refused by the server.
    for (std::uint32_t number = 3; number < 9; ++number)
        EXPECT_FALSE(client.login(number, short_deadline));
    own.thaw();
    EXPECT_TRUE(eventually([&] { return client.login(9, Millis{2'000}).has_value(); },
                           std::chrono::seconds(20)));
    EXPECT_EQ(client.sessions().size(), client.audit().size());
}

// ids: S4 R3
TEST_P(SqlServers, table_locked_by_others_is_an_error_by_the_deadline) {
    ArchiveClient client(url());
    ASSERT_TRUE(client.login(1));
    const auto other = shell();
    if (is_postgresql()) {
        other->run("BEGIN");
        other->run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE");
    } else {
        other->run("LOCK TABLES sessions WRITE");
    }
    for (const auto deadline : {short_deadline, Millis{1'300}}) {
        const auto begun = std::chrono::steady_clock::now();
        const auto refused = client.login(2, deadline);
        EXPECT_LT(std::chrono::steady_clock::now() - begun, deadline + slack);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    }
    other->run(is_postgresql() ? "ROLLBACK" : "UNLOCK TABLES");
    const auto granted = client.login(3);
    EXPECT_TRUE(granted) << granted.error().detail;
    EXPECT_THAT(client.sessions(), SizeIs(2));
}

// ids: S4 R3
TEST_P(SqlServers, row_locked_by_others_is_an_error_and_the_connection_lives_on) {
    ArchiveClient client(url());
    ASSERT_TRUE(client.login(1));
    const auto other = shell();
    other->run("BEGIN");
    other->run("SELECT shard FROM shards WHERE shard = 42 FOR UPDATE");
    const auto before = client.statements();
    const auto refused = client.login(2, Millis{1'500});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    // Reading waits for no writer.
    EXPECT_THAT(client.sessions(), SizeIs(1));
    other->run("ROLLBACK");
    EXPECT_TRUE(client.login(3));
    // No new connection was greeted, no schema looked at.
    EXPECT_LT(client.statements() - before, 24U);
}

// ids: S4
TEST_P(SqlServers, slow_statement_ends_at_its_deadline_and_frees_its_thread) {
    ArchiveClient client(url());
    ASSERT_TRUE(client.login(1));
    for (const bool writing : {true, false}) {
        std::function<bool(sql::Connection&)> endless = [](sql::Connection& db) {
            db.statement(is_postgresql() ? "SELECT pg_sleep(30)" : "SELECT SLEEP(30)", 1);
            return true;
        };
        const auto begun = std::chrono::steady_clock::now();
        auto& db = client.database();
        const auto deadline = deadline_in(short_deadline);
        const auto refused = client.run(writing ? db.write<bool>(std::move(endless), deadline)
                                                : db.read<bool>(std::move(endless), deadline));
        EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
        EXPECT_TRUE(client.login(writing ? 2 : 3));
    }
    EXPECT_THAT(client.sessions(), SizeIs(3));
}

// ids: S4 R3
TEST_P(SqlServers, deadlock_is_tried_again) {
    ArchiveClient client(url());
    ASSERT_TRUE(client.login(1));
    std::barrier both_hold(2);
    std::atomic<int> attempts{0};
    const auto in_order = [&](std::int64_t first, std::int64_t second) {
        std::function<bool(sql::Connection&)> work = [&, first, second](sql::Connection& db) {
            static_cast<void>(db.query_locked("shard_sequence", 1, {{"shard", first}}));
            if (++attempts <= 2) both_hold.arrive_and_wait();
            static_cast<void>(db.query_locked("shard_sequence", 1, {{"shard", second}}));
            return true;
        };
        return std::async(std::launch::async,
                          [&client, work = std::move(work)] { return client.write<bool>(work); });
    };
    auto one = in_order(1, 2);
    auto two = in_order(2, 1);
    const auto first = one.get();
    const auto second = two.get();
    EXPECT_TRUE(first) << first.error().detail;
    EXPECT_TRUE(second) << second.error().detail;
    // The two may meet again.
    EXPECT_GE(attempts, 3);
}

// ids: S4 R3 R5
TEST_P(SqlServers, parallel_logins_of_one_shard_take_sequences_without_a_gap) {
    constexpr int threads = 8;
    constexpr std::uint32_t rounds = 12;
    std::atomic<int> failures{0};
    in_parallel(url(), threads, [&](ArchiveClient& client, int thread) {
        auto last = ArchiveClient::login_order(static_cast<std::uint32_t>(thread) * 1000);
        if (!client.run(client.archive().begin_login(last, deadline_in(patience)))) ++failures;
        for (std::uint32_t round = 1; round < rounds; ++round) {
            // Over the session before: its ending takes a sequence in the login's transaction.
            auto next =
                ArchiveClient::login_order(static_cast<std::uint32_t>(thread) * 1000 + round);
            next.replaced = async::Replaced{last.row.key, last.row.handle, false};
            const auto granted =
                client.run(client.archive().begin_login(next, deadline_in(patience)));
            if (!granted) {
                ++failures;
                ADD_FAILURE() << granted.error().detail;
            }
            last = next;
        }
    });
    EXPECT_EQ(failures, 0);
    ArchiveClient client(url());
    std::uint64_t expected = 0;
    for (const auto& revocation : client.revocations()) EXPECT_EQ(revocation.sequence, ++expected);
    EXPECT_EQ(expected, threads * (rounds - 1));
    const auto sequences = client.run(client.archive().sequences(deadline_in(patience))).value();
    EXPECT_EQ(sequences.at(ArchiveClient::shard), expected);
    EXPECT_THAT(client.sessions(), SizeIs(threads * rounds));
}

// ids: S4 R3
TEST_P(SqlServers, one_operation_sent_by_many_at_once_is_written_once) {
    constexpr int threads = 6;
    std::atomic<int> granted{0};
    in_parallel(url(), threads, [&](ArchiveClient& client, int) {
        auto order = ArchiveClient::login_order(7);
        order.event.operation = OperationId{1, 2, 3};
        const auto answer = client.run(client.archive().begin_login(order, deadline_in(patience)));
        EXPECT_TRUE(answer) << answer.error().detail;
        if (answer) ++granted;
    });
    EXPECT_EQ(granted, threads);
    ArchiveClient client(url());
    EXPECT_THAT(client.sessions(), SizeIs(1));
    EXPECT_THAT(client.audit(), SizeIs(1));
}

// ids: S4 R3 V03
TEST_P(SqlServers, login_beside_an_ending_of_its_user_is_ended_or_has_the_new_epoch) {
    constexpr int threads = 6;
    constexpr std::uint32_t rounds = 10;
    std::mutex mutex;
    std::map<Handle, std::uint64_t> epochs;
    in_parallel(url(), threads, [&](ArchiveClient& client, int thread) {
        for (std::uint32_t round = 0; round < rounds; ++round) {
            if (thread == 0) {
                async::EndRequest everything;
                everything.user_id = "alice";
                everything.user = ArchiveClient::tag();
                everything.event = ArchiveClient::event("session.ended");
                const auto ended =
                    client.run(client.archive().end(everything, deadline_in(patience)));
                EXPECT_TRUE(ended) << ended.error().detail;
                continue;
            }
            const auto number = static_cast<std::uint32_t>(thread) * 1000 + round;
            const auto granted = client.login(number);
            EXPECT_TRUE(granted) << granted.error().detail;
            const std::lock_guard lock(mutex);
            if (granted) epochs[ArchiveClient::handle(number)] = granted->epoch;
        }
    });
    ArchiveClient client(url());
    const auto epoch =
        client.run(client.archive().epoch_of(ArchiveClient::tag(), deadline_in(patience))).value();
    EXPECT_EQ(epoch, rounds);
    for (const auto& row : client.sessions()) {
        if (!row.ended) {
            EXPECT_EQ(epochs.at(row.handle), epoch);
        }
    }
}

// ids: S4
TEST_P(SqlServers, parallel_sweeps_write_one_event_for_each_session) {
    {
        ArchiveClient client(url());
        for (std::uint32_t number = 0; number < 60; ++number) ASSERT_TRUE(client.login(number));
    }
    std::atomic<std::uint32_t> closed{0};
    in_parallel(url(), 4, [&](ArchiveClient& client, int) {
        const auto end = ArchiveClient::start() + std::chrono::hours(25);
        for (int round = 0; round < 12; ++round) {
            const auto swept =
                client.run(client.archive().close_expired(end, 10, deadline_in(patience)));
            EXPECT_TRUE(swept) << swept.error().detail;
            if (swept) closed += *swept;
        }
    });
    EXPECT_EQ(closed, 60U);
    ArchiveClient client(url());
    std::map<Handle, int> events;
    for (const auto& event : client.audit()) {
        if (event.type != "session.created") ++events[event.handle.value()];
    }
    EXPECT_THAT(events, SizeIs(60));
    for (const auto& [handle, count] : events) EXPECT_EQ(count, 1);
}

// ids: S4
TEST_P(SqlServers, user_ids_are_compared_byte_by_byte) {
    ArchiveClient client(url());
    const std::vector<std::string> users{"Alice",      "alice",         "alice ",
                                         "\u00e1lice", "a\u0301lice",   "\U0001f600",
                                         "\U0001f601", "a\\'\"%_:x?$1", std::string(512, 'x')};
    std::uint32_t number = 0;
    for (const auto& user : users) {
        const auto granted = client.login(++number, patience, user);
        ASSERT_TRUE(granted) << user << ": " << granted.error().detail;
    }
    for (const auto& user : users) {
        async::SessionQuery query;
        query.user_id = user;
        query.only_live = false;
        const auto found = client.run(client.archive().sessions(query, deadline_in(patience)));
        ASSERT_TRUE(found);
        ASSERT_THAT(*found, SizeIs(1)) << user;
        EXPECT_EQ(found->front().user_id, user);
        async::AuditQuery events;
        events.user_id = user;
        EXPECT_THAT(client.audit(events), SizeIs(1)) << user;
    }
}

// ids: S4
TEST_P(SqlServers, record_of_a_megabyte_is_kept_whole) {
    ArchiveClient client(url());
    const auto store = sql::make_store(client.shared_database());
    model::RecordHeader header;
    header.handle = ArchiveClient::handle(1);
    std::string record = model::pack_header(header);
    for (int i = 0; record.size() < 1'000'000; ++i) record.push_back(static_cast<char>(i * 7));
    const auto key = ArchiveClient::key(1);
    const auto created =
        client.run(store->create(key, record, Millis{60'000}, deadline_in(patience)));
    ASSERT_TRUE(created) << created.error().detail;
    const auto loaded = client.run(store->load(key, deadline_in(patience)));
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_TRUE(*loaded == record);
}

}  // namespace
}  // namespace vedfolnir::test
