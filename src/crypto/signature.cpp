#include "crypto/signature.hpp"

#include "crypto/primitives.hpp"
#include "model/hex.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdexcept>

namespace vedfolnir::crypto {
namespace {

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

/// OpenSSL refuses these calls only when memory is out or its providers are broken.
void require(bool done, const char* what) {
    if (!done) throw std::runtime_error(std::string("OpenSSL failed in ") + what);
}

const unsigned char* data(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void FreeKey::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }

VerifyKey::VerifyKey(const PublicKey& bytes)
    : bytes_(bytes),
      key_(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()),
           FreeKey{}) {
    require(key_ != nullptr, "Ed25519");
}

bool VerifyKey::verify(std::string_view message, const Signature& signature) const {
    const Context context(EVP_MD_CTX_new());
    require(context != nullptr &&
                EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1,
            "Ed25519");
    return EVP_DigestVerify(context.get(), signature.data(), signature.size(), data(message),
                            message.size()) == 1;
}

std::string VerifyKey::id() const {
    const auto digest = sha256({}, bytes_);
    return model::hex_encode(std::span(digest).first(8));
}

std::string VerifyKey::pem() const {
    const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
    require(bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1, "PEM");
    char* text = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::optional<SigningKey> SigningKey::from_seed(std::span<const std::uint8_t> seed) {
    if (seed.size() != signing_seed_size) return std::nullopt;
    std::shared_ptr<evp_pkey_st> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
        FreeKey{});
    require(key != nullptr, "Ed25519");
    return SigningKey(std::move(key));
}

Signature SigningKey::sign(std::string_view message) const {
    const Context context(EVP_MD_CTX_new());
    Signature signature{};
    std::size_t size = signature.size();
    require(context != nullptr &&
                EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                EVP_DigestSign(context.get(), signature.data(), &size, data(message),
                               message.size()) == 1 &&
                size == signature.size(),
            "Ed25519");
    return signature;
}

VerifyKey SigningKey::verify_key() const {
    PublicKey bytes{};
    std::size_t size = bytes.size();
    require(EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &size) == 1, "Ed25519");
    return VerifyKey(bytes);
}

}  // namespace vedfolnir::crypto
