// Big-endian integers at fixed offsets. Header-only: three one-line templates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vedfolnir::model {

template <class T>
void put_be(std::string& out, std::size_t offset, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        out[offset + i] = static_cast<char>(static_cast<std::uint8_t>(
            static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i))));
    }
}

template <class T>
void append_be(std::string& out, T value) {
    out.resize(out.size() + sizeof(T));
    put_be(out, out.size() - sizeof(T), value);
}

/// The caller has checked that `offset + sizeof(T)` lies inside.
template <class T>
[[nodiscard]] T get_be(std::string_view in, std::size_t offset) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = (value << 8U) | static_cast<std::uint8_t>(in[offset + i]);
    }
    return static_cast<T>(value);
}

[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace vedfolnir::model
