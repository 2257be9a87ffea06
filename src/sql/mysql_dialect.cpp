#include "sql/mysql_dialect.hpp"

#include "sql/connection.hpp"
#include "sql/failure.hpp"

#include <fmt/format.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

#include <algorithm>
#include <mysqld_error.h>

namespace vedfolnir::sql {
namespace {

/// A client that died or froze inside a transaction keeps its locks no longer than this (MariaDB).
constexpr int idle_in_transaction_max_s = 15;
/// The library's own last resort, in whole seconds: beyond the minute that a migration or a report may take. A watched
/// exchange ends by its own limit.
constexpr int silence_max_s = 90;

MYSQL* native(soci::session& connection) {
    return static_cast<soci::mysql_session_backend*>(connection.get_backend())->conn_;
}

std::string pair(std::string_view name, std::string_view value) {
    return fmt::format(" {}={}", name, quoted_value(value));
}

/// In SOCI's words.
std::string connection_string(const model::DatabaseUrl& url, int connect_timeout_s) {
    std::string text = pair("dbname", url.database) + pair("charset", "utf8mb4");
    if (!url.socket.empty()) {
        text += pair("unix_socket", url.socket);
    } else {
        // The library takes "localhost" for its own default socket; whoever writes a port means TCP.
        text += pair("host", url.host == "localhost" && url.port != 0 ? "127.0.0.1" : url.host);
    }
    if (url.port != 0) text += pair("port", std::to_string(url.port));
    if (!url.user.empty()) text += pair("user", url.user);
    if (!url.password.empty()) text += pair("password", url.password);
    text += fmt::format(" connect_timeout={} read_timeout={} write_timeout={}", connect_timeout_s,
                        silence_max_s, silence_max_s);
    for (const auto& [name, value] : url.options) {
        if (name == "ssl-ca") text += pair("sslca", value);
        if (name == "ssl-cert") text += pair("sslcert", value);
        if (name == "ssl-key") text += pair("sslkey", value);
    }
    return text;
}

bool wants_tls(const model::DatabaseUrl& url) {
    return std::ranges::any_of(url.options,
                               [](const auto& option) { return option.first.starts_with("ssl-"); });
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

}  // namespace

std::vector<std::string> MysqlDialect::begin(Role role, const Limit& limit) const {
    const auto left = time_left(limit);
    const auto whole = std::max<long long>(left.count() / 1000, 1);
    // Locks of rows, and of tables that somebody alters.
    auto limits =
        fmt::format("SET SESSION innodb_lock_wait_timeout = {0}, lock_wait_timeout = {0}, ", whole);
    limits += mariadb_ ? fmt::format("max_statement_time = {}.{:03}", left.count() / 1000,
                                     left.count() % 1000)
                       : fmt::format("max_execution_time = {}", left.count());
    return {std::move(limits), role == Role::writer
                                   ? "START TRANSACTION READ WRITE"
                                   : "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"};
}

std::unique_ptr<soci::session> MysqlDialect::connect() {
    auto connection = std::make_unique<soci::session>(
        soci::mysql, connection_string(server(), connect_timeout_s));
    if (wants_tls(server()) && mysql_get_ssl_cipher(native(*connection)) == nullptr)
        throw Failure(no_tls("the server offered none"));
    return connection;
}

void MysqlDialect::greet(Connection& fresh, Role role) {
    const auto version = fresh.statement("SELECT VERSION()", 1).value_or("");
    mariadb_ = version.find("MariaDB") != std::string::npos;
    // Strict: a text that does not fit is an error, never a shorter text.
    fresh.statement(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1");
    if (mariadb_) {
        fresh.statement(
            fmt::format("SET SESSION idle_transaction_timeout = {}", idle_in_transaction_max_s));
    }
    fresh.statement(role == Role::writer
                        ? "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
                        : "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
}

void MysqlDialect::lock_schema(Connection& connection) const {
    // Belongs to the connection, which is closed after the migration: CREATE TABLE commits by itself here.
    const auto taken =
        connection.statement("SELECT GET_LOCK(CONCAT('vedfolnir ', DATABASE()), 30)", 1);
    if (taken != "1") {
        throw Failure(Errc::audit_unavailable,
                      "another process has been migrating " + where() + " for half a minute");
    }
}

std::string MysqlDialect::schema_statement(std::string statement) const {
    if (!statement.starts_with("CREATE TABLE")) return statement;
    replace_all(statement, " TEXT ", " LONGTEXT ");
    // Without padding: 'alice' and 'alice ' are two users.
    return statement +
           " ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4 COLLATE = " +
           (mariadb_ ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin");
}

bool MysqlDialect::in_transaction(soci::session& connection) const {
    return (native(connection)->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

int MysqlDialect::socket_of(soci::session& connection) const noexcept {
    return static_cast<int>(mysql_get_socket(native(connection)));
}

Diagnosis MysqlDialect::diagnose(const std::exception& failure, soci::session* connection) const {
    if (const auto* ours = dynamic_cast<const Failure*>(&failure)) return {.error = ours->error()};
    unsigned number = 0;
    if (const auto* native_error = dynamic_cast<const soci::mysql_soci_error*>(&failure))
        number = native_error->err_num_;
    auto diagnosis = of_number(number, failure.what());
    // A connection that was never made has neither answers nor transactions to lose.
    if (connection == nullptr) diagnosis.unanswered = diagnosis.worth_a_retry = false;
    return diagnosis;
}

Diagnosis MysqlDialect::of_number(unsigned number, std::string_view text) const {
    switch (number) {
    case ER_DUP_ENTRY:
        return {.error = duplicate(text), .exists_already = true, .worth_a_retry = true};
    case ER_LOCK_DEADLOCK:
    case ER_CHECKREAD:
        return {.error = locked(text), .worth_a_retry = true};
    case ER_LOCK_WAIT_TIMEOUT:
        return {.error = locked(text)};
    case ER_STATEMENT_TIMEOUT:
    case 3024:  // MySQL: max_execution_time
        return {.error = timed_out(text)};
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case ER_CONNECTION_KILLED:
    case ER_SERVER_SHUTDOWN:
        return {.error = lost(text),
                .connection_is_lost = true,
                .unanswered = true,
                .worth_a_retry = true};
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_UNKNOWN_HOST:
        return {.error = unreachable(text), .connection_is_lost = true};
    case CR_SSL_CONNECTION_ERROR:
        return {.error = no_tls(text), .connection_is_lost = true};
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
    case ER_HOST_NOT_PRIVILEGED:
        return {.error = wrong_password(text), .connection_is_lost = true};
    case ER_BAD_DB_ERROR:
        return {.error = {Errc::bad_options,
                          where() + " does not exist; create it (CREATE DATABASE " +
                              server().database + "), or correct SESSION_DATABASE_URL (" +
                              one_line(text) + ")"},
                .connection_is_lost = true};
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
        return {
            .error = {Errc::bad_options,
                      "the user of SESSION_DATABASE_URL lacks a right in " + where() +
                          "; GRANT SELECT, INSERT, UPDATE, DELETE, and CREATE, ALTER, INDEX to "
                          "make the tables, or let `vedfolnir doctor` make them once as another "
                          "user (" +
                          one_line(text) + ")"},
            .connection_is_lost = true};
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
        return {.error = too_many_connections(text), .connection_is_lost = true};
    case ER_TABLE_EXISTS_ERROR:
    case ER_DUP_KEYNAME:
        return {.error = occupied(text), .connection_is_lost = true, .exists_already = true};
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
        return {.error = out_of_space(text), .connection_is_lost = true};
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
        return {.error = read_only(text), .connection_is_lost = true};
    default:
        return {.error = other(text), .connection_is_lost = true};
    }
}

}  // namespace vedfolnir::sql
