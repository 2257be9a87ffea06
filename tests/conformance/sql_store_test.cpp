#include "conformance/store_suite.hpp"
#include "sql/sql.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>

namespace vedfolnir::test {
namespace {

class SqliteUnderTest final : public StoreUnderTest {
public:
    SqliteUnderTest() {
        SqlOptions options;
        options.url = "sqlite:///" + folder_.file("sessions.db");
        sql::DatabaseSettings settings;
        settings.clock = [this] { return TimePoint(Millis(now_.load())); };
        store_ = sql::make_store(sql::make_database(options, {}, settings).value());
    }
    ~SqliteUnderTest() override { stop(); }
    async::SessionStore& store() override { return *store_; }
    void let_time_pass() override { now_ += 20; }

private:
    TemporaryFolder folder_;
    std::atomic<std::int64_t> now_{1'700'000'000'000};
    std::shared_ptr<async::SessionStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite,
                         testing::Values(StoreFactory{
                             "sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
                         store_name);

}  // namespace
}  // namespace vedfolnir::test
