// F25 on each engine: what was done to the rows behind the product's back, and the first bad index that is named.
#include "audit/entry.hpp"
#include "compose/audit_desk.hpp"
#include "compose/audit_keys.hpp"
#include "compose/trail_ring.hpp"
#include "sql/audit_retention.hpp"
#include "support/archive_client.hpp"
#include "support/audit_forger.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

namespace vedfolnir::test {
namespace {

using audit::Fault;
using compose::AuditDesk;
using ::testing::IsEmpty;

constexpr std::uint64_t batches = 6;
constexpr std::uint64_t per_batch = 20;  // a head covers each batch but the last
constexpr std::uint64_t total = batches * per_batch;
constexpr std::uint64_t covered = total - per_batch;
constexpr const char* columns =
    "partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash";

class AuditEngines : public ::testing::TestWithParam<SqlEngine> {
protected:
    AuditEngines() {
        url_ = fresh_database(GetParam(), folder_.file("sessions.db"));
        client_.emplace(url_);
    }
    void SetUp() override {
        RecordProperty("positions_seed", std::to_string(seed_));
        for (std::uint64_t batch = 0; batch < batches; ++batch) {
            ASSERT_TRUE(write_events(batch));
            if (batch + 1 == batches) break;
            ASSERT_TRUE(desk()->heads(true, copy()));
        }
        ASSERT_THAT(verify().findings, IsEmpty());
        std::filesystem::remove(folder_.file("audit-seen.json"));
    }

    /// Where something is tampered with.
    [[nodiscard]] std::uint64_t draw(std::uint64_t first, std::uint64_t last) {
        return std::uniform_int_distribution(first, last)(random_);
    }
    [[nodiscard]] std::unique_ptr<AuditDesk> desk() const {
        config::Settings settings;
        settings.options.development = true;
        settings.options.keys.keys.push_back({1, std::string(32, 'k')});  // as audit_sealer
        settings.options.state_dir = folder_.path();
        settings.options.sql.url = url_;
        settings.options.sql.statement_timeout = patience;
        return AuditDesk::open(settings).value();
    }
    [[nodiscard]] std::string copy() const { return folder_.file("heads.jsonl"); }
    [[nodiscard]] compose::VerifyReport verify(const std::vector<std::string>& heads = {}) const {
        return desk()->verify({heads, ""}, [](std::uint64_t, std::uint64_t) {}).value();
    }
    [[nodiscard]] Result<std::uint32_t> write_events(std::uint64_t batch) {
        std::vector<async::AuditEvent> events;
        for (std::uint64_t i = 0; i < per_batch; ++i) {
            const auto number = static_cast<std::uint32_t>(batch * per_batch + i);
            auto event = ArchiveClient::event("session.inspected");
            event.handle = ArchiveClient::handle(number);
            event.user_id = "user " + std::to_string(number % 7);
            event.detail = fmt::format(R"({{"note":"ä \" {}"}})", number);
            event.operation = OperationId{1, static_cast<std::uint8_t>(number)};
            events.push_back(std::move(event));
        }
        return client_->run(client_->archive().append(std::move(events), deadline_in(patience)));
    }
    /// Statements behind the product's back.
    void tamper(const std::vector<std::string>& statements) {
        const auto done = client_->write<bool>([&](sql::Connection& db) {
            for (const auto& statement : statements) db.statement(statement);
            return true;
        });
        ASSERT_TRUE(done) << done.error().detail;
    }
    static void expect_first(const compose::VerifyReport& report, Fault fault, std::uint64_t first,
                             std::uint64_t last) {
        ASSERT_FALSE(report.findings.empty());
        const auto& found = report.findings.front();
        EXPECT_EQ(audit::to_string(found.fault), audit::to_string(fault)) << found.text;
        EXPECT_EQ(found.first, first) << found.text;
        EXPECT_EQ(found.last, last) << found.text;
        EXPECT_EQ(report.first_bad_id, first + 1);
    }

