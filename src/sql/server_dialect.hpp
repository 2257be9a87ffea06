// What PostgreSQL and MySQL have in common: a server on the other end of a socket, and transactions beside each other.
#pragma once

#include "sql/dialect.hpp"
#include "sql/location.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::sql {

/// Writers are kept apart by the server's row locks, so nothing takes turns here; see `row_lock` for what a transaction
/// must lock before it decides.
class ServerDialect : public Dialect {
public:
    explicit ServerDialect(Location location) : location_(std::move(location)) {}

    [[nodiscard]] std::string where() const override { return "the " + location_.text(); }
    [[nodiscard]] std::string_view row_lock() const noexcept override { return " FOR UPDATE"; }
    void prepare() override {}
    [[nodiscard]] bool moved() const noexcept override { return false; }
    void bound(soci::session&, const Limit*) override {}
    [[nodiscard]] Watchdog::Guard watch(soci::session& connection, const Limit* limit) override;
    [[nodiscard]] bool begin_turn(Deadline) override { return true; }
    void end_turn() noexcept override {}

protected:
    [[nodiscard]] const model::DatabaseUrl& server() const noexcept { return location_.server; }
    /// Negative: there is none, the connection is lost.
    [[nodiscard]] virtual int socket_of(soci::session& connection) const noexcept = 0;

    /// What a statement that begins now may take on the server.
    [[nodiscard]] static Millis time_left(const Limit& limit);
    /// The seconds that a client library may take to connect; both count whole ones and take less than 2 for 2.
    static constexpr int connect_timeout_s = 2;

    // Diagnoses that both engines need. `text` is what the server or its client library said.
    [[nodiscard]] Error timed_out(std::string_view text) const;
    [[nodiscard]] Error locked(std::string_view text) const;
    [[nodiscard]] Error duplicate(std::string_view text) const;
    [[nodiscard]] Error lost(std::string_view text) const;
    [[nodiscard]] Error unreachable(std::string_view text) const;
    [[nodiscard]] Error out_of_space(std::string_view text) const;
    [[nodiscard]] Error read_only(std::string_view text) const;
    [[nodiscard]] Error too_many_connections(std::string_view text) const;
    [[nodiscard]] Error wrong_password(std::string_view text) const;
    [[nodiscard]] Error no_tls(std::string_view text) const;
    [[nodiscard]] Error occupied(std::string_view text) const;
    [[nodiscard]] Error other(std::string_view text) const;

private:
    Location location_;
    Watchdog watchdog_;
};

/// `'text'` for a connection string, as libpq and SOCI read it.
[[nodiscard]] std::string quoted_value(std::string_view text);
/// `text` for a message: one line, without the library's own beginnings.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace vedfolnir::sql
