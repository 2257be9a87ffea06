// A trail of several months on a real engine, and the desk that works on it. Header-only, because several tests use it.
#pragma once

#include "compose/audit_desk.hpp"
#include "support/archive_client.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::test {

inline void quiet(std::uint64_t, std::uint64_t) {}

class AuditMonths : public ::testing::TestWithParam<SqlEngine> {
protected:
    AuditMonths() { url_ = fresh_database(GetParam(), folder_.file("sessions.db")); }

    [[nodiscard]] config::Settings settings() const {
        config::Settings settings;
        settings.options.development = true;
        settings.options.keys.keys.push_back({1, std::string(32, 'k')});  // as audit_sealer
        settings.options.state_dir = folder_.path();
        settings.options.sql.url = url_;
        settings.options.sql.statement_timeout = patience;
        return settings;
    }
    [[nodiscard]] std::unique_ptr<compose::AuditDesk> desk() const {
        return compose::AuditDesk::open(settings()).value();
    }

    /// The middle of a month of 2026; 0 is January.
    static TimePoint middle_of(int month) {
        return ArchiveClient::start() + std::chrono::days(15 + 30 * month);
    }
    static std::uint64_t partition_of(int month) {
        return 202601 + static_cast<std::uint64_t>(month);
    }

    /// A client whose clock stands in that month.
    [[nodiscard]] std::shared_ptr<sql::Database> database_in(int month) const {
        SqlOptions options;
        options.url = url_;
        options.statement_timeout = patience;
        sql::DatabaseSettings with;
        with.clock = [now = middle_of(month)] { return now; };
        return sql::make_database(options, {}, with).value();
    }
    /// As one transaction in that month.
    template <class T>
    [[nodiscard]] T write_in(int month, std::function<T(sql::Connection&)> work) const {
        runtime::Runtime runtime;
        const auto database = database_in(month);
        auto done =
            runtime::run_sync(runtime, database->write<T>(std::move(work), deadline_in(patience)),
                              deadline_in(patience));
        database->close();
        runtime.stop();
        EXPECT_TRUE(done) << done.error().detail;
        return done ? std::move(*done) : T{};
    }
    void write_month(int month, std::uint32_t count) const {
        const auto now = middle_of(month);
        std::vector<sql::NewEvent> events;
        for (std::uint32_t i = 0; i < count; ++i) {
            auto event = ArchiveClient::event("session.inspected");
            event.at = now;
            event.handle = ArchiveClient::handle(i);
            event.user_id = fmt::format("user {}", i % 7);
            event.detail = fmt::format(R"({{"note":"ä {} {}"}})", month, i);
            events.push_back({std::move(event)});
        }
        ASSERT_TRUE(write_in<bool>(month, [&](sql::Connection& db) {
            sql::write_events(db, {*audit_sealer(), now}, events);
            return true;
        }));
    }
    void tamper(const std::string& statement) const {
        ASSERT_TRUE(write_in<bool>(0, [&](sql::Connection& db) {
            db.statement(statement);
            return true;
        }));
    }
    [[nodiscard]] std::size_t events_of(const std::string& type) const {
        AuditFilter filter;
        filter.type = type;
        const auto count = desk()->export_entries(
            filter, [](const compose::ExportedEntry&) { return Result<void>(); }, quiet);
        EXPECT_TRUE(count) << count.error().detail;
        return count ? *count : 0;
    }

    const TemporaryFolder folder_;
    std::string url_;
};

}  // namespace vedfolnir::test
