// The audit trail on a real database: every way to tamper with it, and what `vedfolnir audit verify` says.
#include "audit/entry.hpp"
#include "compose/audit_desk.hpp"
#include "compose/audit_keys.hpp"
#include "support/archive_client.hpp"
#include "support/audit_forger.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <sqlite3.h>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using audit::Fault;
using compose::AuditDesk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int events = 1050;  // 10 heads, and 50 entries that none covers
constexpr int events_per_head = 100;

/// Changes a database behind the product's back.
class Intruder {
public:
    explicit Intruder(const std::string& file) {
        if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("no database");
        run("PRAGMA busy_timeout = 20000");
    }
    ~Intruder() { sqlite3_close(db_); }
    Intruder(const Intruder&) = delete;
    Intruder& operator=(const Intruder&) = delete;

    void run(const std::string& text) {
        char* error = nullptr;
        const int done = sqlite3_exec(db_, text.c_str(), nullptr, nullptr, &error);
        if (done != SQLITE_OK) throw std::runtime_error(text + ": " + error);
    }
    std::string text(const std::string& query) {
        sqlite3_stmt* statement = nullptr;
        sqlite3_prepare_v2(db_, query.c_str(), -1, &statement, nullptr);
        std::string found;
        if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != nullptr)
            found = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
        return found;
    }

private:
    sqlite3* db_ = nullptr;
};

config::Settings settings_in(const TemporaryFolder& folder) {
    config::Settings settings;
    settings.options.development = true;
    settings.options.state_dir = folder.path();
    settings.options.sql.statement_timeout = patience;
    return settings;
}

struct Desk {
    explicit Desk(const TemporaryFolder& folder)
        : desk(AuditDesk::open(settings_in(folder)).value()) {}

    compose::VerifyReport verify(const std::vector<std::string>& heads = {}) {
        return desk->verify({heads, ""}, [](std::uint64_t, std::uint64_t) {}).value();
    }
    audit::SignedHead sign(const std::string& copy_to = "") {
        return desk->heads(true, copy_to).value().last.value();
    }

    std::unique_ptr<AuditDesk> desk;
};

/// Logins, endings and events of their own, numbered on from `from`.
void write_events(ArchiveClient& client, int from, int count, const std::string& flavour) {
    std::vector<async::AuditEvent> batch;
    for (int i = from; i < from + count; ++i) {
        if (i % 50 == 0) {
            const auto number =
                static_cast<std::uint32_t>(i + 1 + (flavour == "second" ? events : 0));
            ASSERT_TRUE(client.login(number));
            continue;
        }
        auto event = ArchiveClient::event("session.inspected");
        event.handle = ArchiveClient::handle(static_cast<std::uint32_t>(i));
        event.user_id = "user " + std::to_string(i % 7);
        event.detail = fmt::format(R"({{"note":"{} {}"}})", flavour, i);
        event.operation =
            OperationId{1, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)};
        batch.push_back(std::move(event));
    }
    ASSERT_TRUE(client.run(client.archive().append(std::move(batch), deadline_in(patience))));
}

void write_trail(const TemporaryFolder& folder, int from, int until, const std::string& flavour,
                 const std::string& copy) {
    ArchiveClient client(folder.file("sessions.db"));
    Desk desk(folder);
    for (int at = from; at < until; at += events_per_head) {
        const int count = std::min(events_per_head, until - at);
        write_events(client, at, count, flavour);
        if (count == events_per_head) desk.sign(copy);
    }
}

/// A trail of its own for each test, copied from one that is written once.
class AuditProof : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        original = new TemporaryFolder;
        write_trail(*original, 0, events, "first", original->file("heads.jsonl"));
        Intruder(original->file("sessions.db")).run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    static void TearDownTestSuite() {
        delete original;
        original = nullptr;
    }
    void SetUp() override {
        for (const auto* name : {"sessions.db", "heads.jsonl", "audit.key"})
            fs::copy_file(original->file(name), folder.file(name));
    }

    [[nodiscard]] std::string database() const { return folder.file("sessions.db"); }
    [[nodiscard]] std::string copy() const { return folder.file("heads.jsonl"); }

    void expect_first(Fault fault, std::uint64_t first, std::uint64_t last,
                      const std::vector<std::string>& heads = {}) {
        const auto report = Desk(folder).verify(heads);
        ASSERT_FALSE(report.findings.empty());
        const auto& found = report.findings.front();
        EXPECT_EQ(audit::to_string(found.fault), audit::to_string(fault)) << found.text;
        EXPECT_EQ(found.first, first) << found.text;
        EXPECT_EQ(found.last, last) << found.text;
        EXPECT_EQ(report.first_bad_id, first + 1);
    }

    void recompute() {
        ArchiveClient client(database());
        make_hashes_fit(client, events);
    }

    static TemporaryFolder* original;
    TemporaryFolder folder;
};

