#include "conformance/store_suite.hpp"
#include "sql/sql.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>

namespace vedfolnir::test {
namespace {

class SqlUnderTest final : public StoreUnderTest {
public:
    explicit SqlUnderTest(SqlEngine engine) {
        SqlOptions options;
        options.url = fresh_database(engine, folder_.file("sessions.db"));
        options.statement_timeout = Millis{10'000};
        sql::DatabaseSettings settings;
        settings.clock = [this] { return TimePoint(Millis(now_.load())); };
        store_ = sql::make_store(sql::make_database(options, {}, settings).value());
    }
    ~SqlUnderTest() override { stop(); }
    async::SessionStore& store() override { return *store_; }
    void let_time_pass() override { now_ += 20; }

private:
    TemporaryFolder folder_;
    std::atomic<std::int64_t> now_{1'700'000'000'000};
    std::shared_ptr<async::SessionStore> store_;
};

StoreFactory factory(SqlEngine engine) {
    return {engine_name(engine), [engine] { return std::make_unique<SqlUnderTest>(engine); }};
}

INSTANTIATE_TEST_SUITE_P(Sql, StoreSuite,
                         testing::Values(factory(SqlEngine::sqlite), factory(SqlEngine::postgresql),
                                         factory(SqlEngine::mysql)),
                         store_name);

}  // namespace
}  // namespace vedfolnir::test
