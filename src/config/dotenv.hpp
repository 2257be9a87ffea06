// `.env` files: NAME=value lines with comments, quotes and `export`.
#pragma once

#include "config/text.hpp"

namespace vedfolnir::config {

/// Reads a dotenv text. Later lines win. Double quotes understand \n \r \t \\ \" \$; single quotes nothing.
/// Errors: bad_options, naming the line.
[[nodiscard]] Result<TextMap> parse_dotenv(std::string_view text);

}  // namespace vedfolnir::config
