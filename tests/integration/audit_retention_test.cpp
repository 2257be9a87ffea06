// What retention may drop of the audit trail and what it must not, while others prove and verify.
#include "audit_months.hpp"
#include "compose/archive_file.hpp"
#include "compose/audit_archiver.hpp"
#include "compose/audit_keys.hpp"
#include "sql/upkeep.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint32_t per_month = 60;
constexpr std::uint32_t batch = 7;

class AuditRetention : public AuditMonths {
protected:
    void SetUp() override {
        for (int month = 0; month < 4; ++month) write_month(month, per_month);
        client_.emplace(url_);
    }
    /// One batch of the retention job, of what was closed before that month's middle.
    Result<std::uint32_t> drop_batch(int month, sql::ArchivedLookup archived = {}) {
        sql::SqlUpkeep upkeep(client_->shared_database(), audit_sealer(), std::move(archived));
        return client_->run(upkeep.purge({"retention", 1}, async::Retained::audit,
                                         middle_of(month) + std::chrono::hours(1), batch,
                                         deadline_in(patience)));
    }
    /// All that goes; how many entries that was.
    std::uint32_t drop(int month, const sql::ArchivedLookup& archived = {}) {
        std::uint32_t removed = 0;
        while (true) {
            const auto now = drop_batch(month, archived);
            EXPECT_TRUE(now) << now.error().detail;
            if (!now || *now == 0) return removed;
            removed += *now;
        }
    }
    [[nodiscard]] compose::VerifyReport verify() const { return desk()->verify({}, quiet).value(); }

    std::optional<ArchiveClient> client_;
};

INSTANTIATE_TEST_SUITE_P(Engines, AuditRetention,
                         ::testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                           SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S27 R15
TEST_P(AuditRetention, where_heads_are_signed_a_month_goes_only_with_one) {
    ASSERT_TRUE(desk()->heads(true, ""));
    tamper("DELETE FROM audit_heads WHERE partition_id >= 202602");
    EXPECT_EQ(drop(3), per_month) << "January has its head, February has none";
    EXPECT_EQ(desk()->prove(1).error().code, Errc::bad_value);
    ASSERT_TRUE(desk()->heads(true, ""));
    EXPECT_EQ(drop(2), per_month) << "February; March was closed later";
    EXPECT_THAT(verify().findings, IsEmpty());
}

// ids: S27 R15
TEST_P(AuditRetention, where_nobody_signs_months_go_by_their_age) {
    EXPECT_EQ(drop(1), per_month);
    EXPECT_EQ(drop(1), 0U);
    EXPECT_THAT(verify().findings, IsEmpty());
}

// ids: S27 R15
TEST_P(AuditRetention, with_an_archive_folder_a_month_goes_only_when_it_is_archived) {
    ASSERT_TRUE(desk()->heads(true, ""));
    compose::AuditArchiver archiver(client_->shared_database(), audit_sealer(), patience);
    const auto folder = folder_.file("archive");
    const sql::ArchivedLookup archived = [&](std::vector<sql::PartitionState> partitions,
                                             Deadline deadline) {
        return archiver.archived(folder, std::move(partitions), deadline);
    };
    EXPECT_EQ(drop(3, archived), 0U);
    ASSERT_EQ(desk()->archive(folder, "operator:test", quiet).value().made.size(), 3U);
    fs::remove(compose::archive_path(folder, 202602));
    EXPECT_EQ(drop(3, archived), 2 * per_month) << "January and March";
    EXPECT_EQ(desk()
                  ->export_entries(
                      {.type = "audit.dropped"}, [](const auto&) { return Result<void>(); }, quiet)
                  .value(),
              2U);
    // A file that is none is no archive, and is said.
    { std::ofstream(compose::archive_path(folder, 202602)) << "something else"; }
    const auto refused = drop_batch(3, archived);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("audit-202602.zst"));
    fs::remove(compose::archive_path(folder, 202602));
    // April is over, too: the events about all this are of the present month.
    ASSERT_EQ(desk()->archive(folder, "operator:test", quiet).value().made.size(), 2U);
    EXPECT_EQ(drop(3, archived), per_month);
    EXPECT_THAT(verify().findings, IsEmpty());
    EXPECT_THAT(desk()
                    ->verify_archives({compose::archive_path(folder, 202601)}, {}, quiet)
                    .value()
                    .findings,
                IsEmpty());
}

