// One GET of a page of the application, for the doctor.
#pragma once

#include "ops/facts.hpp"

#include <string>

namespace vedfolnir::compose {

/// Asks twice (with and without `X-Forwarded-Proto: https`), follows no redirect. Blocks, at most a few seconds.
[[nodiscard]] ops::PageFacts read_page(const std::string& url, const std::string& cookie_name);

}  // namespace vedfolnir::compose
