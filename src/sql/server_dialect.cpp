#include "sql/server_dialect.hpp"

#include <algorithm>

namespace vedfolnir::sql {
namespace {

/// The server's own timeout comes first and leaves the connection usable; this is for a server that says nothing.
constexpr Millis silence_max{500};
/// A commit is not under its call's limit any more.
constexpr Millis commit_max{10'000};

std::string said(std::string_view text) { return " (" + one_line(text) + ")"; }

}  // namespace

std::string quoted_value(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "'";
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        // libpq begins its second lines with a tab.
        if (c != '\n' && c != '\t') {
            line += c;
        } else if (!line.ends_with(' ')) {
            line += ' ';
        }
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

Watchdog::Guard ServerDialect::watch(soci::session& connection, const Limit* limit) {
    const int socket = socket_of(connection);
    if (socket < 0) return {};
    const auto until = limit == nullptr ? deadline_in(commit_max) : limit->deadline + silence_max;
    return watchdog_.watch(socket, until);
}

Millis ServerDialect::time_left(const Limit& limit) {
    const auto left = limit.deadline - std::chrono::steady_clock::now();
    return std::max(std::chrono::floor<Millis>(left), Millis{1});
}

Error ServerDialect::timed_out(std::string_view text) const {
    return {Errc::audit_unavailable,
            "a statement on " + where() + " ran into its deadline" + said(text)};
}

Error ServerDialect::locked(std::string_view text) const {
    return {
        Errc::audit_unavailable,
        "rows or tables of " + where() +
            " stayed locked by another session until the deadline; look for a long transaction, "
            "a backup or a schema change" +
            said(text)};
}

Error ServerDialect::duplicate(std::string_view text) const {
    return {Errc::conflict, "a row of this key exists already in " + where() + said(text)};
}

Error ServerDialect::lost(std::string_view text) const {
    return {Errc::audit_unavailable, "the connection to " + where() + " was lost" + said(text)};
}

Error ServerDialect::unreachable(std::string_view text) const {
    return {Errc::audit_unavailable,
            "no server answers for " + where() +
                "; check host, port or socket in SESSION_DATABASE_URL, and that the server runs" +
                said(text)};
}

Error ServerDialect::out_of_space(std::string_view text) const {
    return {Errc::audit_unavailable,
            "no space is left for " + where() +
                "; nothing was written: free space on the server's volume" + said(text)};
}

Error ServerDialect::read_only(std::string_view text) const {
    return {Errc::audit_unavailable,
            where() + " takes no writes; name the primary in SESSION_DATABASE_URL, not a replica" +
                said(text)};
}

Error ServerDialect::too_many_connections(std::string_view text) const {
    return {Errc::audit_unavailable,
            where() +
                " has no connection free; raise its limit, or lower VEDFOLNIR_SQL_WRITERS (each "
                "process opens that many and two for reading)" +
                said(text)};
}

Error ServerDialect::wrong_password(std::string_view text) const {
    return {
        Errc::bad_options,
        where() +
            " refuses the user or password of SESSION_DATABASE_URL; correct them there (special "
            "letters as %XX), or the server's access rules" +
            said(text)};
}

Error ServerDialect::no_tls(std::string_view text) const {
    return {Errc::bad_options,
            "no TLS connection to " + where() +
                " as SESSION_DATABASE_URL asks; check the server's certificate and the options "
                "behind the '?'" +
                said(text)};
}

Error ServerDialect::occupied(std::string_view text) const {
    return {Errc::bad_options,
            where() +
                " holds tables that no migration of ours made; give the sessions a database of "
                "their own" +
                said(text)};
}

Error ServerDialect::other(std::string_view text) const {
    return {Errc::audit_unavailable, where() + " failed" + said(text)};
}

}  // namespace vedfolnir::sql
