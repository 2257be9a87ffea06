// docs/reference/configuration.md, written from the table of known variables.
#pragma once

#include <string>

namespace vedfolnir::cli {

/// The whole page as Markdown, without a final line break.
[[nodiscard]] std::string configuration_reference();

}  // namespace vedfolnir::cli
