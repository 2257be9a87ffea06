#include "conformance/archive_suite.hpp"
#include "sql/sql.hpp"
#include "support/audit_sealer.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

namespace vedfolnir::conformance {
namespace {

using test::SqlEngine;

struct FreshSqlArchive final : FreshArchive {
    test::TemporaryFolder folder;
    std::shared_ptr<async::Archive> tested;

    explicit FreshSqlArchive(SqlEngine engine) {
        SqlOptions options;
        options.url = fresh_database(engine, folder.file("sessions.db"));
        options.statement_timeout = Millis{10'000};
        tested = sql::make_archive(options, {}, test::audit_sealer(), nullptr).value();
    }
    async::Archive& archive() override { return *tested; }
};

ArchiveCase archive_on(SqlEngine engine) {
    return {test::engine_name(engine),
            [engine] { return std::make_unique<FreshSqlArchive>(engine); }};
}

INSTANTIATE_TEST_SUITE_P(Sql, ArchiveSuite,
                         ::testing::Values(archive_on(SqlEngine::sqlite),
                                           archive_on(SqlEngine::postgresql),
                                           archive_on(SqlEngine::mysql)),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace vedfolnir::conformance
