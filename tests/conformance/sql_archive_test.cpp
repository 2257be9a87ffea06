#include "conformance/archive_suite.hpp"
#include "sql/sql.hpp"
#include "support/audit_sealer.hpp"
#include "support/temporary_folder.hpp"

namespace vedfolnir::conformance {
namespace {

struct FreshSqliteArchive final : FreshArchive {
    test::TemporaryFolder folder;
    std::shared_ptr<async::Archive> sqlite;

    FreshSqliteArchive() {
        SqlOptions options;
        options.url = "sqlite:///" + folder.file("sessions.db");
        sqlite = sql::make_archive(options, {}, test::audit_sealer(), nullptr).value();
    }
    async::Archive& archive() override { return *sqlite; }
};

INSTANTIATE_TEST_SUITE_P(sqlite, ArchiveSuite,
                         ::testing::Values(ArchiveCase{
                             "sqlite", [] { return std::make_unique<FreshSqliteArchive>(); }}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace vedfolnir::conformance