    const std::uint64_t seed_ = 0x7e57'f250 + static_cast<std::uint64_t>(GetParam());
    std::mt19937_64 random_{seed_};
    const TemporaryFolder folder_;
    std::string url_;
    std::optional<ArchiveClient> client_;
};

INSTANTIATE_TEST_SUITE_P(Engines, AuditEngines,
                         ::testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                           SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: F25 S53 R13
TEST_P(AuditEngines, what_nobody_touched_verifies_and_is_proven) {
    const auto report = verify({copy()});
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.entries, total);
    EXPECT_EQ(report.heads, 5U);
    const auto desk_of_it = desk();
    const auto key = desk_of_it->verify_key("").value().value();
    const auto proof = desk_of_it->prove(57).value();
    EXPECT_EQ(audit::refusal(proof, key), "");
    const auto heads = compose::read_heads(copy(), true).value();
    EXPECT_EQ(audit::refusal(desk_of_it->prove(heads.at(1), heads.at(4)).value(), key), "");
}

// ids: F25 S53
TEST_P(AuditEngines, an_edit_is_named) {
    const std::vector<std::string> edits{
        "at_ms = at_ms + 1",  "type = 'session.ended'",      "handle = NULL", "operation = NULL",
        "operation_part = 7", "leaf_index = leaf_index + 1", "personal = ''", "subject = '00'",
        "partition_id = 1",   "leaf_hash = handle",
    };
    // From the end to the beginning, so that each is the first bad one.
    std::uint64_t index = total;
    for (const auto& edit : edits) {
        index = draw(index - index / edits.size(), index - 1);
        SCOPED_TRACE(fmt::format("{} of entry {}", edit, index));
        tamper({fmt::format("UPDATE audit_events SET {} WHERE id = {}", edit, index + 1)});
        expect_first(verify(), Fault::changed, index, index);
    }
}

// ids: F25 S53
TEST_P(AuditEngines, an_edit_with_all_hashes_made_to_fit_is_narrowed_down_to_two_heads) {
    const auto index = draw(0, covered - 1);
    tamper(
        {fmt::format("UPDATE audit_events SET type = 'session.ended' WHERE id = {}", index + 1)});
    make_hashes_fit(*client_, total);
    const auto head = index - index % per_batch;
    expect_first(verify(), Fault::rewritten, head, head + per_batch - 1);
}

// ids: F25 S53
TEST_P(AuditEngines, a_deleted_entry_is_named_also_where_the_rest_was_renumbered) {
    const auto index = draw(0, total - 2);
    tamper({fmt::format("DELETE FROM audit_events WHERE id = {}", index + 1)});
    expect_first(verify(), Fault::missing, index, index);
    tamper({fmt::format("UPDATE audit_events SET id = -id WHERE id > {}", index),
            "UPDATE audit_events SET id = -id - 1, leaf_index = leaf_index - 1 WHERE id < 0"});
    expect_first(verify(), Fault::changed, index, index);
}

// ids: F25 S53
TEST_P(AuditEngines, an_inserted_entry_is_named) {
    const auto index = draw(1, total - 1);
    tamper({fmt::format("UPDATE audit_events SET id = -id WHERE id > {}", index),
            "UPDATE audit_events SET id = -id + 1, leaf_index = leaf_index + 1 WHERE id < 0",
            fmt::format("INSERT INTO audit_events (id, {}) SELECT {}, partition_id, {}, at_ms, "
                        "type, handle, NULL, 0, subject, personal, leaf_hash FROM audit_events "
                        "WHERE id = 1",
                        columns, index + 1, index)});
    expect_first(verify(), Fault::changed, index, index);
}

