#include "crypto/primitives.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdexcept>

namespace vedfolnir::crypto {
namespace {

template <auto Function>
struct Freer {
    template <class T>
    void operator()(T* object) const noexcept {
        Function(object);
    }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freer<EVP_KDF_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

/// OpenSSL refuses these calls only when memory is out or its providers are broken: nothing could go on safely.
void require(bool done, const char* what) {
    if (!done) throw std::runtime_error(std::string("OpenSSL failed in ") + what);
}

const unsigned char* data(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* data(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// Looked up once: fetching an algorithm by name costs more than using it.
EVP_MAC* hmac_algorithm() {
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return mac;
}
EVP_KDF* hkdf_algorithm() {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    return kdf;
}
EVP_CIPHER* gcm_algorithm() {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

OSSL_PARAM octets(const char* name, Bytes bytes) {
    static std::uint8_t nothing = 0;  // OpenSSL 3.0 refuses an empty salt that is a null pointer
    auto* start = bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data());
    return OSSL_PARAM_construct_octet_string(name, start, bytes.size());
}

}  // namespace

Digest sha256(std::string_view label, Bytes bytes) {
    const DigestContext context(EVP_MD_CTX_new());
    Digest digest;
    require(context && EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), label.data(), label.size()) == 1 &&
                EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1,
            "SHA-256");
    return digest;
}

void Mac::Free::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

Mac::Mac(Bytes key) : keyed_(EVP_MAC_CTX_new(hmac_algorithm())) {
    char digest_name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end()};
    require(keyed_ && EVP_MAC_init(keyed_.get(), key.data(), key.size(), parameters) == 1, "HMAC");
}

Digest Mac::compute(Bytes message) const {
    const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_dup(keyed_.get()));
    Digest digest;
    std::size_t length = 0;
    require(context && EVP_MAC_update(context.get(), message.data(), message.size()) == 1 &&
                EVP_MAC_final(context.get(), digest.data(), &length, digest.size()) == 1,
            "HMAC");
    return digest;
}

Secret hkdf(Bytes key_material, Bytes salt, std::string_view info) {
    const KdfContext context(EVP_KDF_CTX_new(hkdf_algorithm()));
    char digest_name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0),
        octets(OSSL_KDF_PARAM_KEY, key_material),
        octets(OSSL_KDF_PARAM_INFO, {data(info), info.size()}),
        // OpenSSL refuses an empty salt but takes none as RFC 5869 says: a block of zeros.
        salt.empty() ? OSSL_PARAM_construct_end() : octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_end()};
    Secret derived(32);
    require(context && EVP_KDF_derive(context.get(), derived.writable().data(), derived.size(),
                                      parameters) == 1,
            "HKDF");
    return derived;
}

std::string aead_seal(Bytes key, std::span<const std::uint8_t, aead_nonce_size> nonce,
                      std::string_view additional_data, std::string_view plaintext) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    std::string out(plaintext.size() + aead_tag_size, '\0');
    int written = 0;
    require(context && key.size() == 32 &&
                EVP_EncryptInit_ex2(context.get(), gcm_algorithm(), key.data(), nonce.data(),
                                    nullptr) == 1 &&
                EVP_EncryptUpdate(context.get(), nullptr, &written, data(additional_data),
                                  static_cast<int>(additional_data.size())) == 1 &&
                EVP_EncryptUpdate(context.get(), data(out), &written, data(plaintext),
                                  static_cast<int>(plaintext.size())) == 1 &&
                EVP_EncryptFinal_ex(context.get(), data(out) + written, &written) == 1 &&
                EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, aead_tag_size,
                                    out.data() + plaintext.size()) == 1,
            "AES-256-GCM");
    return out;
}

std::optional<std::string> aead_open(Bytes key,
                                     std::span<const std::uint8_t, aead_nonce_size> nonce,
                                     std::string_view additional_data,
                                     std::string_view ciphertext_and_tag) {
    if (key.size() != 32 || ciphertext_and_tag.size() < aead_tag_size) return std::nullopt;
    const std::size_t length = ciphertext_and_tag.size() - aead_tag_size;
    std::string tag(ciphertext_and_tag.substr(length));
    std::string out(length, '\0');
    int written = 0;
    const CipherContext context(EVP_CIPHER_CTX_new());
    require(context && EVP_DecryptInit_ex2(context.get(), gcm_algorithm(), key.data(), nonce.data(),
                                           nullptr) == 1,
            "AES-256-GCM");
    const bool opened =
        EVP_DecryptUpdate(context.get(), nullptr, &written, data(additional_data),
                          static_cast<int>(additional_data.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), data(out), &written, data(ciphertext_and_tag),
                          static_cast<int>(length)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, aead_tag_size, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(context.get(), data(out) + written, &written) == 1;
    if (!opened) return std::nullopt;
    return out;
}

}  // namespace vedfolnir::crypto
