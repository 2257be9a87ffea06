// Ed25519 (RFC 8032) over OpenSSL's EVP: signs the heads of the audit trail.
#pragma once

#include "crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace vedfolnir::crypto {

inline constexpr std::size_t signing_seed_size = 32;
using Signature = std::array<std::uint8_t, 64>;
using PublicKey = std::array<std::uint8_t, 32>;

struct FreeKey {
    void operator()(evp_pkey_st* key) const noexcept;
};

/// Thread-safe.
class VerifyKey {
public:
    explicit VerifyKey(const PublicKey& bytes);
    [[nodiscard]] bool verify(std::string_view message, const Signature& signature) const;
    [[nodiscard]] const PublicKey& bytes() const noexcept { return bytes_; }
    /// The first 8 bytes of the key's SHA-256, as hexadecimal.
    [[nodiscard]] std::string id() const;
    /// As other programs read it: SubjectPublicKeyInfo in PEM.
    [[nodiscard]] std::string pem() const;

private:
    PublicKey bytes_;
    std::shared_ptr<evp_pkey_st> key_;
};

/// Thread-safe.
class SigningKey {
public:
    /// `seed` is the private key of RFC 8032. Empty unless it has 32 bytes.
    [[nodiscard]] static std::optional<SigningKey> from_seed(std::span<const std::uint8_t> seed);
    [[nodiscard]] Signature sign(std::string_view message) const;
    [[nodiscard]] VerifyKey verify_key() const;

private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace vedfolnir::crypto