// ids: F25 S53
TEST_P(AuditEngines, entries_that_changed_places_are_named) {
    const auto a = draw(0, total / 2 - 1);
    const auto b = draw(total / 2, total - 1);
    tamper({fmt::format("UPDATE audit_events SET id = -1, leaf_index = {} WHERE id = {}", b, a + 1),
            fmt::format("UPDATE audit_events SET id = {}, leaf_index = {} WHERE id = {}", a + 1, a,
                        b + 1),
            fmt::format("UPDATE audit_events SET id = {} WHERE id = -1", b + 1)});
    expect_first(verify(), Fault::changed, a, a);
}

// ids: F25 S53
TEST_P(AuditEngines, a_cut_tail_is_named_by_the_tree_and_by_the_copied_head) {
    const auto left = draw(1, covered - 1);
    tamper({fmt::format("DELETE FROM audit_events WHERE id > {}", left)});
    expect_first(verify(), Fault::missing, left, left);
    make_hashes_fit(*client_, total);
    tamper({fmt::format("DELETE FROM audit_heads WHERE size > {}", left)});
    EXPECT_THAT(verify().findings, IsEmpty()) << "without memory a cut is invisible";
    expect_first(verify({copy()}), Fault::missing, left, left);
    std::filesystem::remove(folder_.file("audit-seen.json"));
    expect_first(verify({copy()}), Fault::missing, left, left);
}

// ids: F25 S53
TEST_P(AuditEngines, a_fork_is_found_against_the_copied_heads) {
    // Set back to one of the heads, as an old backup would be, and another future signed with the same key.
    const auto left = per_batch * draw(1, batches - 2);
    tamper({fmt::format("DELETE FROM audit_events WHERE id > {}", left),
            fmt::format("DELETE FROM audit_heads WHERE size > {}", left)});
    make_hashes_fit(*client_, total);
    for (std::uint64_t batch = 0; batch < 2; ++batch) {
        ASSERT_TRUE(write_events(batches + batch));
        ASSERT_TRUE(desk()->heads(true, ""));
    }
    EXPECT_THAT(verify().findings, IsEmpty()) << "a fork agrees with itself";
    std::filesystem::remove(folder_.file("audit-seen.json"));
    expect_first(verify({copy()}), Fault::rewritten, left, left + per_batch - 1);
    EXPECT_EQ(desk()->heads(false, copy()).error().code, Errc::conflict);
}

// ids: F25 S53 N10
TEST_P(AuditEngines, swapped_heads_are_named) {
    const auto a = draw(1, 2);
    const auto b = draw(4, 5);
    tamper({fmt::format("UPDATE audit_heads SET number = -1 WHERE number = {}", a),
            fmt::format("UPDATE audit_heads SET number = {} WHERE number = {}", a, b),
            fmt::format("UPDATE audit_heads SET number = {} WHERE number = -1", b)});
    expect_first(verify(), Fault::head_forged, per_batch * (a - 1), per_batch * b - 1);
}

// ids: R15 C27 S53
TEST_P(AuditEngines, an_erased_user_is_unreadable_and_everything_verifies) {
    const auto key = desk()->verify_key("").value().value();
    const auto proof = desk()->prove(2).value();  // an event of user 1
    const auto named = [&](const std::string& user) {
        const auto events = client_->audit();
        return std::ranges::count(events, user, &async::AuditEvent::user_id);
    };
    const auto before = named("user 1");
    const auto others = named("user 2");
    ASSERT_GT(before, 0);
    const auto receipt = desk()->erase("user 1", "operator:test").value();
    EXPECT_TRUE(receipt.had_key);
    EXPECT_GE(receipt.entries, static_cast<std::uint64_t>(before));
    EXPECT_EQ(named("user 1"), 0);
    EXPECT_EQ(named("user 2"), others);
    EXPECT_FALSE(desk()->erase("user 1", "operator:test").value().had_key);
    EXPECT_THAT(verify({copy()}).findings, IsEmpty());
    EXPECT_EQ(audit::refusal(proof, key), "");
    // Who comes back gets another key; what was erased stays so.
    ASSERT_TRUE(write_events(batches));
    EXPECT_GT(named("user 1"), 0);
    EXPECT_LT(named("user 1"), before);
    EXPECT_THAT(verify({copy()}).findings, IsEmpty());
}

