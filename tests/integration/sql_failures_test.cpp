// What goes wrong with a SQLite file, and what the operator reads then.
#include "runtime/private_file.hpp"
#include "sql/file_lock.hpp"
#include "support/archive_client.hpp"
#include "support/child.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace vedfolnir::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

constexpr Millis short_deadline{300};
constexpr Millis slack{1'500};

void run_sql(const std::string& file, const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
}

/// The Error of a login into `file` that must fail.
Error login_error(const std::string& file) {
    ArchiveClient client(file);
    const auto refused = client.login(1);
    EXPECT_FALSE(refused);
    return refused ? Error{} : refused.error();
}

/// Runs `work` in a process that is not root, which may do everything. The folder is given to it.
int as_nobody(const TemporaryFolder& folder, const std::function<int(Wire&)>& work,
              std::string& said) {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0) {
        EXPECT_EQ(chown(folder.path().c_str(), nobody, nobody), 0);
        for (const auto& entry : fs::directory_iterator(folder.path())) {
            EXPECT_EQ(chown(entry.path().c_str(), nobody, nobody), 0);
        }
    }
    Child child([&](Wire& wire) {
        if (geteuid() == 0 && (setgid(nobody) != 0 || setuid(nobody) != 0)) return 71;
        return work(wire);
    });
    said = child.wire().hear().value_or("");
    return child.wait();
}

// ids: S4 V20
TEST(SqlFailures, files_are_private) {
    const TemporaryFolder folder;
    const auto home = folder.file("state");
    const mode_t before = umask(0);
    SqlOptions options;
    runtime::Runtime runtime;
    auto archive = sql::make_archive(options, home, audit_sealer(), nullptr).value();
    auto written = runtime::run_sync(
        runtime,
        archive->append({ArchiveClient::event("record.unreadable")}, deadline_in(patience)),
        deadline_in(patience));
    EXPECT_TRUE(written);
    EXPECT_EQ(mode_of(home), 0700U);
    for (const auto* name : {"", "-wal", "-shm", "-turn", "-next"}) {
        EXPECT_EQ(mode_of(home + "/sessions.db" + name), 0600U) << name;
    }
    archive.reset();
    chmod((home + "/sessions.db").c_str(), 0644);
    ArchiveClient again(home + "/sessions.db");
    EXPECT_THAT(again.audit(), SizeIs(1));
    EXPECT_EQ(mode_of(home + "/sessions.db"), 0600U);
    umask(before);
}

// ids: S4
TEST(SqlFailures, missing_folder_is_named) {
    const auto error = login_error("/nonexistent-folder/sessions.db");
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("/nonexistent-folder"));
    EXPECT_THAT(error.detail, HasSubstr("create it"));
}

// ids: S4
TEST(SqlFailures, folder_that_is_not_writable_is_named) {
    const TemporaryFolder folder;
    std::string said;
    const int status = as_nobody(
        folder,
        [&](Wire& wire) {
            if (chmod(folder.path().c_str(), 0500) != 0) return 72;
            const auto error = login_error(folder.file("sessions.db"));
            wire.say(error.detail);
            return error.code == Errc::audit_unavailable ? 0 : 1;
        },
        said);
    EXPECT_EQ(status, 0);
    EXPECT_THAT(said, HasSubstr(folder.path().string()));
    EXPECT_THAT(said, HasSubstr("not writable for uid"));
    chmod(folder.path().c_str(), 0700);
}

// ids: S4
TEST(SqlFailures, file_that_is_not_writable_is_named) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    std::ofstream(file).flush();
    std::string said;
    const int status = as_nobody(
        folder,
        [&](Wire& wire) {
            if (chmod(file.c_str(), 0400) != 0) return 72;
            const auto error = login_error(file);
            wire.say(error.detail);
            return error.code == Errc::audit_unavailable ? 0 : 1;
        },
        said);
    EXPECT_EQ(status, 0);
    EXPECT_THAT(said, HasSubstr(file));
    EXPECT_THAT(said, HasSubstr("chmod the file"));
}

// ids: S4
TEST(SqlFailures, file_that_is_no_database_is_named_and_left_as_it_is) {
    const TemporaryFolder folder;
    const auto file = folder.file("notes.txt");
    const std::string text(5000, 'x');
    std::ofstream(file) << text;
    const auto error = login_error(file);
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr(file));
    EXPECT_THAT(error.detail, HasSubstr("not an SQLite database"));
    std::ifstream in(file);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text);
}

// ids: S4
TEST(SqlFailures, newer_schema_is_refused_by_readers_and_writers) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ASSERT_TRUE(ArchiveClient(file).login(1));
    run_sql(file, "INSERT INTO schema_migrations VALUES (99, '0099_future', 'x', 0)");
    const auto error = login_error(file);
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("0099_future"));
    EXPECT_THAT(error.detail, HasSubstr("upgrade"));
    ArchiveClient reader(file);
    EXPECT_FALSE(reader.run(reader.archive().audit({}, deadline_in(patience))));
}

