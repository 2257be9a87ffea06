#include "model/base64url.hpp"

#include <array>

namespace vedfolnir::model {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> make_reverse() {
    std::array<std::int8_t, 256> table{};
    for (auto& entry : table) entry = -1;
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    }
    return table;
}

constexpr auto reverse = make_reverse();

}  // namespace

std::string base64url_encode(std::span<const std::uint8_t> bytes) {
    std::string text(base64url_length(bytes.size()), '\0');
    auto out = text.begin();
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : bytes) {
        buffer = (buffer << 8U) | byte;
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            *out++ = alphabet[(buffer >> bits) & 0x3fU];
        }
    }
    if (bits > 0) *out = alphabet[(buffer << (6U - bits)) & 0x3fU];
    return text;
}

bool base64url_decode(std::string_view text, std::span<std::uint8_t> out) noexcept {
    if (text.size() != base64url_length(out.size())) return false;
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    std::size_t written = 0;
    for (const char character : text) {
        const auto value = reverse[static_cast<unsigned char>(character)];
        if (value < 0) return false;
        buffer = (buffer << 6U) | static_cast<std::uint8_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[written++] = static_cast<std::uint8_t>((buffer >> bits) & 0xffU);
        }
    }
    // Spare bits must be zero, or one id would have several names.
    return (buffer & ((1U << bits) - 1U)) == 0;
}

}  // namespace vedfolnir::model
