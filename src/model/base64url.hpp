// base64url without padding (RFC 4648 section 5), strict: one spelling per byte string.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::model {

[[nodiscard]] std::string base64url_encode(std::span<const std::uint8_t> bytes);

/// Decodes into exactly `out.size()` bytes. False on a wrong length, a foreign character, padding, or a
/// non-canonical spelling (spare bits that are not zero).
[[nodiscard]] bool base64url_decode(std::string_view text, std::span<std::uint8_t> out) noexcept;

/// Characters that `bytes` bytes need.
[[nodiscard]] constexpr std::size_t base64url_length(std::size_t bytes) noexcept {
    return (bytes * 8 + 5) / 6;
}

}  // namespace vedfolnir::model
