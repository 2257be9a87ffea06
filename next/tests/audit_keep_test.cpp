// Months that move into archives, holds, and users who are erased: what was proven before still is.
#include "compose/audit_desk.hpp"
#include "compose/audit_keys.hpp"
#include "support/archive_client.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sqlite3.h>

namespace vedfolnir::test {
namespace {

using audit::Fault;
using compose::AuditDesk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

void quiet(std::uint64_t, std::uint64_t) {}

/// January to March of 2026, 40 entries each, written through the archive; the key ring of audit_sealer.
class AuditKeep : public ::testing::Test {
protected:
    void SetUp() override {
        for (int month = 0; month < 3; ++month) write_month(month);
        settings.options.development = true;
        settings.options.state_dir = folder.path();
        settings.options.sql.statement_timeout = patience;
        settings.options.keys.keys.push_back({1, std::string(32, 'k')});
        desk = AuditDesk::open(settings).value();
    }

    void write_month(int month) {
        SqlOptions options;
        options.url = "sqlite:///" + folder.file("sessions.db");
        sql::DatabaseSettings with;
        with.statement_timeout = patience;
        const auto now = ArchiveClient::start() + std::chrono::days(31 * month);
        with.clock = [now] { return now; };
        runtime::Runtime runtime;
        auto database = sql::make_database(options, {}, with).value();
        auto archive = sql::make_archive(database, audit_sealer());
        std::vector<async::AuditEvent> events;
        for (int i = 0; i < 40; ++i) {
            auto event = ArchiveClient::event("session.inspected");
            event.at = now;
            event.user_id = i % 2 == 0 ? "alice" : "bob";
            event.detail = fmt::format(R"({{"note":"=month {}, {}"}})", month, i);
            events.push_back(std::move(event));
        }
        ASSERT_TRUE(runtime::run_sync(runtime, archive->append(events, deadline_in(patience)),
                                      deadline_in(patience)));
        database->close();
        runtime.stop();
    }

    std::vector<async::AuditEvent> events_of(const std::string& archive = "") {
        std::vector<async::AuditEvent> found;
        const compose::EventSink sink = [&](const async::AuditEvent& event) {
            found.push_back(event);
            return true;
        };
        EXPECT_TRUE(archive.empty() ? desk->each_event(sink) : desk->each_event_of(archive, sink));
        return found;
    }

    [[nodiscard]] std::string file() const { return folder.file("archive.jsonl"); }
    compose::ArchiveReport archive() {
        return desk->archive(ArchiveClient::start() + std::chrono::days(65), file(), "operator:test",
                             quiet)
            .value();
    }

