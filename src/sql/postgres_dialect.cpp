#include "sql/postgres_dialect.hpp"

#include "sql/connection.hpp"
#include "sql/failure.hpp"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <regex>

namespace vedfolnir::sql {
namespace {

/// A client that died or froze inside a transaction keeps its locks no longer than this.
constexpr Millis idle_in_transaction_max{15'000};

PGconn* native(soci::session& connection) {
    return static_cast<soci::postgresql_session_backend*>(connection.get_backend())->conn_;
}

bool holds(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string pair(std::string_view name, std::string_view value) {
    return " " + std::string(name) + "=" + quoted_value(value);
}

/// In libpq's words. What is not named here comes from libpq's own environment (PGSSLMODE and the like).
std::string connection_string(const model::DatabaseUrl& url, int connect_timeout_s) {
    std::string text = pair("host", url.socket.empty() ? url.host : url.socket);
    if (url.port != 0) text += pair("port", std::to_string(url.port));
    text += pair("dbname", url.database);
    if (!url.user.empty()) text += pair("user", url.user);
    if (!url.password.empty()) text += pair("password", url.password);
    text += pair("connect_timeout", std::to_string(connect_timeout_s));
    // A peer that vanished without a word is noticed while a connection is idle, too.
    text += pair("keepalives_idle", "30") + pair("keepalives_interval", "5") +
            pair("keepalives_count", "3") + pair("tcp_user_timeout", "15000");
    if (!url.options.contains("application_name")) text += pair("application_name", "vedfolnir");
    for (const auto& [name, value] : url.options) text += pair(name, value);
    return text;
}

}  // namespace

std::vector<std::string> PostgresDialect::begin(Role role, const Limit& limit) const {
    const auto left = std::to_string(time_left(limit).count());
    const std::string kind = role == Role::writer
                                 ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                 : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    return {kind + "; SET LOCAL statement_timeout = " + left +
            "; SET LOCAL lock_timeout = " + left};
}

std::unique_ptr<soci::session> PostgresDialect::connect() {
    return std::make_unique<soci::session>(soci::postgresql,
                                           connection_string(server(), connect_timeout_s));
}

void PostgresDialect::greet(Connection& fresh, Role) {
    fresh.statement("SET client_encoding = 'UTF8'; SET client_min_messages = 'error';"
                    "SET idle_in_transaction_session_timeout = " +
                    std::to_string(idle_in_transaction_max.count()));
    // An acknowledged ending survives a crash of the server; stricter settings of the administrator stay.
    fresh.statement("SELECT set_config('synchronous_commit', 'on', false) "
                    "WHERE current_setting('synchronous_commit') = 'off'");
}

void PostgresDialect::lock_schema(Connection& connection) const {
    // Any number, as long as all versions take the same: the letters "vedfolni".
    connection.statement("SELECT pg_advisory_xact_lock(8531615565087925865)");
}

std::string PostgresDialect::schema_statement(std::string statement) const {
    if (!statement.starts_with("CREATE TABLE")) return statement;
    static const std::regex text_type(R"(\b(VARCHAR\(\d+\)|TEXT)(?=[ ,\n]))");
    return std::regex_replace(statement, text_type, "$1 COLLATE \"C\"");
}

bool PostgresDialect::in_transaction(soci::session& connection) const {
    const auto status = PQtransactionStatus(native(connection));
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

int PostgresDialect::socket_of(soci::session& connection) const noexcept {
    return PQsocket(native(connection));
}

Diagnosis PostgresDialect::diagnose(const std::exception& failure,
                                    soci::session* connection) const {
    const bool broken = connection != nullptr && PQstatus(native(*connection)) != CONNECTION_OK;
    if (const auto* ours = dynamic_cast<const Failure*>(&failure))
        return {.error = ours->error(), .connection_is_lost = broken};
    const auto* native_error = dynamic_cast<const soci::postgresql_soci_error*>(&failure);
    if (native_error != nullptr && !native_error->sqlstate().starts_with("08") &&
        native_error->sqlstate() != "     ") {
        auto diagnosis = of_state(native_error->sqlstate(), failure.what());
        diagnosis.connection_is_lost = diagnosis.connection_is_lost || broken;
        return diagnosis;
    }
    if (connection == nullptr) return {.error = refused(failure.what())};
    return {.error = broken ? lost(failure.what()) : other(failure.what()),
            .connection_is_lost = true,
            .unanswered = broken,
            .worth_a_retry = broken};
}

/// A connection that was not made has no SQLSTATE: libpq keeps it to itself, and only the text tells.
Error PostgresDialect::refused(std::string_view text) const {
    if (holds(text, "password") || holds(text, "no pg_hba.conf entry") ||
        holds(text, "authentication failed") || holds(text, "role \"")) {
        return wrong_password(text);
    }
    if (holds(text, "SSL") || holds(text, "certificate")) return no_tls(text);
    if (holds(text, "database \"")) {
        return {Errc::bad_options,
                where() + " does not exist; create it (CREATE DATABASE \"" + server().database +
                    "\"), or correct SESSION_DATABASE_URL (" + one_line(text) + ")"};
    }
    if (holds(text, "too many") || holds(text, "remaining connection slots"))
        return too_many_connections(text);
    return unreachable(text);
}

Diagnosis PostgresDialect::of_state(std::string_view state, std::string_view text) const {
    if (state == "23505") return {.error = duplicate(text), .worth_a_retry = true};
    if (state == "40001" || state == "40P01") return {.error = locked(text), .worth_a_retry = true};
    if (state == "55P03") return {.error = locked(text)};
    if (state == "57014") return {.error = timed_out(text)};
    if (state == "25P03" || state == "57P05")
        return {.error = timed_out(text), .connection_is_lost = true};
    if (state == "57P01" || state == "57P02" || state == "57P03") {
        return {.error = lost(text),
                .connection_is_lost = true,
                .unanswered = true,
                .worth_a_retry = true};
    }
    if (state.starts_with("53")) {
        return {.error = state == "53300" ? too_many_connections(text) : out_of_space(text),
                .connection_is_lost = true};
    }
    if (state == "25006") return {.error = read_only(text), .connection_is_lost = true};
    if (state == "42501") {
        return {
            .error =
                {Errc::bad_options,
                 "the user of SESSION_DATABASE_URL lacks a right in " + where() +
                     "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, and CREATE, "
                     "USAGE ON SCHEMA public to make the tables, or let `vedfolnir doctor` make "
                     "them once as their owner (" +
                     one_line(text) + ")"},
            .connection_is_lost = true};
    }
    if (state == "42P07") return {.error = occupied(text), .connection_is_lost = true};
    if (state == "42P01" || state == "42703") {
        return {.error = {Errc::audit_unavailable,
                          where() + " lacks a table or column that was there; restore it (" +
                              one_line(text) + ")"},
                .connection_is_lost = true};
    }
    return {.error = other(text)};
}

}  // namespace vedfolnir::sql
