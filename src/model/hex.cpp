#include "model/hex.hpp"

#include <array>

namespace vedfolnir::model {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::uint8_t none = 0xff;

constexpr auto values = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(none);
    for (std::uint8_t i = 0; i < 16; ++i) table[static_cast<unsigned char>(digits[i])] = i;
    return table;
}();

}  // namespace

std::string hex_encode(std::span<const std::uint8_t> bytes) {
    std::string text(2 * bytes.size(), '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        text[2 * i] = digits[bytes[i] >> 4U];
        text[2 * i + 1] = digits[bytes[i] & 0x0fU];
    }
    return text;
}

bool hex_decode(std::string_view text, std::span<std::uint8_t> out) noexcept {
    if (text.size() != 2 * out.size()) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto high = values[static_cast<unsigned char>(text[2 * i])];
        const auto low = values[static_cast<unsigned char>(text[2 * i + 1])];
        if (high == none || low == none) return false;
        out[i] = static_cast<std::uint8_t>((high << 4U) | low);
    }
    return true;
}

}  // namespace vedfolnir::model
