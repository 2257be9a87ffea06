// Lower-case hexadecimal, strict: one spelling per byte string.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vedfolnir::model {

[[nodiscard]] std::string hex_encode(std::span<const std::uint8_t> bytes);

/// Decodes into exactly `out.size()` bytes. False on a wrong length or anything but 0-9 and a-f.
[[nodiscard]] bool hex_decode(std::string_view text, std::span<std::uint8_t> out) noexcept;

}  // namespace vedfolnir::model
