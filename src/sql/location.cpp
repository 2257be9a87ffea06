#include "sql/location.hpp"

#include <filesystem>
#include <system_error>

namespace vedfolnir::sql {
namespace {

constexpr std::string_view default_file = "sessions.db";

Error bad_url(const std::string& why) {
    return Error{Errc::bad_options, "SESSION_DATABASE_URL " + why};
}

/// The part before "://", without a driver suffix ("postgresql+psycopg2"). Never echo the rest: it
/// may hold a password.
std::string_view scheme_of(std::string_view url) {
    const auto scheme = url.substr(0, url.find("://"));
    return scheme.substr(0, scheme.find('+'));
}

Result<std::string> absolute(const std::string& path) {
    std::error_code failed;
    auto full = std::filesystem::absolute(path, failed);
    if (failed) return bad_url("names \"" + path + "\": " + failed.message());
    return full.lexically_normal().string();
}

}  // namespace

Result<Location> parse_location(std::string_view url, const std::string& state_dir) {
    Location location;
    if (url.empty()) {
        if (state_dir.empty())
            return bad_url("is empty, and there is no state directory for the default file");
        auto full = absolute((std::filesystem::path(state_dir) / default_file).string());
        if (!full) return full.error();
        return Location{std::move(*full), true};
    }
    constexpr std::string_view prefix = "sqlite:///";
    if (url.find("://") == std::string_view::npos) {
        return bad_url(
            "is no URL; a file is written sqlite:////absolute/path or sqlite:///relative/path");
    }
    if (scheme_of(url) != "sqlite") {
        return bad_url(
            "names the engine \"" + std::string(scheme_of(url)) +
            "\"; this version keeps its audit in SQLite only: use sqlite:////absolute/path");
    }
    if (!url.starts_with(prefix)) {
        return bad_url("has a host part; a file is written sqlite:////absolute/path");
    }
    const auto path = url.substr(prefix.size());
    if (path.empty() || path == ":memory:" || path.back() == '/') {
        return bad_url(
            "names no file; endings must survive the process: use sqlite:////absolute/path");
    }
    // SOCI's connection string has no way to spell these; a query part would silently become part
    // of the name.
    if (path.find_first_of(std::string_view("\"?#\0", 4)) != std::string_view::npos) {
        return bad_url("may not contain a quotation mark, '?' or '#'");
    }
    auto full = absolute(std::string(path));
    if (!full) return full.error();
    return Location{std::move(*full), false};
}

}  // namespace vedfolnir::sql
