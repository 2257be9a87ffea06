// Text of others made safe for a terminal and a log line.
#pragma once

#include <string>
#include <string_view>

namespace vedfolnir::model {

/// What could steer a terminal, forge a line or turn the order of letters around is spelled out: control characters as
/// `\x1b`; line separators and bidirectional controls as `\u202e`. Everything else stays as it is.
[[nodiscard]] std::string visible(std::string_view text);

}  // namespace vedfolnir::model
