// Percent-encoding of URLs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::model {

/// `%41` to `A`; empty on a broken escape.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace vedfolnir::model
