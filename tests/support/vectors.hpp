// Reads the golden vectors in tests/vectors (JSON), which C++ and Python tests share.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::test {

/// One JSON object of a vector file. A missing field throws: the test and the file disagree.
class Case {
public:
    struct Node;
    explicit Case(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

    [[nodiscard]] std::string text(std::string_view field) const;
    /// A field of hexadecimal digits, as bytes.
    [[nodiscard]] std::string bytes(std::string_view field) const;
    template <std::size_t N>
    [[nodiscard]] std::array<std::uint8_t, N> array(std::string_view field) const {
        const std::string from = bytes(field);
        std::array<std::uint8_t, N> out{};
        for (std::size_t i = 0; i < N; ++i) out.at(i) = static_cast<std::uint8_t>(from.at(i));
        return out;
    }
    [[nodiscard]] std::uint64_t number(std::string_view field) const;
    /// Empty for null.
    [[nodiscard]] std::optional<std::int64_t> optional_number(std::string_view field) const;
    [[nodiscard]] bool flag(std::string_view field) const;
    [[nodiscard]] Case object(std::string_view field) const;
    [[nodiscard]] std::vector<Case> list(std::string_view field) const;

private:
    std::shared_ptr<const Node> node_;
};

/// The cases of one list in `tests/vectors/<file>.json`.
[[nodiscard]] std::vector<Case> vectors(std::string_view file, std::string_view list);

[[nodiscard]] std::string from_hex(std::string_view digits);
[[nodiscard]] std::string to_hex(std::string_view bytes);

}  // namespace vedfolnir::test
