// docs/internals/sql_schema.md against real databases: their columns, and the sample rows to the letter.
#include "model/record.hpp"
#include "sql/audit_trail.hpp"
#include "support/archive_client.hpp"
#include "support/random.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sqlite3.h>

namespace vedfolnir::test {
namespace {

using Cells = std::vector<std::pair<std::string, std::string>>;

/// A database read by other means than ours.
class Reader {
public:
    virtual ~Reader() = default;
    virtual std::vector<Cells> rows(const std::string& text) = 0;
    virtual std::vector<Cells> tables() = 0;
};

class SqliteReader final : public Reader {
public:
    explicit SqliteReader(const std::string& file) {
        EXPECT_EQ(sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    }
    ~SqliteReader() override { sqlite3_close(db_); }
    SqliteReader(const SqliteReader&) = delete;
    SqliteReader& operator=(const SqliteReader&) = delete;

    std::vector<Cells> rows(const std::string& text) override {
        sqlite3_stmt* statement = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(db_, text.c_str(), -1, &statement, nullptr), SQLITE_OK)
            << text << ": " << sqlite3_errmsg(db_);
        std::vector<Cells> rows;
        while (sqlite3_step(statement) == SQLITE_ROW) {
            auto& row = rows.emplace_back();
            for (int i = 0; i < sqlite3_column_count(statement); ++i) {
                const auto* value =
                    reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
                row.emplace_back(sqlite3_column_name(statement, i), value ? value : "NULL");
            }
        }
        sqlite3_finalize(statement);
        return rows;
    }
    std::vector<Cells> tables() override {
        return rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    }

private:
    sqlite3* db_ = nullptr;
};

class ServerReader final : public Reader {
public:
    ServerReader(SqlEngine engine, const std::string& database)
        : engine_(engine), shell_(SqlServer::shared(engine).shell(database)) {}

