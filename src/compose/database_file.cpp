#include "compose/database_file.hpp"

#include "compose/state_dir.hpp"
#include "sql/location.hpp"

#include <filesystem>
#include <system_error>

namespace vedfolnir::compose {

std::optional<std::string> missing_database_file(const ManagerOptions& options) {
    const auto directory = state_dir_of(options.state_dir);
    if (!directory) return std::nullopt;
    const auto location = sql::parse_location(options.sql.url, *directory);
    if (!location || !location->is_file()) return std::nullopt;
    std::error_code failed;
    const auto status = std::filesystem::status(location->path, failed);
    if (status.type() != std::filesystem::file_type::not_found) return std::nullopt;
    return location->path;
}

}  // namespace vedfolnir::compose