TemporaryFolder* AuditProof::original = nullptr;

// ids: S53 R13 I4
TEST_F(AuditProof, a_trail_that_nobody_touched_verifies) {
    const auto report = Desk(folder).verify({copy()});
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_THAT(report.notes, IsEmpty());
    EXPECT_EQ(report.entries, static_cast<std::uint64_t>(events));
    EXPECT_EQ(report.heads, 10U);
    EXPECT_TRUE(fs::exists(folder.file("audit-seen.json")));
}

// ids: F25 S53
TEST_F(AuditProof, an_edit_of_any_column_is_named) {
    const std::vector<std::pair<std::string, Fault>> edits{
        {"id = 100000", Fault::missing},
        {"partition_id = partition_id + 1", Fault::changed},
        {"leaf_index = leaf_index + 1", Fault::changed},
        {"at_ms = at_ms + 1", Fault::changed},
        {"at_ms = 'soon'", Fault::changed},
        {"type = 'session.ended'", Fault::changed},
        {"handle = NULL", Fault::changed},
        {"handle = 'ff' || substr(handle, 3)", Fault::changed},
        {"handle = upper(handle) || ' '", Fault::changed},
        {"operation = NULL", Fault::changed},
        {"operation = 'ff' || substr(operation, 3)", Fault::changed},
        {"operation_part = 7", Fault::changed},
        {"subject = '00000000000000000000000000000000'", Fault::changed},
        {"personal = (SELECT personal FROM audit_events WHERE id = 3)", Fault::changed},
        {"personal = ''", Fault::changed},
        {"leaf_hash = (SELECT leaf_hash FROM audit_events WHERE id = 3)", Fault::changed},
        {"leaf_hash = upper(leaf_hash)", Fault::changed},
    };
    for (const auto& [edit, fault] : edits) {
        SCOPED_TRACE(edit);
        fs::copy_file(original->file("sessions.db"), database(),
                      fs::copy_options::overwrite_existing);
        for (const auto* name : {"-wal", "-shm"}) fs::remove(database() + name);
        Intruder(database()).run("UPDATE audit_events SET " + edit + " WHERE id = 524");
        Intruder(database()).run("PRAGMA wal_checkpoint(TRUNCATE)");
        expect_first(fault, 523, 523);
    }
}

// ids: F25 S53
TEST_F(AuditProof, a_deleted_entry_is_named_also_where_the_rest_was_renumbered) {
    Intruder intruder(database());
    intruder.run("DELETE FROM audit_events WHERE id = 524");
    expect_first(Fault::missing, 523, 523);
    intruder.run("UPDATE audit_events SET id = -id WHERE id > 524");
    intruder.run("UPDATE audit_events SET id = -id - 1, leaf_index = leaf_index - 1 WHERE id < 0");
    expect_first(Fault::changed, 523, 523);
}

// ids: F25 S53
TEST_F(AuditProof, an_inserted_entry_is_named) {
    const std::string columns =
        "partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash";
    const std::string forged =
        "partition_id, 523, at_ms, type, handle, NULL, 0, subject, personal, leaf_hash";
    Intruder intruder(database());
    intruder.run("UPDATE audit_events SET id = -id WHERE id > 523");
    intruder.run("UPDATE audit_events SET id = -id + 1, leaf_index = leaf_index + 1 WHERE id < 0");
    intruder.run("INSERT INTO audit_events (id, " + columns + ") SELECT 524, " + forged +
                 " FROM audit_events WHERE id = 1");
    expect_first(Fault::changed, 523, 523);
}

// ids: F25 S53
TEST_F(AuditProof, an_entry_behind_the_last_or_before_the_first_is_named) {
    const std::string columns =
        "partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash";
    Intruder intruder(database());
    intruder.run(
        "INSERT INTO audit_events (id, " + columns +
        ") SELECT 1051, partition_id, 1050, at_ms, type, handle, NULL, 0, subject, personal, "
        "leaf_hash FROM audit_events WHERE id = 1");
    expect_first(Fault::added, events, events);
    intruder.run("UPDATE audit_events SET id = 0 WHERE id = 1051");
    expect_first(Fault::added, 0, 0);
}