// ids: S27 R15
TEST_P(AuditRetention, an_archive_that_is_none_keeps_its_own_month_alone) {
    ASSERT_TRUE(desk()->heads(true, ""));
    compose::AuditArchiver archiver(client_->shared_database(), audit_sealer(), patience);
    const auto folder = folder_.file("archive");
    ASSERT_EQ(desk()->archive(folder, "operator:test", quiet).value().made.size(), 3U);
    fs::remove(compose::archive_path(folder, 202601));
    { std::ofstream(compose::archive_path(folder, 202601)) << "something else"; }
    Result<std::uint32_t> dropped = batch;
    while (dropped && *dropped > 0) {
        dropped =
            drop_batch(3, [&](std::vector<sql::PartitionState> partitions, Deadline deadline) {
                return archiver.archived(folder, std::move(partitions), deadline);
            });
    }
    ASSERT_FALSE(dropped);
    EXPECT_THAT(dropped.error().detail, HasSubstr("audit-202601.zst"));
    EXPECT_EQ(events_of("audit.dropped"), 2U) << "February and March";
    EXPECT_TRUE(desk()->prove(1));
    EXPECT_THAT(verify().findings, IsEmpty());
}

// ids: S27 R15
TEST_P(AuditRetention, a_month_goes_only_when_its_archive_was_read_and_is_sound) {
    ASSERT_TRUE(desk()->heads(true, ""));
    compose::AuditArchiver archiver(client_->shared_database(), audit_sealer(), patience);
    const auto folder = folder_.file("archive");
    const auto dropped = [&] {
        return drop_batch(1, [&](std::vector<sql::PartitionState> partitions, Deadline deadline) {
            return archiver.archived(folder, std::move(partitions), deadline);
        });
    };
    ASSERT_EQ(desk()->archive(folder, "operator:test", quiet).value().made.size(), 3U);
    const auto january = compose::archive_path(folder, 202601);
    const auto header = compose::ArchiveReader::open(january).value()->header();
    const auto write_header = [&](const audit::ArchiveHeader& alone) {
        fs::remove(january);
        const auto writer = compose::ArchiveWriter::create(january, alone).value();
        EXPECT_TRUE(writer->finish());
        EXPECT_TRUE(writer->publish());
    };
    fs::rename(january, folder_.file("sound.zst"));

    // The header alone is no archive.
    write_header(header);
    for (int time = 0; time < 2; ++time) {
        const auto refused = dropped();
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().detail, HasSubstr("audit-202601.zst"));
        EXPECT_THAT(refused.error().detail, HasSubstr("index 0 "));
    }
    // Nor is one with a head that this trail does not have.
    auto forged = header;
    ++forged.head.head.number;
    write_header(forged);
    EXPECT_THAT(dropped().error().detail, HasSubstr("not the archive of partition 202601"));
    EXPECT_EQ(events_of("audit.dropped"), 0U);
    fs::remove(january);
    fs::rename(folder_.file("sound.zst"), january);
    const auto hurried = drop_batch(1, [&](std::vector<sql::PartitionState> partitions, Deadline) {
        return archiver.archived(folder, std::move(partitions), deadline_in(Millis{0}));
    });
    ASSERT_FALSE(hurried);
    EXPECT_THAT(hurried.error().detail, HasSubstr("still being read"));
    EXPECT_EQ(dropped().value(), batch);
}

