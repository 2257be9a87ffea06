#include "model/session_id.hpp"

#include "model/base64url.hpp"

#include <algorithm>

namespace vedfolnir::model {

SessionId::SessionId(std::uint8_t shard, std::span<const std::uint8_t, 32> secret,
                     std::span<const std::uint8_t, 16> mac) noexcept {
    bytes_[0] = version;
    bytes_[1] = shard;
    std::ranges::copy(secret, bytes_.begin() + 2);
    std::ranges::copy(mac, bytes_.begin() + authenticated_size);
}

std::optional<SessionId> SessionId::parse(std::string_view text) noexcept {
    SessionId id;
    if (!base64url_decode(text, id.bytes_) || id.bytes_[0] != version) return std::nullopt;
    return id;
}

std::string SessionId::cookie_value() const { return base64url_encode(bytes_); }

}  // namespace vedfolnir::model
