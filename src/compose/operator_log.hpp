// Lines on stderr for what no caller waits for. Takes no lock, so that a fork in between leaves nothing locked.
#pragma once

#include "manager/ports.hpp"

#include <string_view>

namespace vedfolnir::compose {

/// One line `time vedfolnir: text`. Control characters are spelled out: text of others cannot forge a line.
void log_line(std::string_view text) noexcept;

/// Writes each kind of report at most once a second, so that an outage does not fill the log.
[[nodiscard]] manager::Report operator_log();

}  // namespace vedfolnir::compose