// ids: S4
TEST(SqlFailures, migration_changed_after_it_was_applied_is_refused) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ASSERT_TRUE(ArchiveClient(file).login(1));
    run_sql(file, "UPDATE schema_migrations SET checksum = 'other' WHERE version = 1");
    const auto error = login_error(file);
    EXPECT_EQ(error.code, Errc::bad_options);
    EXPECT_THAT(error.detail, HasSubstr("0001_sessions"));
}

// ids: S4
TEST(SqlFailures, opening_again_migrates_nothing) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ASSERT_TRUE(ArchiveClient(file).login(1));
    ArchiveClient again(file);
    EXPECT_THAT(again.sessions(), SizeIs(1));
    const auto statements = again.statements();
    EXPECT_THAT(again.sessions(), SizeIs(1));
    EXPECT_EQ(again.statements() - statements, 3U);  // begin, the query, commit
}

// ids: S4
TEST(SqlFailures, full_disk_is_an_error_that_loses_nothing_and_passes) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    Child child([&](Wire& wire) {
        signal(SIGXFSZ, SIG_IGN);
        ArchiveClient client(file);
        if (!client.login(0)) return 1;
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        const rlimit small{fs::file_size(file + "-wal") + 64 * 1024, RLIM_INFINITY};
        setrlimit(RLIMIT_FSIZE, &small);
        std::uint32_t number = 1;
        Error error;
        for (; number < 1000; ++number) {
            const auto granted = client.login(number);
            if (granted) continue;
            error = granted.error();
            break;
        }
        if (error.code != Errc::audit_unavailable) return 2;
        const bool readable = client.sessions().size() == number;
        setrlimit(RLIMIT_FSIZE, &unlimited);
        if (!readable || !client.login(number)) return 3;
        wire.say(error.detail);
        return client.sessions().size() == number + 1 && client.audit().size() == number + 1 ? 0
                                                                                             : 4;
    });
    const auto said = child.wire().hear().value_or("");
    EXPECT_EQ(child.wait(), 0);
    EXPECT_THAT(said, HasSubstr("no space is left"));
    EXPECT_THAT(said, HasSubstr(file));
}

