#include "model/visible.hpp"

#include <array>
#include <cstdint>

namespace vedfolnir::model {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::string escaped(char kind, std::uint32_t code, int nibbles) {
    std::string out{'\\', kind};
    for (int shift = 4 * (nibbles - 1); shift >= 0; shift -= 4)
        out.push_back(digits[(code >> static_cast<unsigned>(shift)) & 0xfU]);
    return out;
}

struct Sequence {
    std::uint32_t code = 0;
    std::size_t size = 0;  ///< 0: no sequence of two or three bytes begins here.
};

/// Sequences of up to three bytes: all that is spelled out lies there.
Sequence sequence_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t offset) -> std::uint32_t {
        return at + offset < text.size() ? static_cast<unsigned char>(text[at + offset]) : 0U;
    };
    const auto continues = [&](std::size_t offset) { return (byte(offset) & 0xc0U) == 0x80U; };
    if ((byte(0) & 0xe0U) == 0xc0U && continues(1))
        return {(byte(0) & 0x1fU) << 6U | (byte(1) & 0x3fU), 2};
    if ((byte(0) & 0xf0U) == 0xe0U && continues(1) && continues(2))
        return {(byte(0) & 0x0fU) << 12U | (byte(1) & 0x3fU) << 6U | (byte(2) & 0x3fU), 3};
    return {};
}

/// C1 controls steer terminals like ESC does.
bool is_c1(std::uint32_t code) { return code >= 0x80 && code < 0xa0; }

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};
/// What turns the text around or is not seen. Joiners stay: scripts and emoji need them.
constexpr std::array misleading{Range{0x00ad, 0x00ad},   // soft hyphen
                                Range{0x061c, 0x061c},   // Arabic letter mark
                                Range{0x180e, 0x180e},   // Mongolian vowel separator
                                Range{0x200b, 0x200b},   // zero-width space
                                Range{0x200e, 0x200f},   // left-to-right and right-to-left marks
                                Range{0x2028, 0x202e},   // line separators, embeddings, overrides
                                Range{0x2060, 0x2064},   // word joiner, invisible operators
                                Range{0x2066, 0x2069},   // isolates
                                Range{0xfeff, 0xfeff}};  // byte order mark

bool misleads(std::uint32_t code) {
    for (const Range& range : misleading) {
        if (code >= range.first && code <= range.last) return true;
    }
    return false;
}

}  // namespace

std::string visible(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        const Sequence sequence = sequence_at(text, at);
        if (byte < 0x20 || byte == 0x7f) {
            out += escaped('x', byte, 2);
            at += 1;
        } else if (is_c1(sequence.code)) {
            out += escaped('x', sequence.code, 2);
            at += sequence.size;
        } else if (misleads(sequence.code)) {
            out += escaped('u', sequence.code, 4);
            at += sequence.size;
        } else {
            out += text[at];
            at += 1;
        }
    }
    return out;
}

}  // namespace vedfolnir::model