    TemporaryFolder folder;
    config::Settings settings;
    std::unique_ptr<AuditDesk> desk;
};

// ids: F26 R15 S27 S73
TEST_F(AuditKeep, a_month_moves_into_an_archive_and_older_proofs_still_hold) {
    ASSERT_TRUE(desk->heads(true, folder.file("heads.jsonl")));
    const auto proof = desk->prove(7).value();
    const auto report = archive();
    EXPECT_THAT(report.partitions, ElementsAre(202601, 202602));
    EXPECT_EQ(report.entries, 80U);

    const auto key = desk->verify_key("").value().value();
    EXPECT_EQ(audit::refusal(proof, key), "");
    const auto verified = desk->verify({{folder.file("heads.jsonl")}, ""}, quiet).value();
    EXPECT_THAT(verified.findings, IsEmpty());
    EXPECT_EQ(verified.entries, 42U);  // March, and the two events of archiving
    EXPECT_THAT(desk->verify_archive(file(), {{folder.file("heads.jsonl")}, ""}, quiet).value().findings,
                IsEmpty());

    // Queries span both parts.
    const auto archived = events_of(file());
    ASSERT_EQ(archived.size(), 80U);
    EXPECT_EQ(archived.front().user_id, "alice");
    EXPECT_EQ(archived.front().id, 1U);
    EXPECT_EQ(events_of().front().id, 81U);
    EXPECT_EQ(events_of().back().type, "audit.archived");
    EXPECT_EQ(desk->prove(7).error().code, Errc::bad_value);
}

// ids: R15 S27
TEST_F(AuditKeep, a_held_month_stays_until_it_is_released) {
    ASSERT_TRUE(desk->hold(202601, "case 17", "operator:test").value());
    auto report = archive();
    EXPECT_THAT(report.partitions, ElementsAre(202602));
    EXPECT_THAT(report.held, ElementsAre(202601));
    EXPECT_THAT(desk->verify({}, quiet).value().findings, IsEmpty());
    ASSERT_TRUE(desk->hold(202601, "", "operator:test").value());
    EXPECT_FALSE(desk->hold(202601, "", "operator:test").value());
    std::filesystem::remove(file());
    EXPECT_THAT(archive().partitions, ElementsAre(202601));
    EXPECT_THAT(desk->verify({}, quiet).value().findings, IsEmpty());
}

// ids: R15 S27
TEST_F(AuditKeep, nothing_is_removed_where_the_file_cannot_be_written) {
    std::ofstream(file()) << "something else\n";
    const auto refused = desk->archive(ArchiveClient::start() + std::chrono::days(65), file(),
                                       "operator:test", quiet);
    EXPECT_EQ(refused.error().code, Errc::bad_options);
    EXPECT_EQ(events_of().size(), 120U);
}

// ids: F25 S73
TEST_F(AuditKeep, an_edited_archive_is_named) {
    ASSERT_THAT(archive().partitions, ElementsAre(202601, 202602));
    std::vector<std::string> lines;
    std::ifstream in(file());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    const auto with = [&](const std::function<void(std::vector<std::string>&)>& edit) {
        auto changed = lines;
        edit(changed);
        std::ofstream out(folder.file("edited.jsonl"));
        for (const auto& line : changed) out << line << "\n";
        out.close();
        return desk->verify_archive(folder.file("edited.jsonl"), {}, quiet).value();
    };
    // Line 0 is the header, entry i stands in line i + 1.
    const auto edited = with([](auto& all) {
        all[8].replace(all[8].find("session.inspected"), 17, "session.inspectee");
    });
    ASSERT_FALSE(edited.findings.empty());
    EXPECT_EQ(edited.findings.front().fault, Fault::changed);
    EXPECT_EQ(edited.findings.front().first, 7U);
    const auto cut = with([](auto& all) { all.erase(all.begin() + 21); });
    EXPECT_EQ(cut.findings.at(0).fault, Fault::missing);
    EXPECT_EQ(cut.findings.at(0).first, 20U);
    const auto swapped = with([](auto& all) { std::swap(all[3], all[4]); });
    EXPECT_EQ(swapped.findings.at(0).first, 2U);
    const auto whole = with([](auto&) {});
    EXPECT_THAT(whole.findings, IsEmpty());
    EXPECT_EQ(whole.entries, 80U);
}

// ids: R15 C27
TEST_F(AuditKeep, an_erased_user_is_unreadable_everywhere_and_everything_verifies) {
    archive();
    const auto receipt = desk->erase("alice", "operator:test").value();
    EXPECT_TRUE(receipt.had_key);
    EXPECT_EQ(receipt.entries, 20U);
    EXPECT_FALSE(desk->erase("alice", "operator:test").value().had_key);
    for (const auto& from : {std::string(), file()}) {
        std::size_t erased = 0;
        for (const auto& event : events_of(from)) {
            EXPECT_NE(event.user_id, "alice");
            if (event.detail == R"({"erased":true,"subject":")" + receipt.subject + R"("})") ++erased;
        }
        EXPECT_EQ(erased, from.empty() ? 20U : 40U);
    }
    EXPECT_THAT(desk->verify({}, quiet).value().findings, IsEmpty());
    EXPECT_THAT(desk->verify_archive(file(), {}, quiet).value().findings, IsEmpty());
    // Who comes back gets another key; what was erased stays so.
    write_month(12);
    const auto back = events_of().back();
    EXPECT_EQ(back.user_id, "bob");
    EXPECT_THAT(desk->verify({}, quiet).value().findings, IsEmpty());
}

}  // namespace
}  // namespace vedfolnir::test