    std::vector<Cells> rows(const std::string& text) override {
        std::vector<Cells> rows;
        for (const auto& values : shell_->run(text)) {
            auto& row = rows.emplace_back();
            for (std::size_t i = 0; i < values.size(); ++i)
                row.emplace_back(shell_->columns().at(i), values[i]);
        }
        return rows;
    }
    std::vector<Cells> tables() override {
        return rows(std::string("SELECT table_name FROM information_schema.tables "
                                "WHERE table_schema = ") +
                    (engine_ == SqlEngine::mysql ? "DATABASE()" : "'public'"));
    }
    std::vector<Cells> columns(const std::string& table) {
        return rows(std::string("SELECT column_name FROM information_schema.columns "
                                "WHERE table_schema = ") +
                    (engine_ == SqlEngine::mysql ? "DATABASE()" : "'public'") +
                    " AND table_name = '" + table + "'");
    }

private:
    SqlEngine engine_;
    std::unique_ptr<SqlShell> shell_;
};

std::string document() {
    std::ifstream file(std::string(VEDFOLNIR_SOURCE_DIR) + "/docs/internals/sql_schema.md");
    return {std::istreambuf_iterator<char>(file), {}};
}

/// One row as the document shows it: a column per line.
std::string shown(const Cells& row) {
    std::string text;
    for (const auto& [name, value] : row) {
        text += name + std::string(20 - std::min<std::size_t>(name.size(), 19), ' ') +
                (value.empty() ? "''" : value) + "\n";
    }
    return text;
}

OperationId operation(std::uint8_t number) {
    OperationId id{};
    id.fill(number);
    return id;
}

/// What the document tells: a login, a switch of platform, a logout.
void write_sample(const std::string& url) {
    SqlOptions options;
    options.url = url;
    options.statement_timeout = patience;
    sql::DatabaseSettings settings;
    settings.clock = [] { return ArchiveClient::start(); };
    runtime::Runtime runtime;
    auto database = sql::make_database(options, {}, settings).value();
    auto archive = sql::make_archive(database, audit_sealer(std::make_shared<SeededRandom>(1)));
    auto store = sql::make_store(database);
    const auto soon = deadline_in(patience);
    const auto run = [&](auto task) {
        return runtime::run_sync(runtime, std::move(task), soon).value();
    };

    auto login = ArchiveClient::login_order(1);
    login.row.device = "Firefox on Linux";
    login.row.place = "192.0.2.7";
    login.event.operation = operation(1);
    login.event.detail = R"({"device":"Firefox on Linux","place":"192.0.2.7"})";
    run(archive->begin_login(login, soon));
    run(archive->confirm_login(login.row.handle, login.row.key, {}, soon));

    model::RecordHeader header;
    header.handle = login.row.handle;
    header.user = login.row.user;
    header.absolute_expiry = login.row.absolute_expiry;
    run(store->create(login.row.key, model::pack_header(header), Millis{7'200'000}, soon));

    auto switched = ArchiveClient::event("session.platform_switched");
    switched.at += std::chrono::minutes(5);
    switched.operation = operation(2);
    switched.detail = R"({"from":"mastodon","to":"pixelfed"})";
    run(archive->record_change(login.row.handle, "pixelfed", switched, soon));

    async::EndRequest logout;
    logout.user_id = "alice";
    logout.user = login.row.user;
    logout.reason = EndReason::logout;
    logout.event = ArchiveClient::event("session.ended");
    logout.event.at += std::chrono::minutes(10);
    logout.event.operation = operation(3);
    logout.event.detail = R"({"reason":"logout","scope":"user"})";
    run(archive->end(logout, soon));

    const std::vector<std::uint8_t> seed(32, 7);
    const auto key = crypto::SigningKey::from_seed(seed).value();
    run(database->write<std::size_t>(
        [&](sql::Connection& db) {
            return sql::sign_heads(db, key, ArchiveClient::start() + std::chrono::minutes(11))
                .size();
        },
        soon));
}

/// On each engine.
class SqlSchema : public testing::TestWithParam<SqlEngine> {
protected:
    /// A database that holds the sample.
    std::unique_ptr<Reader> sample() {
        if (GetParam() == SqlEngine::sqlite) {
            write_sample("sqlite:///" + folder_.file("sessions.db"));
            return std::make_unique<SqliteReader>(folder_.file("sessions.db"));
        }
        auto& server = SqlServer::shared(GetParam());
        const auto database = server.fresh_database();
        write_sample(server.url(database));
        return std::make_unique<ServerReader>(GetParam(), database);
    }
    static std::string section_of(const std::string& text, const std::string& table) {
        const auto heading = text.find("\n### " + table + "\n");
        if (heading == std::string::npos) return {};
        return text.substr(heading + 1, text.find("\n#", heading + 2) - heading);
    }

private:
    const TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Engines, SqlSchema,
                         testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                         SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S4
TEST_P(SqlSchema, sample_rows_of_the_document_are_what_the_code_writes) {
    const auto reader = sample();
    const auto text = document();
    std::vector<std::string> queries{
        "SELECT * FROM sessions",      "SELECT * FROM shards WHERE sequence > 0",
        "SELECT * FROM revocations",   "SELECT * FROM user_epochs",
        "SELECT * FROM records",       "SELECT * FROM audit_events",
        "SELECT * FROM audit_trail",   "SELECT * FROM audit_heads",
        "SELECT * FROM audit_subjects"};
    // Its checksums are those of the engine's own files.
    if (GetParam() == SqlEngine::sqlite) queries.emplace_back("SELECT * FROM schema_migrations");
    for (const auto& query : queries) {
        const auto rows = reader->rows(query);
        EXPECT_FALSE(rows.empty()) << query;
        for (const auto& row : rows) {
            EXPECT_NE(text.find(shown(row)), std::string::npos)
                << query << " answers\n"
                << shown(row) << "which docs/internals/sql_schema.md does not show";
        }
    }
}

// ids: S4
TEST_P(SqlSchema, document_names_every_column_and_no_other) {
    const auto reader = sample();
    const auto text = document();
    for (const auto& table : reader->tables()) {
        const auto& name = table[0].second;
        const auto section = section_of(text, name);
        ASSERT_FALSE(section.empty()) << "no section for the table " << name;
        std::set<std::string> expected;
        if (auto* server = dynamic_cast<ServerReader*>(reader.get()); server != nullptr) {
            for (const auto& column : server->columns(name))
                expected.insert("| `" + column[0].second + "` |");
        } else {
            for (const auto& column : reader->rows("PRAGMA table_info(" + name + ")"))
                expected.insert("| `" + column[1].second + "` | " + column[2].second + " |");
        }
        for (const auto& row : expected)
            EXPECT_NE(section.find(row), std::string::npos) << name << ": " << row;
        std::size_t documented = 0;
        for (auto at = section.find("\n| `"); at != std::string::npos;
             at = section.find("\n| `", at + 1)) {
            ++documented;
        }
        EXPECT_EQ(documented, expected.size()) << name;
    }
}

}  // namespace
}  // namespace vedfolnir::test