// ids: S27 R15 C27
TEST_P(AuditRetention, a_held_month_stays_until_it_is_released) {
    const auto held = desk()->hold({202601, 202602, 209912}, R"(case "17")", "operator:test");
    ASSERT_TRUE(held) << held.error().detail;
    EXPECT_THAT(held->held, ElementsAre(202601, 202602, 209912));
    EXPECT_EQ(desk()->holds().value().at(202601), R"(case "17")");
    EXPECT_EQ(drop(3), per_month) << "March";
    EXPECT_THAT(desk()->hold({202603}, "too late", "operator:test").value().dropped,
                ElementsAre(202603));
    EXPECT_THAT(desk()->release({202601, 202605}, "operator:test").value(), ElementsAre(202601));
    EXPECT_EQ(drop(3), per_month) << "January";
    EXPECT_THAT(desk()->release({202602, 209912}, "operator:test").value(),
                ElementsAre(202602, 209912));
    EXPECT_EQ(drop(3), per_month) << "February";
    EXPECT_THAT(desk()->holds().value(), IsEmpty());
    EXPECT_EQ(events_of("audit.held"), 1U);
    EXPECT_EQ(events_of("audit.released"), 2U);
    EXPECT_THAT(verify().findings, IsEmpty());
}

// ids: S27 R15
TEST_P(AuditRetention, what_is_kept_before_a_dropped_month_is_exported) {
    ASSERT_TRUE(desk()->hold({202601, 202603}, "case 17", "operator:test"));
    ASSERT_EQ(drop_batch(2).value(), batch) << "the beginning of February";
    const auto exported = [&](const AuditFilter& filter) {
        std::map<std::uint64_t, std::uint32_t> months;
        EXPECT_TRUE(desk()->export_entries(
            filter,
            [&](const auto& entry) {
                ++months[entry.stored.entry.position.partition];
                return Result<void>();
            },
            quiet));
        return months;
    };
    auto months = exported({});
    EXPECT_EQ(months[202601], per_month);
    EXPECT_FALSE(months.contains(202602)) << "what is dropped is gone, also while rows are left";
    EXPECT_EQ(months[202603], per_month);
    EXPECT_GE(months[202604], per_month);
    EXPECT_EQ(drop(2), per_month - batch);
    EXPECT_EQ(exported({}), months);
    months = exported({.since = middle_of(2)});
    EXPECT_FALSE(months.contains(202601));
    EXPECT_EQ(months[202603], per_month);
}

// ids: F26 R15 S53 S73 N10
TEST_P(AuditRetention, the_oldest_month_goes_while_it_is_proven_and_verified) {
    ASSERT_TRUE(desk()->heads(true, ""));
    const auto key = desk()->verify_key("").value().value();
    const auto before = desk()->prove(17).value();
    std::atomic<bool> dropped{false};
    std::atomic<int> proven{0};
    std::atomic<bool> failed{false};
    std::string wrong_proof;
    std::string wrong_report;
    // Proves until it cannot any more; each proof holds, or the answer is that the month is gone.
    std::thread prover([&] {
        const auto mine = desk();
        for (bool last = false; !last;) {
            last = dropped;
            const auto proof = mine->prove(31);
            if (proof && !last) {
                wrong_proof += audit::refusal(*proof, key);
                ++proven;
            } else if (proof ||
                       proof.error().detail.find("202601 were dropped") == std::string::npos) {
                wrong_proof += proof ? "proven after it was dropped" : proof.error().detail;
            }
            if (!wrong_proof.empty()) failed = true;
        }
    });
    std::thread verifier([&] {
        const auto mine = desk();
        for (bool last = false; !last;) {
            last = dropped;
            const auto report = mine->verify({}, quiet);
            if (!report)
                wrong_report += report.error().detail;
            else if (!report->findings.empty())
                wrong_report += report->findings.front().text;
        }
    });
    while (proven == 0 && !failed) std::this_thread::yield();
    const auto removed = drop(1);
    dropped = true;
    prover.join();
    verifier.join();
    EXPECT_EQ(wrong_proof, "");
    EXPECT_EQ(wrong_report, "");
    EXPECT_EQ(removed, per_month);
    EXPECT_EQ(audit::refusal(before, key), "") << "an older proof, and the head that was kept";
    EXPECT_EQ(desk()->head(before.head.head.number).value(), before.head);
    EXPECT_THAT(desk()->prove(17).error().detail, HasSubstr("still hold"));
    EXPECT_TRUE(desk()->prove(per_month + 17));
    EXPECT_THAT(verify().findings, IsEmpty());
}

}  // namespace
}  // namespace vedfolnir::test
