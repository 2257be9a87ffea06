// MariaDB 10.6 or newer, and MySQL 8.
#pragma once

#include "sql/server_dialect.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::sql {

/// Writers run at READ COMMITTED (no gap locks, which would make parallel logins deadlock) on rows that they lock;
/// readers see one state. MariaDB ends a statement at its `max_statement_time`; MySQL can do that for SELECT only, and
/// counts lock waits in whole seconds.
class MysqlDialect final : public ServerDialect {
public:
    using ServerDialect::ServerDialect;

    [[nodiscard]] std::string_view name() const noexcept override { return "mysql"; }
    [[nodiscard]] std::vector<std::string> begin(Role role, const Limit& limit) const override;
    [[nodiscard]] std::unique_ptr<soci::session> connect() override;
    void greet(Connection& fresh, Role role) override;
    void lock_schema(Connection& connection) const override;
    [[nodiscard]] bool schema_rolls_back() const noexcept override { return false; }
    /// Adds what makes texts compare byte by byte, and gives TEXT the room that it has elsewhere.
    [[nodiscard]] std::string schema_statement(std::string statement) const override;
    [[nodiscard]] bool in_transaction(soci::session& connection) const override;
    [[nodiscard]] Diagnosis diagnose(const std::exception& failure,
                                     soci::session* connection) const override;

private:
    [[nodiscard]] int socket_of(soci::session& connection) const noexcept override;
    [[nodiscard]] Diagnosis of_number(unsigned number, std::string_view text) const;

    std::atomic<bool> mariadb_{true};
};

}  // namespace vedfolnir::sql
