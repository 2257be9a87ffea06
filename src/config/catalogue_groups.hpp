// The parts of the table, in the order of the reference. Private to config.
#pragma once

#include "config/catalogue.hpp"

namespace vedfolnir::config {

[[nodiscard]] std::span<const Known> known_stores() noexcept;
[[nodiscard]] std::span<const Known> known_sessions() noexcept;
[[nodiscard]] std::span<const Known> known_limits() noexcept;
[[nodiscard]] std::span<const Known> known_monitoring() noexcept;

}  // namespace vedfolnir::config
