#include "config/database_url.hpp"

#include "config/redis_url.hpp"
#include "config/text.hpp"

namespace vedfolnir::config {
namespace {

Error bad(std::string text) { return {Errc::bad_options, std::move(text)}; }

}  // namespace

Result<std::string> sqlite_file(std::string_view url) {
    url = trimmed(url);
    const auto mark = url.find("://");
    if (mark == std::string_view::npos) return bad("a URL begins with sqlite:///");
    const auto scheme = lower(url.substr(0, mark));
    if (scheme.starts_with("postgres") || scheme.starts_with("mysql") ||
        scheme.starts_with("mariadb")) {
        return bad(
            "PostgreSQL and MySQL/MariaDB are not supported in this version; use sqlite:///file (one host)");
    }
    if (scheme != "sqlite" && scheme != "sqlite3") return bad("the scheme is not sqlite");
    const auto rest = url.substr(mark + 3);
    if (rest.find('?') != std::string_view::npos)
        return bad("options behind a '?' have no meaning here");
    if (!rest.starts_with('/'))
        return bad("write three slashes for a relative file, four for an absolute one");
    auto path = percent_decoded(rest.substr(1));
    if (!path) return bad("a broken % escape in the file's name");
    if (path->empty() || *path == ":memory:") {
        return bad(
            "an in-memory database is lost with the process and shared with no other; name a file");
    }
    if (holds_control_character(*path)) return bad("the file's name holds a control character");
    return std::move(*path);
}

}  // namespace vedfolnir::config