// ids: S4
TEST(SqlFailures, slow_statement_ends_at_its_deadline_and_frees_its_thread) {
    const TemporaryFolder folder;
    ArchiveClient client(folder.file("sessions.db"));
    ASSERT_TRUE(client.login(1));
    const auto endless = [](sql::Connection& db) {
        db.statement("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                     "SELECT COUNT(*) FROM n");
        return true;
    };
    for (const bool writing : {true, false}) {
        std::function<bool(sql::Connection&)> work = endless;
        const auto begun = std::chrono::steady_clock::now();
        auto& db = client.database();
        const auto deadline = deadline_in(short_deadline);
        const auto refused = client.run(writing ? db.write<bool>(std::move(work), deadline)
                                                : db.read<bool>(std::move(work), deadline));
        EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
        EXPECT_TRUE(client.login(writing ? 2 : 3));
        EXPECT_THAT(client.sessions(), SizeIs(writing ? 2 : 3));
    }
}

// ids: S4
TEST(SqlFailures, statement_timeout_bounds_calls_with_a_later_deadline) {
    const TemporaryFolder folder;
    ArchiveClient client(folder.file("sessions.db"), short_deadline);
    ASSERT_TRUE(client.login(1));
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = client.write<bool>([](sql::Connection& db) {
        db.statement("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                     "SELECT COUNT(*) FROM n");
        return true;
    });
    EXPECT_FALSE(refused);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, short_deadline + slack);
}

// ids: S4 R3
TEST(SqlFailures, call_that_was_given_up_is_never_committed) {
    const TemporaryFolder folder;
    ArchiveClient client(folder.file("sessions.db"));
    ASSERT_TRUE(client.login(1));
    std::promise<void> given_up;
    const auto refused = client.write<bool>(
        [&, released = given_up.get_future().share()](sql::Connection& db) {
            db.execute("session_confirm", {{"handle", ArchiveClient::handle(1).text()}});
            released.wait();
            return true;
        },
        short_deadline);
    given_up.set_value();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_TRUE(client.login(2));  // the writer is free again
    for (const auto& row : client.sessions()) EXPECT_FALSE(row.confirmed);
}

// ids: S4 R3
TEST(SqlFailures, failing_statement_undoes_its_whole_transaction) {
    const TemporaryFolder folder;
    ArchiveClient client(folder.file("sessions.db"));
    ASSERT_TRUE(client.login(1));
    auto order = ArchiveClient::login_order(2);
    order.replaced = async::Replaced{ArchiveClient::key(1), ArchiveClient::handle(1), false};
    order.row.key = ArchiveClient::key(1);  // taken: the insert fails after the ending was written
    const auto refused = client.run(client.archive().begin_login(order, deadline_in(patience)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_FALSE(client.sessions().at(0).ended.has_value());
    EXPECT_THAT(client.revocations(), IsEmpty());
    EXPECT_THAT(client.audit(), SizeIs(1));
}

std::string backup_of(const std::string& file) {
    auto backup = file + ".backup";
    run_sql(file, "VACUUM INTO '" + backup + "'");
    return backup;
}

void put_in_place(const std::string& backup, const std::string& file) {
    for (const auto* name : {"-wal", "-shm"}) fs::remove(file + name);
    fs::rename(backup, file);
}

// ids: S4
TEST(SqlFailures, replaced_file_is_noticed_before_anything_is_written) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ArchiveClient client(file);
    ASSERT_TRUE(client.login(1));
    const auto backup = backup_of(file);
    ASSERT_TRUE(client.login(2));
    put_in_place(backup, file);
    EXPECT_THAT(client.sessions(), SizeIs(1));
    EXPECT_TRUE(client.login(3));
    EXPECT_THAT(ArchiveClient(file).sessions(), SizeIs(2));
}

/// Whether somebody stands at the front of those who wait to write into `file`.
bool somebody_waits(const std::string& file) {
    auto next = runtime::PrivateFile::open(file + "-next").value();
    const auto free = next.lock(deadline_in(Millis{0}));
    EXPECT_TRUE(free);
    if (free && *free) next.unlock();
    return free && !*free;
}

// ids: S4 F17
TEST(SqlFailures, file_that_is_replaced_while_a_write_waits_for_its_turn_gets_the_write) {
    const TemporaryFolder folder;
    const auto file = folder.file("sessions.db");
    ArchiveClient client(file);
    ASSERT_TRUE(client.login(1));
    const auto backup = backup_of(file);
    sql::FileLock turn(file);
    ASSERT_TRUE(turn.acquire(deadline_in(slack)));
    auto waiting = std::async(std::launch::async, [&] { return client.login(2).has_value(); });
    EXPECT_TRUE(eventually([&] { return somebody_waits(file); }));
    put_in_place(backup, file);
    turn.release();
    EXPECT_TRUE(waiting.get());
    EXPECT_THAT(ArchiveClient(file).sessions(), SizeIs(2));
}

// ids: S31
TEST(SqlFailures, every_statement_is_counted) {
    const TemporaryFolder folder;
    ArchiveClient client(folder.file("sessions.db"));
    EXPECT_EQ(client.statements(), 0U);
    ASSERT_TRUE(client.login(1));
    auto before = client.statements();
    EXPECT_GT(before, 20U);  // settings and migrations too
    ASSERT_TRUE(client.login(2));
    // begin, handle, epoch, row, trail, key, event, trail, commit
    EXPECT_EQ(client.statements() - before, 9U);
    before = client.statements();
    ASSERT_TRUE(client.end(2));
    // begin, row, its end, sequence taken and read, revocation, trail, key, event, trail, commit
    EXPECT_EQ(client.statements() - before, 11U);
}

// ids: S4
TEST(SqlFailures, calls_beyond_the_queue_are_refused_at_once) {
    const TemporaryFolder folder;
    SqlOptions options;
    options.url = "sqlite:///" + folder.file("sessions.db");
    sql::DatabaseSettings settings;
    settings.queue_max = 1;
    runtime::Runtime runtime;
    auto database = sql::make_database(options, {}, settings).value();
    std::promise<void> inside;
    std::promise<void> leave;
    auto write = [&](std::function<bool(sql::Connection&)> work) {
        return runtime::run_sync(runtime,
                                 database->write<bool>(std::move(work), deadline_in(patience)),
                                 deadline_in(patience));
    };
    auto first = std::async(std::launch::async, [&] {
        return write([&](sql::Connection&) {
            inside.set_value();
            leave.get_future().wait();
            return true;
        });
    });
    inside.get_future().wait();
    std::vector<std::future<Result<bool>>> more;
    for (int i = 0; i < 3; ++i) {
        more.push_back(std::async(std::launch::async,
                                  [&] { return write([](sql::Connection&) { return true; }); }));
    }
    // One waits in the queue, the others are refused while the writer is busy.
    int refused = 0;
    while (refused < 2) {
        for (auto& call : more) {
            if (!call.valid() ||
                call.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
                continue;
            }
            const auto answer = call.get();
            ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error().code, Errc::audit_unavailable);
            ++refused;
        }
    }
    leave.set_value();
    EXPECT_TRUE(first.get());
    for (auto& call : more) {
        if (call.valid()) {
            EXPECT_TRUE(call.get());
        }
    }
}

}  // namespace
}  // namespace vedfolnir::test
