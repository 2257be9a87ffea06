// An archive on a real database with a loop of its own, and the orders that tests send to it.
// Header-only, because several integration tests use it.
#pragma once

#include "runtime/counters.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "support/audit_sealer.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vedfolnir::test {

inline constexpr Millis patience{20'000};

class ArchiveClient {
public:
    /// `where`: a file, or a URL.
    explicit ArchiveClient(const std::string& where, Millis statement_timeout = patience) {
        SqlOptions options;
        options.url = where.find("://") == std::string::npos ? "sqlite:///" + where : where;
        options.statement_timeout = statement_timeout;
        sql::DatabaseSettings settings;
        settings.counters = &counters_;
        database_ = sql::make_database(options, {}, settings).value();
        archive_ = sql::make_archive(database_, audit_sealer());
    }
    ~ArchiveClient() { runtime_.stop(); }
    ArchiveClient(const ArchiveClient&) = delete;
    ArchiveClient& operator=(const ArchiveClient&) = delete;

    [[nodiscard]] async::Archive& archive() { return *archive_; }
    [[nodiscard]] sql::Database& database() { return *database_; }
    [[nodiscard]] std::shared_ptr<sql::Database> shared_database() { return database_; }
    [[nodiscard]] std::uint64_t statements() const { return counters_.sql_statements; }

    template <class T>
    [[nodiscard]] Result<T> run(async::Task<T> task, Millis budget = patience) {
        return runtime::run_sync(runtime_, std::move(task), deadline_in(budget));
    }
    /// As one transaction; `work` runs on the writer's thread.
    template <class T>
    [[nodiscard]] Result<T> write(std::function<T(sql::Connection&)> work,
                                  Millis budget = patience) {
        return run(database_->write<T>(std::move(work), deadline_in(budget)), budget);
    }

    [[nodiscard]] Result<async::LoginGrant> login(std::uint32_t number, Millis budget = patience,
                                                  const std::string& user = "alice") {
        return run(archive_->begin_login(login_order(number, user), deadline_in(budget)), budget);
    }
    [[nodiscard]] Result<async::EndReceipt> end(std::uint32_t number, Millis budget = patience) {
        async::EndRequest request;
        request.handle = handle(number);
        request.event = event("session.ended");
        return run(archive_->end(std::move(request), deadline_in(budget)), budget);
    }
    [[nodiscard]] std::vector<async::SessionRow> sessions() {
        async::SessionQuery query;
        query.only_live = false;
        query.limit = 1000;
        return run(archive_->sessions(query, deadline_in(patience))).value();
    }
    [[nodiscard]] std::vector<async::AuditEvent> audit(async::AuditQuery query = {}) {
        query.limit = 1000;
        return run(archive_->audit(std::move(query), deadline_in(patience))).value();
    }
    [[nodiscard]] std::vector<async::Revocation> revocations() {
        return run(archive_->revocations(shard, 0, 1000, deadline_in(patience))).value();
    }

    static constexpr std::uint8_t shard = 0x2a;
    static Handle handle(std::uint32_t number) { return Handle{numbered(0x11, number)}; }
    static StoreKey key(std::uint32_t number) { return StoreKey{shard, numbered(0x22, number)}; }
    static UserTag tag() { return UserTag{numbered(shard, 0)}; }
    static TimePoint start() { return TimePoint(Millis{1'767'225'600'000}); }

    static async::AuditEvent event(const std::string& type) {
        async::AuditEvent made;
        made.at = start();
        made.type = type;
        made.actor = "user";
        return made;
    }
    static async::LoginOrder login_order(std::uint32_t number, const std::string& user = "alice") {
        async::LoginOrder order;
        order.row.handle = handle(number);
        order.row.key = key(number);
        order.row.user_id = user;
        order.row.user = tag();
        order.row.created = start();
        order.row.authenticated = start();
        order.row.absolute_expiry = start() + std::chrono::hours(24);
        order.row.platform = "mastodon";
        order.event = event("session.created");
        return order;
    }

private:
    static std::array<std::uint8_t, 16> numbered(std::uint8_t first, std::uint32_t number) {
        std::array<std::uint8_t, 16> bytes{};
        bytes[0] = first;
        for (std::size_t i = 0; i < 4; ++i) {
            bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
        }
        return bytes;
    }

    runtime::AtomicCounters counters_;
    runtime::Runtime runtime_;
    std::shared_ptr<sql::Database> database_;
    std::shared_ptr<async::Archive> archive_;
};

}  // namespace vedfolnir::test
