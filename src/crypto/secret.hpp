// Secret bytes: cannot be printed, compare in constant time, wipe themselves.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::crypto {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view bytes);
    explicit Secret(std::size_t size) : bytes_(size) {}
    Secret(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();

    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::span<std::uint8_t> writable() noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

private:
    void wipe() noexcept;
    std::vector<std::uint8_t> bytes_;
};

/// True if both are equal; takes the same time wherever they differ.
[[nodiscard]] bool equal_constant_time(std::span<const std::uint8_t> a,
                                       std::span<const std::uint8_t> b) noexcept;

}  // namespace vedfolnir::crypto
