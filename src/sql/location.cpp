#include "sql/location.hpp"

#include <filesystem>
#include <system_error>

namespace vedfolnir::sql {
namespace {

constexpr std::string_view default_file = "sessions.db";

Error bad_url(const std::string& why) {
    return Error{Errc::bad_options, "SESSION_DATABASE_URL " + why};
}

Result<std::string> absolute(const std::string& path) {
    std::error_code failed;
    auto full = std::filesystem::absolute(path, failed);
    if (failed) return bad_url("names \"" + path + "\": " + failed.message());
    return full.lexically_normal().string();
}

}  // namespace

std::string Location::text() const {
    if (is_file()) return path;
    const bool postgresql = server.engine == model::DatabaseEngine::postgresql;
    std::string text = (postgresql ? "PostgreSQL database " : "MySQL database ") + server.database;
    text += " at " + (server.socket.empty() ? server.host : server.socket);
    if (server.port != 0) text += ":" + std::to_string(server.port);
    if (!server.user.empty()) text += " (user " + server.user + ")";
    return text;
}

Result<Location> parse_location(std::string_view url, const std::string& state_dir) {
    Location location;
    if (url.empty()) {
        if (state_dir.empty())
            return bad_url("is empty, and there is no state directory for the default file");
        auto full = absolute((std::filesystem::path(state_dir) / default_file).string());
        if (!full) return full.error();
        location.path = std::move(*full);
        location.private_home = true;
        return location;
    }
    auto parsed = model::parse_database_url(url);
    if (!parsed) return bad_url(parsed.error().detail);
    location.server = std::move(*parsed);
    if (!location.is_file()) return location;
    auto full = absolute(location.server.file);
    if (!full) return full.error();
    location.path = std::move(*full);
    return location;
}

}  // namespace vedfolnir::sql
