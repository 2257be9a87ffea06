// The few primitives the product uses, over OpenSSL's EVP: SHA-256, HMAC-SHA-256, HKDF-SHA-256, AES-256-GCM.
#pragma once

#include "crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;

namespace vedfolnir::crypto {

using Bytes = std::span<const std::uint8_t>;
using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 over the concatenation of the parts.
[[nodiscard]] Digest sha256(std::string_view label, Bytes data);

/// HMAC-SHA-256 with a fixed key: the key schedule is done once (RFC 2104).
/// Thread-safe: `compute` works on a copy of the thread's own, which it keeps for the next message.
class Mac {
public:
    explicit Mac(Bytes key);
    [[nodiscard]] Digest compute(Bytes message) const;

private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_mac_ctx_st, Free> keyed_;
    std::uint64_t number_;  ///< Of this key in this process; copies are found by it.
};

/// HKDF-SHA-256, extract and expand, 32 bytes (RFC 5869).
[[nodiscard]] Secret hkdf(Bytes key_material, Bytes salt, std::string_view info);

inline constexpr std::size_t aead_nonce_size = 12;
inline constexpr std::size_t aead_tag_size = 16;

/// AES-256-GCM (NIST SP 800-38D): ciphertext followed by the tag.
[[nodiscard]] std::string aead_seal(Bytes key, std::span<const std::uint8_t, aead_nonce_size> nonce,
                                    std::string_view additional_data, std::string_view plaintext);

/// Empty unless key, nonce, additional data, ciphertext and tag belong together.
[[nodiscard]] std::optional<std::string> aead_open(
    Bytes key, std::span<const std::uint8_t, aead_nonce_size> nonce,
    std::string_view additional_data, std::string_view ciphertext_and_tag);

}  // namespace vedfolnir::crypto
