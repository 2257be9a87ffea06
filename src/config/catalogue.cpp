#include "config/catalogue.hpp"

#include "config/catalogue_groups.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace vedfolnir::config {
namespace {

constexpr std::array foreign_names{
    std::string_view{"SESSION_MANAGER"},  // X11 desktops
    std::string_view{"REDIS_VERSION"},    // Redis' container images
    std::string_view{"REDIS_DOWNLOAD_URL"}, std::string_view{"REDIS_DOWNLOAD_SHA"},
    std::string_view{"REDIS_SERVICE_HOST"},  // Kubernetes service links
    std::string_view{"REDIS_SERVICE_PORT"},
};

std::vector<Known> joined() {
    std::vector<Known> all;
    for (const auto part : {known_stores(), known_sessions(), known_limits(), known_monitoring()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace

std::span<const Known> catalogue() {
    static const std::vector<Known> all = joined();
    return all;
}

const Known* find_known(std::string_view name) {
    for (const auto& entry : catalogue()) {
        if (entry.name == name) return &entry;
    }
    for (const auto& entry : catalogue()) {
        if (entry.name.ends_with('*') && name.size() >= entry.name.size() &&
            name.starts_with(entry.name.substr(0, entry.name.size() - 1))) {
            return &entry;
        }
    }
    return nullptr;
}

bool is_foreign(std::string_view name) noexcept {
    if (std::find(foreign_names.begin(), foreign_names.end(), name) != foreign_names.end())
        return true;
    const bool service = name.starts_with("REDIS_SERVICE_PORT_");
    const bool link =
        name.starts_with("REDIS_PORT_") && name.find("_TCP") != std::string_view::npos;
    return service || link;
}

std::string_view title(Group group) noexcept {
    switch (group) {
    case Group::product:
        return "Product";
    case Group::keys:
        return "Keys";
    case Group::redis:
        return "Redis";
    case Group::database:
        return "SQL database";
    case Group::cookie:
        return "Cookie";
    case Group::lifetimes:
        return "Lifetimes";
    case Group::choice:
        return "Storage";
    case Group::identity:
        return "Identity";
    case Group::bounds:
        return "Bounds";
    case Group::cleanup:
        return "Cleanup";
    case Group::sync:
        return "Cross-tab sync";
    case Group::security:
        return "Security policies";
    case Group::monitoring:
        return "Monitoring";
    case Group::features:
        return "Feature switches";
    case Group::foreign:
        return "Other packages";
    }
    return "";
}

}  // namespace vedfolnir::config