// ids: F25 S53
TEST_F(AuditProof, entries_that_changed_places_are_named) {
    Intruder intruder(database());
    intruder.run("UPDATE audit_events SET id = -1, leaf_index = 700 WHERE id = 524");
    intruder.run("UPDATE audit_events SET id = 524, leaf_index = 523 WHERE id = 701");
    intruder.run("UPDATE audit_events SET id = 701 WHERE id = -1");
    expect_first(Fault::changed, 523, 523);
}

// ids: F25 S53
TEST_F(AuditProof, a_cut_tail_is_found_by_the_tree_the_copied_head_and_the_last_verification) {
    ASSERT_THAT(Desk(folder).verify().findings, IsEmpty());
    Intruder intruder(database());
    intruder.run("DELETE FROM audit_events WHERE id > 950");
    expect_first(Fault::missing, 950, 950);
    recompute();
    intruder.run("DELETE FROM audit_heads WHERE size > 950");
    expect_first(Fault::missing, 950, 950);  // by what the last verification saw: 1050
    fs::remove(folder.file("audit-seen.json"));
    // Without any memory a cut is invisible; with the copied head it is not.
    EXPECT_THAT(Desk(folder).verify().findings, IsEmpty());
    fs::remove(folder.file("audit-seen.json"));
    const auto report = Desk(folder).verify({copy()});
    ASSERT_FALSE(report.findings.empty());
    EXPECT_THAT(report.findings, ::testing::Contains(::testing::AllOf(
                                     ::testing::Field(&audit::Finding::fault, Fault::missing),
                                     ::testing::Field(&audit::Finding::first, 950U))));
}

// ids: F25 S53
TEST_F(AuditProof, a_past_rewritten_with_all_its_hashes_is_narrowed_down_to_two_heads) {
    Intruder(database()).run("UPDATE audit_events SET type = 'session.ended' WHERE id = 524");
    recompute();
    expect_first(Fault::rewritten, 500, 599);
}

// ids: F25 S53
TEST_F(AuditProof, a_swapped_forged_or_missing_head_is_named) {
    const auto fresh = [&] {
        fs::copy_file(original->file("sessions.db"), database(),
                      fs::copy_options::overwrite_existing);
        for (const auto* name : {"-wal", "-shm"}) fs::remove(database() + name);
    };
    for (const auto* column :
         {"root", "previous", "signature", "key_id", "size", "at_ms", "partition_id"}) {
        SCOPED_TRACE(column);
        fresh();
        {
            Intruder intruder(database());
            intruder.run(
                fmt::format("UPDATE audit_heads SET {0} = (SELECT {0} || '' FROM audit_heads "
                            "WHERE number = 3) WHERE number = 6",
                            column));
            if (std::string_view(column) == "key_id")
                intruder.run("UPDATE audit_heads SET key_id = '0011223344556677' WHERE number = 6");
            if (std::string_view(column) == "at_ms" || std::string_view(column) == "partition_id")
                intruder.run(
                    fmt::format("UPDATE audit_heads SET {0} = {0} + 1 WHERE number = 6", column));
            intruder.run("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        const auto report = Desk(folder).verify();
        ASSERT_FALSE(report.findings.empty());
        EXPECT_EQ(report.findings.front().fault, Fault::head_forged)
            << report.findings.front().text;
        EXPECT_THAT(report.findings.front().text, HasSubstr("head 6"));
    }
    fresh();
    Intruder intruder(database());
    intruder.run("DELETE FROM audit_heads WHERE number = 6");
    expect_first(Fault::head_missing, 500, 699);
    intruder.run("DELETE FROM audit_heads");
    expect_first(Fault::head_missing, 0, 99, {copy()});
}

// ids: F25 S53
TEST_F(AuditProof, a_fork_is_found_against_the_copied_heads) {
    // The same beginning, cut at 500 as an old backup would be, and another future signed with the same key.
    const TemporaryFolder fork;
    for (const auto* name : {"sessions.db", "audit.key"})
        fs::copy_file(original->file(name), fork.file(name));
    {
        ArchiveClient client(fork.file("sessions.db"));
        Intruder intruder(fork.file("sessions.db"));
        intruder.run("DELETE FROM audit_events WHERE id > 500");
        intruder.run("DELETE FROM audit_heads WHERE size > 500");
        const auto reset = client.write<bool>([](sql::Connection& db) {
            audit::Frontier tree;
            for (const auto& leaf : sql::list_leaves(db, 0, 500, 500)) tree.append(leaf);
            db.statement(
                fmt::format("UPDATE audit_trail SET size = 500, frontier = '{}'", tree.text()));
            return true;
        });
        ASSERT_TRUE(reset);
    }
    write_trail(fork, 500, events, "second", "");
    EXPECT_THAT(Desk(fork).verify().findings, IsEmpty());

    const auto report = Desk(fork).verify({copy()});
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings.front().fault, Fault::rewritten);
    EXPECT_EQ(report.findings.front().first, 500U);
    EXPECT_EQ(report.findings.front().last, 599U);
    // Copying is refused as well: the copy knows another head 10.
    const auto copied = Desk(fork).desk->heads(false, copy());
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, Errc::conflict);
}

