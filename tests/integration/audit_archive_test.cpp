// Months that are over as files: what they hold, what nobody can change in them unseen, and what is not archived.
#include "audit/entry.hpp"
#include "audit_months.hpp"
#include "compose/archive_file.hpp"
#include "compose/audit_archiver.hpp"
#include "compose/audit_keys.hpp"
#include "config/settings.hpp"
#include "crypto/signature.hpp"
#include "model/bytes.hpp"
#include "model/hex.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using audit::Fault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t per_month = 40;

/// An archive, taken apart and put together again by somebody who knows its form.
struct Forged {
    explicit Forged(const std::string& path) {
        const auto reader = compose::ArchiveReader::open(path).value();
        header = reader->header();
        while (const auto entry = reader->next().value()) {
            audit::StoredEntry stored;
            stored.entry = audit::parse_entry(entry->canonical).value();
            stored.personal = entry->personal;
            stored.leaf = entry->leaf;
            entries.push_back(std::move(stored));
        }
    }
    void write(const std::string& path) const {
        const auto writer = compose::ArchiveWriter::create(path, header).value();
        for (const auto& entry : entries) ASSERT_TRUE(writer->add(entry));
        ASSERT_TRUE(writer->finish());
        ASSERT_TRUE(writer->publish());
    }
    /// Everything that needs no key.
    void make_hashes_fit() {
        audit::Frontier tree;
        for (auto& stored : entries) {
            stored.entry.commitment = audit::commitment_to(stored.personal);
            stored.leaf = audit::leaf_hash(audit::canonical_bytes(stored.entry));
            tree.append(stored.leaf);
        }
        header.size = tree.size();
        header.frontier = tree.text();
    }

    audit::ArchiveHeader header;
    std::vector<audit::StoredEntry> entries;
};

class AuditArchives : public AuditMonths {
protected:
    void SetUp() override {
        for (int month = 0; month < 3; ++month) write_month(month, per_month);
    }
    [[nodiscard]] std::string to() const { return folder_.file("archive"); }
    [[nodiscard]] std::string january() const { return compose::archive_path(to(), 202601); }
    [[nodiscard]] std::string copy() const { return folder_.file("heads.jsonl"); }
    [[nodiscard]] compose::ArchiveReport archive() const {
        EXPECT_TRUE(desk()->heads(true, copy()));
        return desk()->archive(to(), "operator:test", quiet).value();
    }
    [[nodiscard]] compose::VerifyReport verify(const std::string& file,
                                               const std::vector<std::string>& heads = {}) const {
        return desk()->verify_archives({file}, {heads, ""}, quiet).value();
    }
    [[nodiscard]] compose::VerifyReport verify(const Forged& forged,
                                               const std::vector<std::string>& heads = {}) const {
        const auto file = folder_.file("forged.zst");
        fs::remove(file);
        forged.write(file);
        return verify(file, heads);
    }
    static void expect_first(const compose::VerifyReport& report, Fault fault,
                             std::uint64_t index) {
        ASSERT_FALSE(report.findings.empty());
        const auto& found = report.findings.front();
        EXPECT_EQ(audit::to_string(found.fault), audit::to_string(fault)) << found.text;
        EXPECT_EQ(found.first, index) << found.text;
        EXPECT_EQ(found.last, index) << found.text;
        EXPECT_EQ(report.first_bad_id, index + 1);
    }
};

