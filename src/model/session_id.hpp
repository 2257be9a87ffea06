// The session id: 50 bytes, in the cookie as 67 characters of base64url (docs/internals/session_id.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vedfolnir::model {

/// The bytes a cookie names a session with. Cannot be streamed or formatted: only `cookie_value()` spells it.
class SessionId {
public:
    static constexpr std::size_t size = 50;
    static constexpr std::size_t text_size = 67;
    static constexpr std::size_t authenticated_size = 34;  ///< version, shard, secret
    static constexpr std::uint8_t version = 1;

    SessionId(std::uint8_t shard, std::span<const std::uint8_t, 32> secret,
              std::span<const std::uint8_t, 16> mac) noexcept;

    /// Reads a cookie value: exact length, alphabet, canonical spelling and version. The MAC is not checked here.
    [[nodiscard]] static std::optional<SessionId> parse(std::string_view text) noexcept;

    [[nodiscard]] std::string cookie_value() const;
    [[nodiscard]] std::uint8_t shard() const noexcept { return bytes_[1]; }
    [[nodiscard]] std::span<const std::uint8_t, 32> secret() const noexcept {
        return std::span(bytes_).subspan<2, 32>();
    }
    [[nodiscard]] std::span<const std::uint8_t, 34> authenticated() const noexcept {
        return std::span(bytes_).first<34>();
    }
    [[nodiscard]] std::span<const std::uint8_t, 16> mac() const noexcept {
        return std::span(bytes_).last<16>();
    }

private:
    SessionId() = default;
    std::array<std::uint8_t, size> bytes_{};
};

}  // namespace vedfolnir::model
