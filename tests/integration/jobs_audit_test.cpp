// Background work on the audit trail: heads are signed and copied, months archived, and only then dropped.
#include "compose/archive_file.hpp"
#include "compose/audit_desk.hpp"
#include "compose/audit_keys.hpp"
#include "jobs_fixture.hpp"
#include "sql/audit_writer.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr TimePoint january{Millis{1'768'500'000'000}};  // 2026-01-15
constexpr std::uint32_t per_month = 250;

class AuditJobs : public Jobs {
protected:
    [[nodiscard]] ManagerOptions keeping() const {
        ManagerOptions options = working();
        options.jobs.retention_interval = 1s;
        options.jobs.audit_kept = std::chrono::days(30);
        options.audit.sign_interval = 1s;
        options.audit.heads_file = folder.file("heads.jsonl");
        options.audit.archive_dir = folder.file("archive");
        return options;
    }
    [[nodiscard]] std::string key_file() const { return folder.file(compose::audit_key_file); }
    [[nodiscard]] std::unique_ptr<compose::AuditDesk> desk(const ManagerOptions& options) const {
        config::Settings settings;
        settings.options = options;
        return compose::AuditDesk::open(settings).value();
    }
    [[nodiscard]] bool any_head() const {
        return desk(options())->heads(false, "").value().last.has_value();
    }
    /// January and February of 2026 are over, March is open.
    void write_months() const {
        const auto with = options();
        const auto sealer = compose::make_sealer(with.keys).value();
        runtime::Runtime runtime;
        const auto database = sql::make_database(with.sql, with.state_dir, {}).value();
        for (int month = 0; month < 3; ++month) {
            const auto now = january + month * std::chrono::days(30);
            std::vector<sql::NewEvent> events(per_month);
            for (auto& added : events) {
                added.event.at = now;
                added.event.type = "session.inspected";
                added.event.user_id = "ada";
            }
            std::function<bool(sql::Connection&)> work = [&](sql::Connection& db) {
                sql::write_events(db, {*sealer, now}, events);
                return true;
            };
            ASSERT_TRUE(runtime::run_sync(runtime,
                                          database->write<bool>(std::move(work), deadline_in(10s)),
                                          deadline_in(10s)));
        }
        database->close();
        runtime.stop();
    }
};

// ids: S27 R13 R15 S53
TEST_F(AuditJobs, heads_are_signed_and_copied_and_months_archived_and_then_dropped) {
    write_months();
    ASSERT_TRUE(compose::make_audit_key(key_file()));
    const auto options = keeping();
    const SessionManager daemon = open(options);
    ASSERT_TRUE(daemon.start_jobs());
    const auto dropped = [&] {
        const auto proof = desk(options)->prove(2 * per_month);
        return !proof && proof.error().detail.find("202602 were dropped") != std::string::npos;
    };
    ASSERT_TRUE(eventually(dropped, 60s))
        << job(daemon, "retention").detail << "; " << job(daemon, "audit_archive").detail << "; "
        << job(daemon, "audit_heads").detail;
    ASSERT_TRUE(eventually([&] { return job(daemon, "retention").removed >= 2 * per_month; }, 60s));
    const auto archive = [&](std::uint64_t partition) {
        return compose::archive_path(options.audit.archive_dir, partition);
    };
    const auto archived = desk(options)->verify_archives({archive(202601), archive(202602)}, {},
                                                         [](std::uint64_t, std::uint64_t) {});
    ASSERT_TRUE(archived) << archived.error().detail;
    EXPECT_THAT(archived->findings, IsEmpty());
    EXPECT_EQ(archived->entries, 2 * per_month);
    // What was written meanwhile is signed and copied, too.
    static_cast<void>(sign_in(daemon, "7"));
    const auto copied = [&] {
        const auto last = compose::last_head_of(options.audit.heads_file);
        return last && *last && (*last)->head == desk(options)->heads(false, "").value().last->head;
    };
    EXPECT_TRUE(eventually(copied, 30s));
    const auto report = desk(options)->verify({}, [](std::uint64_t, std::uint64_t) {}).value();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_TRUE(daemon.stop_jobs(5s).value());
}

// ids: R13 S53
TEST_F(AuditJobs, without_a_key_nothing_is_signed_and_a_key_made_later_is_used) {
    auto with = keeping();
    with.audit.archive_dir.clear();
    const SessionManager daemon = open(with);
    static_cast<void>(sign_in(daemon, "7"));
    ASSERT_TRUE(daemon.start_jobs());
    ASSERT_TRUE(eventually([&] { return job(daemon, "audit_heads").outcome == "done"; }, 30s));
    EXPECT_FALSE(any_head());
    EXPECT_FALSE(fs::exists(with.audit.heads_file));
    ASSERT_TRUE(compose::make_audit_key(key_file()));
    EXPECT_TRUE(eventually([&] { return any_head(); }, 30s));
    EXPECT_TRUE(eventually([&] { return fs::exists(with.audit.heads_file); }, 30s));
}

// ids: S27 R13
TEST_F(AuditJobs, what_cannot_be_archived_or_copied_is_said_and_nothing_is_dropped) {
    write_months();
    auto with = keeping();
    with.audit.heads_file = folder.file("no/such/folder");
    const SessionManager daemon = open(with);
    ASSERT_TRUE(daemon.start_jobs());
    ASSERT_TRUE(eventually([&] { return job(daemon, "audit_archive").failures > 0; }, 30s));
    EXPECT_THAT(job(daemon, "audit_archive").detail, HasSubstr("202601, 202602"));
    ASSERT_TRUE(eventually([&] { return job(daemon, "retention").runs > 1; }, 30s));
    EXPECT_EQ(job(daemon, "retention").removed, 0U);
    ASSERT_TRUE(compose::make_audit_key(key_file()));
    ASSERT_TRUE(eventually([&] { return job(daemon, "audit_heads").failures > 0; }, 30s));
    EXPECT_THAT(job(daemon, "audit_heads").detail, HasSubstr("no/such/folder"));
    EXPECT_TRUE(any_head()) << "it is signed all the same";
}

}  // namespace
}  // namespace vedfolnir::test
