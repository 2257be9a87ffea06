// Text of others made safe for a terminal and a log line.
#pragma once

#include <string>
#include <string_view>

namespace vedfolnir::model {

/// What could steer a terminal, forge a line, turn the order of letters around or not be seen is spelled out: control
/// characters as `\x1b`; line separators, bidirectional controls and invisible characters as `\u202e`. Everything else stays.
[[nodiscard]] std::string visible(std::string_view text);

}  // namespace vedfolnir::model