INSTANTIATE_TEST_SUITE_P(Engines, AuditArchives,
                         ::testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                           SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S27 S53 R13 S73
TEST_P(AuditArchives, months_that_are_over_become_files_that_verify_without_the_database) {
    const auto report = archive();
    ASSERT_EQ(report.made.size(), 2U);
    EXPECT_EQ(report.made[0].partition, 202601U);
    EXPECT_EQ(report.made[0].file, january());
    EXPECT_EQ(report.made[1].entries, per_month);
    EXPECT_EQ(fs::status(january()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(std::distance(fs::directory_iterator(to()), fs::directory_iterator()), 2);
    EXPECT_EQ(events_of("audit.archived"), 2U);
    EXPECT_THAT(desk()->verify({{copy()}, ""}, quiet).value().findings, IsEmpty());

    // Another machine: the public key, and the heads that were copied there.
    const auto key = desk()->verify_key("").value().value();
    std::ofstream(folder_.file("audit.pub")) << model::hex_encode(key.bytes());
    const TemporaryFolder elsewhere;
    config::Settings alone;
    alone.options.state_dir = elsewhere.path();
    const auto verified = compose::AuditDesk::open(alone)
                              .value()
                              ->verify_archives({january(), report.made[1].file},
                                                {{copy()}, folder_.file("audit.pub")}, quiet)
                              .value();
    EXPECT_THAT(verified.findings, IsEmpty());
    EXPECT_EQ(verified.entries, 2 * per_month);
    EXPECT_EQ(verified.partitions, 2U);
    EXPECT_THAT(fs::exists(elsewhere.file("sessions.db")), false);

    // Those events began the present month; so March is over, too.
    const auto again = archive();
    EXPECT_THAT(again.there, ElementsAre(202601, 202602));
    ASSERT_EQ(again.made.size(), 1U);
    EXPECT_EQ(again.made[0].partition, 202603U);
    EXPECT_THAT(archive().made, IsEmpty());
    EXPECT_EQ(events_of("audit.archived"), 3U);
}

// ids: S27 R13
TEST_P(AuditArchives, what_no_head_covers_or_is_not_as_written_is_not_archived) {
    auto report = desk()->archive(to(), "operator:test", quiet).value();
    EXPECT_THAT(report.uncovered, ElementsAre(202601, 202602));
    EXPECT_THAT(report.made, IsEmpty());
    ASSERT_TRUE(desk()->heads(true, ""));
    tamper("UPDATE audit_events SET type = 'session.ended' WHERE id = 47");
    const auto refused = desk()->archive(to(), "operator:test", quiet);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_THAT(refused.error().detail, HasSubstr("partition 202602"));
    EXPECT_THAT(refused.error().detail, HasSubstr("index 6 "));
    EXPECT_THAT(verify(january()).findings, IsEmpty());
    EXPECT_FALSE(fs::exists(compose::archive_path(to(), 202602)));
    EXPECT_EQ(std::distance(fs::directory_iterator(to()), fs::directory_iterator()), 1);
}

// ids: S27 R13
TEST_P(AuditArchives, a_month_that_cannot_be_archived_keeps_no_other) {
    write_month(3, per_month);
    ASSERT_TRUE(desk()->heads(true, ""));
    tamper("UPDATE audit_events SET type = 'session.ended' WHERE id = 5");
    fs::create_directory(to());
    { std::ofstream(compose::archive_path(to(), 202602)) << "something else"; }
    const auto refused = desk()->archive(to(), "operator:test", quiet);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_THAT(refused.error().detail, HasSubstr("partition 202601"));
    EXPECT_THAT(refused.error().detail, HasSubstr("audit-202602.zst"));
    EXPECT_THAT(verify(compose::archive_path(to(), 202603)).findings, IsEmpty());
    EXPECT_FALSE(fs::exists(january()));
}

// ids: S27
TEST_P(AuditArchives, who_is_told_to_end_while_a_file_is_read_back_leaves_none) {
    ASSERT_TRUE(desk()->heads(true, ""));
    ArchiveClient client(url_);
    {
        compose::AuditArchiver archiver(client.shared_database(), audit_sealer(), patience);
        compose::ArchiveOrder order{.folder = to(), .actor = "operator:test"};
        // The month is one page; the next time it is asked the page is written.
        int asked = 0;
        order.goes_on = [&asked] { return ++asked <= 1; };
        const auto report = client.run(archiver.run(order));
        ASSERT_TRUE(report) << report.error().detail;
        EXPECT_THAT(report->made, IsEmpty());
    }
    EXPECT_TRUE(fs::is_empty(to()));
}

// ids: S27
TEST_P(AuditArchives, drafts_of_writers_that_were_killed_go_and_those_of_others_stay) {
    fs::create_directory(to());
    const auto killed = to() + "/audit-202512.zst.a1B2c3";
    const auto alive = january() + ".x1Y2z3";
    const auto other = to() + "/audit-202512.zst.copy";
    for (const auto& file : {killed, alive, other}) std::ofstream(file) << "a draft";
    for (const auto& file : {killed, other})
        fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(2));
    ASSERT_EQ(archive().made.size(), 2U);
    EXPECT_FALSE(fs::exists(killed));
    EXPECT_TRUE(fs::exists(alive));
    EXPECT_TRUE(fs::exists(other));
}

// ids: F25 S53 S27
TEST_P(AuditArchives, what_was_done_to_a_file_is_named_at_its_index) {
    static_cast<void>(archive());
    const Forged original(january());
    ASSERT_EQ(original.entries.size(), per_month);
    EXPECT_THAT(verify(original).findings, IsEmpty());

    auto forged = original;
    forged.entries[7].entry.at_ms += 1;
    expect_first(verify(forged), Fault::changed, 7);
    forged.entries[3].personal[5] ^= 1;
    expect_first(verify(forged), Fault::changed, 3);
    forged = original;
    forged.entries[12].leaf[0] ^= 1;
    expect_first(verify(forged), Fault::changed, 12);
    forged = original;
    forged.entries.erase(forged.entries.begin() + 20);
    expect_first(verify(forged), Fault::missing, 20);
    forged = original;
    forged.entries.insert(forged.entries.begin() + 30, forged.entries[2]);
    expect_first(verify(forged), Fault::added, 30);
    forged = original;
    std::swap(forged.entries[9], forged.entries[25]);
    expect_first(verify(forged), Fault::missing, 9);
    forged = original;
    forged.entries.resize(33);
    expect_first(verify(forged), Fault::missing, 33);
    // All hashes made to fit: only the signed head is left, and the cut shows against it.
    forged.make_hashes_fit();
    expect_first(verify(forged), Fault::missing, 33);
    forged = original;
    forged.entries[5].entry.type = "session.ended";
    forged.make_hashes_fit();
    const auto rewritten = verify(forged);
    ASSERT_FALSE(rewritten.findings.empty());
    EXPECT_EQ(rewritten.findings.front().fault, Fault::rewritten);
    // A head that fits, by another key.
    forged.header.head =
        audit::sign(crypto::SigningKey::from_seed(model::as_bytes(std::string(32, 'x'))).value(),
                    forged.header.head.head);
    EXPECT_EQ(verify(forged).findings.back().fault, Fault::head_forged);
    // The copied heads know more than a head that was signed half-way through the month.
    forged = original;
    forged.header.head.head.number += 1;
    EXPECT_THAT(verify(forged, {copy()}).findings, ::testing::Not(IsEmpty()));
}

// ids: F25 S27
TEST_P(AuditArchives, a_damaged_or_cut_file_is_named_and_what_is_none_is_refused) {
    static_cast<void>(archive());
    std::ifstream in(january(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const auto with = [&](const std::string& content) {
        const auto file = folder_.file("damaged.zst");
        std::ofstream(file, std::ios::binary) << content;
        return desk()->verify_archives({file}, {}, quiet);
    };
    ASSERT_THAT(with(bytes).value().findings, IsEmpty());
    for (std::size_t at = 1; at < bytes.size(); at += 1 + bytes.size() / 60) {
        SCOPED_TRACE(at);
        const auto cut = with(bytes.substr(0, at));
        EXPECT_TRUE(cut ? !cut->findings.empty() : cut.error().code == Errc::bad_value);
        auto flipped = bytes;
        flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
        const auto damaged = with(flipped);
        EXPECT_TRUE(damaged ? !damaged->findings.empty() || damaged->entries == per_month
                            : damaged.error().code == Errc::bad_value);
    }
    EXPECT_EQ(with("").error().code, Errc::bad_value);
    EXPECT_EQ(with("something else").error().code, Errc::bad_value);
    EXPECT_THAT(with(bytes + "x").value().findings, ::testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace vedfolnir::test
