#include "model/database_url.hpp"

#include "model/percent.hpp"
#include "model/url_host.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace vedfolnir::model {
namespace {

/// What a Unix socket's address has room for.
constexpr std::size_t socket_path_max = 107;

Error bad(std::string text) { return {Errc::bad_options, std::move(text)}; }

bool holds_control_character(std::string_view text) noexcept {
    return std::ranges::any_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

/// The scheme in lower case without a driver ("postgresql+psycopg2"); empty: none that is known.
std::optional<DatabaseEngine> engine_of(std::string_view scheme) {
    std::string name(scheme.substr(0, scheme.find('+')));
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (name == "sqlite" || name == "sqlite3") return DatabaseEngine::sqlite;
    if (name == "postgresql" || name == "postgres") return DatabaseEngine::postgresql;
    if (name == "mysql" || name == "mariadb") return DatabaseEngine::mysql;
    return std::nullopt;
}

Result<DatabaseUrl> read_file(std::string_view rest) {
    if (rest.find_first_of("?#") != std::string_view::npos) {
        return bad(
            "options behind a '?' or '#' have no meaning here; in a file's name write %3F, %23");
    }
    if (!rest.starts_with('/')) {
        return bad("write three slashes for a relative file, four for an absolute one: "
                   "sqlite:////absolute/path");
    }
    auto path = percent_decoded(rest.substr(1));
    if (!path) return bad("a broken % escape in the file's name");
    if (path->empty() || *path == ":memory:") {
        return bad(
            "an in-memory database is lost with the process and shared with no other; name a "
            "file: sqlite:////absolute/path");
    }
    if (holds_control_character(*path)) return bad("the file's name holds a control character");
    // The client library has no way to spell a quotation mark.
    if (path->find('"') != std::string::npos)
        return bad("the file's name may not contain a quotation mark");
    if (path->back() == '/') return bad("names a folder; name a file: sqlite:////absolute/path");
    DatabaseUrl url;
    url.file = std::move(*path);
    return url;
}

Result<void> read_user(std::string_view text, DatabaseUrl& url) {
    const auto colon = text.find(':');
    auto user = percent_decoded(text.substr(0, colon));
    auto password = colon == std::string_view::npos ? std::optional<std::string>(std::string())
                                                    : percent_decoded(text.substr(colon + 1));
    if (!user || !password) {
        return bad("a broken % escape in the user or password; write a percent sign as %25");
    }
    if (holds_control_character(*user) || password->find('\0') != std::string::npos)
        return bad("the user or password holds a control character");
    url.user = std::move(*user);
    url.password = std::move(*password);
    return {};
}

Result<void> read_socket(std::string path, DatabaseUrl& url) {
    if (path.size() > socket_path_max) return bad("the path of the Unix socket is too long");
    url.socket = std::move(path);
    url.host.clear();
    return {};
}

Result<void> read_host(std::string_view text, DatabaseUrl& url) {
    auto read = parse_url_host(text);
    if (!read) return std::move(read).error();
    if (read->host.find(',') != std::string::npos) return bad("names several hosts; name one");
    if (read->port != 0) url.port = read->port;
    if (read->host.starts_with('/')) return read_socket(std::move(read->host), url);
    url.host = std::move(read->host);
    return {};
}

constexpr std::array<std::string_view, 7> postgresql_options{
    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "application_name"};
constexpr std::array<std::string_view, 4> mysql_options{"ssl-ca", "ssl-cert", "ssl-key",
                                                        "ssl-mode"};

template <std::size_t size>
std::string listed(const std::array<std::string_view, size>& names) {
    std::string text;
    for (const auto name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

Result<void> read_option(std::string name, std::string value, DatabaseUrl& url) {
    const bool postgresql = url.engine == DatabaseEngine::postgresql;
    if (holds_control_character(value)) return bad("an option holds a control character");
    if (postgresql && name == "host") {
        if (value.starts_with('/')) return read_socket(std::move(value), url);
        return read_host(value, url);
    }
    if (!postgresql && (name == "socket" || name == "unix_socket"))
        return read_socket(std::move(value), url);
    if (!postgresql && name == "charset" && value == "utf8mb4") return {};
    std::ranges::replace(name, postgresql ? '-' : '_', postgresql ? '_' : '-');
    const bool known = postgresql
                           ? std::ranges::find(postgresql_options, name) != postgresql_options.end()
                           : std::ranges::find(mysql_options, name) != mysql_options.end();
    if (!known) {
        return bad("holds an option that has no meaning here; known are " +
                   (postgresql ? "host, " + listed(postgresql_options)
                               : "socket, " + listed(mysql_options)));
    }
    url.options.insert_or_assign(std::move(name), std::move(value));
    return {};
}

/// SOCI cannot tell MariaDB's client library to insist on TLS or on the server's name; a CA makes it do the first.
Result<void> check_tls(const DatabaseUrl& url) {
    const auto mode = url.options.find("ssl-mode");
    if (url.engine != DatabaseEngine::mysql || mode == url.options.end()) return {};
    if (mode->second == "VERIFY_IDENTITY") {
        return bad("asks for ssl-mode=VERIFY_IDENTITY, but the client library does not compare the "
                   "server's name; use ssl-mode=VERIFY_CA with a CA of your own");
    }
    if (mode->second != "REQUIRED" && mode->second != "VERIFY_CA")
        return bad(
            "has an ssl-mode that is neither REQUIRED nor VERIFY_CA; without TLS leave it out");
    if (!url.options.contains("ssl-ca"))
        return bad("asks for TLS without the CA that signs the server: add ssl-ca=/path/ca.pem");
    return {};
}

Result<void> read_options(std::string_view query, DatabaseUrl& url) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        auto name = percent_decoded(pair.substr(0, equals));
        auto value = equals == std::string_view::npos ? std::optional<std::string>(std::string())
                                                      : percent_decoded(pair.substr(equals + 1));
        if (!name || !value) return bad("a broken % escape behind the '?'");
        if (auto read = read_option(std::move(*name), std::move(*value), url); !read) return read;
    }
    return {};
}

Result<DatabaseUrl> read_server(DatabaseEngine engine, std::string_view rest) {
    DatabaseUrl url;
    url.engine = engine;
    if (rest.find('#') != std::string_view::npos)
        return bad("a '#' has no meaning here; in a password write %23");
    std::string_view query;
    if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
        query = rest.substr(mark + 1);
        rest = rest.substr(0, mark);
    }
    // A password with an unescaped '/', '?' or '@' would be cut here; the last '@' of the whole tells.
    const auto slash = rest.find('/');
    const auto at_sign = rest.rfind('@');
    if (query.find('@') != std::string_view::npos ||
        (at_sign != std::string_view::npos && slash < at_sign)) {
        return bad("the user or password holds a '/' or '?': write %2F, %3F");
    }
    if (at_sign != std::string_view::npos) {
        if (auto read = read_user(rest.substr(0, at_sign), url); !read) return read.error();
    }
    const auto authority = rest.substr(at_sign == std::string_view::npos ? 0 : at_sign + 1);
    const auto host = authority.substr(0, authority.find('/'));
    if (auto read = read_host(host, url); !read) return read.error();
    if (authority.size() > host.size()) {
        auto database = percent_decoded(authority.substr(host.size() + 1));
        if (!database) return bad("a broken % escape in the database's name");
        if (holds_control_character(*database))
            return bad("the database's name holds a control character");
        url.database = std::move(*database);
    }
    if (auto read = read_options(query, url); !read) return read.error();
    if (auto checked = check_tls(url); !checked) return checked.error();
    // Never silently some other database: the library's default would be the user's own.
    if (url.database.empty())
        return bad("names no database; it stands behind the host: host/database");
    if (url.host.empty() && url.socket.empty()) {
        return bad(engine == DatabaseEngine::postgresql
                       ? "names no host; for a Unix socket write ?host=/var/run/postgresql"
                       : "names no host; for a Unix socket write ?socket=/run/mysqld/mysqld.sock");
    }
    return url;
}

}  // namespace

Result<DatabaseUrl> parse_database_url(std::string_view url) {
    const auto mark = url.find("://");
    if (mark == std::string_view::npos) {
        return bad("is no URL; it begins with sqlite:///, postgresql:// or mysql://, and a file is "
                   "written sqlite:////absolute/path");
    }
    const auto engine = engine_of(url.substr(0, mark));
    if (!engine) return bad("names an engine that is none of sqlite, postgresql, mysql");
    const auto rest = url.substr(mark + 3);
    return *engine == DatabaseEngine::sqlite ? read_file(rest) : read_server(*engine, rest);
}

}  // namespace vedfolnir::model