// ids: S27 S53
TEST_P(AuditEngines, retention_drops_whole_partitions_and_older_proofs_hold) {
    const auto desk_of_it = desk();
    const auto key = desk_of_it->verify_key("").value().value();
    const auto proof = desk_of_it->prove(57).value();
    const auto now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
    const auto drop = [&](TimePoint at, TimePoint before, std::uint32_t limit) {
        return client_
            ->write<std::uint32_t>([&](sql::Connection& db) {
                return sql::drop_old_partitions(db, {*audit_sealer(), at}, before, limit);
            })
            .value();
    };
    // The next month begins with its first event.
    const auto next_month = now + std::chrono::days(32);
    const auto turned = client_->write<bool>([&](sql::Connection& db) {
        sql::write_events(db, {*audit_sealer(), next_month},
                          {{ArchiveClient::event("session.inspected")}});
        return true;
    });
    ASSERT_TRUE(turned) << turned.error().detail;
    ASSERT_TRUE(desk_of_it->heads(true, copy()));

    EXPECT_EQ(drop(next_month, next_month, 50), 0U) << "closed, but not for long enough";
    tamper({fmt::format(
        "INSERT INTO audit_holds (partition_id, reason, at_ms) VALUES ({}, 'case 17', 1)",
        proof.head.head.partition)});
    const auto later = next_month + std::chrono::days(1);
    EXPECT_EQ(drop(later, later, 50), 0U) << "held";
    tamper({"DELETE FROM audit_holds"});
    EXPECT_EQ(drop(later, later, 50), 50U);
    EXPECT_THAT(verify({copy()}).findings, IsEmpty()) << "half removed";
    EXPECT_EQ(drop(later, later, 50), 50U);
    EXPECT_EQ(drop(later, later, 50), 20U);
    EXPECT_EQ(drop(later, later, 50), 0U);

    const auto report = verify({copy()});
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.entries, 2U) << "the first of the month, and that the one before was dropped";
    EXPECT_EQ(audit::refusal(proof, key), "");
    const auto heads = compose::read_heads(copy(), true).value();
    EXPECT_EQ(desk_of_it->head(5).value().head.root, heads.at(4).head.root);
    // An entry that comes back is one too many.
    tamper({fmt::format(
                "INSERT INTO audit_events (id, {0}) SELECT 0, {0} FROM audit_events WHERE id = {1}",
                columns, total + 1),
            "UPDATE audit_events SET operation = NULL WHERE id = 0"});
    EXPECT_THAT(verify().findings, ::testing::Not(IsEmpty()));
}

// ids: S88
TEST_P(AuditEngines, a_ring_with_another_index_secret_is_told_apart) {
    ManagerOptions options;
    options.store = StoreKind::sql;
    options.state_dir = folder_.path();
    options.sql.url = url_;
    options.sql.statement_timeout = patience;
    const auto with = [&](char key) {
        options.keys.keys = {{1, std::string(32, key)}};
        return compose::check_trail_ring(options);
    };
    const auto expect_told_apart = [&] {
        EXPECT_TRUE(with('k'));
        const auto other = with('x');
        ASSERT_FALSE(other);
        EXPECT_EQ(other.error().code, Errc::key_unavailable);
    };
    // Persons only; then also what concerns nobody.
    expect_told_apart();
    std::vector<async::AuditEvent> own{ArchiveClient::event("fsck.done")};
    own.front().user_id.clear();
    ASSERT_TRUE(client_->run(client_->archive().append(std::move(own), deadline_in(patience))));
    expect_told_apart();
    tamper({"DELETE FROM audit_subjects"});
    EXPECT_TRUE(with('x')) << "nobody is named";
}

}  // namespace
}  // namespace vedfolnir::test
