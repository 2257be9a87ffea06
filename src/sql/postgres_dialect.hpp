// PostgreSQL, 13 or newer.
#pragma once

#include "sql/server_dialect.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::sql {

/// Writers run at READ COMMITTED on rows that they lock; readers see one state (REPEATABLE READ, read only). Statement
/// and lock timeouts are set with each BEGIN, in the same exchange.
class PostgresDialect final : public ServerDialect {
public:
    using ServerDialect::ServerDialect;

    [[nodiscard]] std::string_view name() const noexcept override { return "postgresql"; }
    [[nodiscard]] std::vector<std::string> begin(Role role, const Limit& limit) const override;
    [[nodiscard]] std::unique_ptr<soci::session> connect() override;
    void greet(Connection& fresh, Role role) override;
    void lock_schema(Connection& connection) const override;
    /// Adds what makes texts compare byte by byte, whatever the database's locale.
    [[nodiscard]] std::string schema_statement(std::string statement) const override;
    [[nodiscard]] bool in_transaction(soci::session& connection) const override;
    [[nodiscard]] Diagnosis diagnose(const std::exception& failure,
                                     soci::session* connection) const override;

private:
    [[nodiscard]] int socket_of(soci::session& connection) const noexcept override;
    [[nodiscard]] Error refused(std::string_view text) const;
    [[nodiscard]] Diagnosis of_state(std::string_view state, std::string_view text) const;
};

}  // namespace vedfolnir::sql
