// Gathers what the doctor judges: asks Redis, the database, files and one page of the application.
#pragma once

#include "config/settings.hpp"
#include "ops/facts.hpp"

#include <string>

namespace vedfolnir::compose {

struct DoctorOrder {
    std::string url;     ///< A page of the application (best: the login page); empty: none.
    std::string cookie;  ///< A cookie value (or name=value) to explain; empty: none.
};

/// Blocks, at most some seconds per source. What cannot be found out stays empty; nothing is reported as an Error.
[[nodiscard]] ops::Facts gather(const config::Settings& settings, const DoctorOrder& order);

}  // namespace vedfolnir::compose