// ids: F25 S53
TEST_F(AuditProof, edits_of_what_is_kept_about_the_tree_are_named) {
    Intruder intruder(database());
    intruder.run("UPDATE audit_trail SET size = size + 1");
    const auto report = Desk(folder).verify();
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings.front().fault, Fault::missing);
    EXPECT_EQ(report.findings.front().first, static_cast<std::uint64_t>(events));
    intruder.run("UPDATE audit_trail SET size = size - 1, first_id = 2");
    EXPECT_THAT(Desk(folder).verify().findings, ::testing::Not(IsEmpty()));
    // A damaged tree is not built upon.
    intruder.run("UPDATE audit_trail SET first_id = 1, frontier = 'x'");
    const auto refused = ArchiveClient(database()).login(9999);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_THAT(refused.error().detail, HasSubstr("audit verify"));
}

// ids: R13 S53
TEST_F(AuditProof, proofs_hold_for_what_is_there_and_against_nothing_else) {
    Desk desk(folder);
    const auto key = desk.desk->verify_key("").value().value();
    const auto proof = desk.desk->prove(524).value();
    EXPECT_EQ(audit::refusal(proof, key), "");
    EXPECT_EQ(proof.head.head.number, 10U);
    EXPECT_EQ(audit::refusal(audit::parse_inclusion(audit::proof_text(proof)).value(), key), "");
    EXPECT_THAT(desk.desk->prove(1020).error().detail, HasSubstr("audit head --sign"));
    EXPECT_THAT(desk.desk->prove(5000).error().detail, HasSubstr("no event 5000"));

    const auto heads = compose::read_heads(copy(), true).value();
    for (const auto& [first, second] : {std::pair{0, 9}, {3, 4}, {5, 5}}) {
        const auto grown = desk.desk->prove(heads.at(static_cast<std::size_t>(first)),
                                            heads.at(static_cast<std::size_t>(second)));
        EXPECT_EQ(audit::refusal(grown.value(), key), "");
    }
    EXPECT_FALSE(desk.desk->prove(heads[4], heads[3]));
}

// ids: R13
TEST_F(AuditProof, a_copy_that_fails_is_reported_and_made_up_for) {
    Desk desk(folder);
    const auto failed = desk.desk->heads(true, folder.file("no/such/folder"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::audit_unavailable);
    const auto done = desk.desk->heads(true, copy()).value();
    EXPECT_EQ(done.made, 0U);
    EXPECT_EQ(done.copied, 1U);
    EXPECT_EQ(compose::read_heads(copy(), true).value().size(), 11U);
    EXPECT_THAT(Desk(folder).verify({copy()}).findings, IsEmpty());
}

// ids: I4 R13
TEST(AuditProcesses, two_that_write_at_once_leave_one_tree_without_gaps) {
    const TemporaryFolder folder;
    std::vector<std::unique_ptr<Child>> children;
    for (int child = 0; child < 2; ++child) {
        children.push_back(std::make_unique<Child>([&, child](Wire&) {
            ArchiveClient client(folder.file("sessions.db"));
            for (int i = 0; i < 60; ++i) {
                if (!client.login(static_cast<std::uint32_t>(1000 * child + i))) return 1;
            }
            return 0;
        }));
    }
    for (auto& child : children) EXPECT_EQ(child->wait(), 0);
    Desk desk(folder);
    desk.sign();
    const auto report = desk.verify();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.entries, 120U);
}

// ids: I4 R13
TEST(AuditProcesses, one_that_is_killed_leaves_a_tree_that_verifies) {
    const TemporaryFolder folder;
    for (std::uint32_t round = 0; round < 5; ++round) {
        Child child([&](Wire& wire) {
            ArchiveClient client(folder.file("sessions.db"));
            for (std::uint32_t i = 0;; ++i) {
                if (!client.login(100'000 * round + i)) return 1;
                if (i == 3) wire.say("under way");
            }
        });
        ASSERT_TRUE(child.wire().hear());
        child.kill_and_wait();
        Desk desk(folder);
        desk.sign();
        const auto report = desk.verify();
        EXPECT_THAT(report.findings, IsEmpty());
        EXPECT_GE(report.entries, 4U * (round + 1));
    }
}

}  // namespace
}  // namespace vedfolnir::test
