#include "crypto/primitives.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <atomic>
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
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

// Making a context costs more than most messages, so each thread keeps its own and starts it anew for each message.
// What a context then still holds is a key that can be derived from the key ring, which is in memory anyway.

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
EVP_MD* sha256_algorithm() {
    static EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return digest;
}
EVP_CIPHER* gcm_algorithm() {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

/// A context for HMAC-SHA-256 that still needs a key.
MacContext new_hmac() {
    MacContext context(EVP_MAC_CTX_new(hmac_algorithm()));
    char digest_name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end()};
    require(context && EVP_MAC_CTX_set_params(context.get(), parameters) == 1, "HMAC");
    return context;
}

Digest finish(EVP_MAC_CTX* context) {
    Digest digest;
    std::size_t length = 0;
    require(EVP_MAC_final(context, digest.data(), &length, digest.size()) == 1, "HMAC");
    return digest;
}

/// This thread's copies of keyed contexts. Few keys are in use at once; the oldest copy makes room.
class KeyedContexts {
public:
    EVP_MAC_CTX* of(std::uint64_t number, EVP_MAC_CTX* keyed) {
        for (const Slot& slot : slots_) {
            if (slot.number == number) return slot.context.get();
        }
        MacContext copy(EVP_MAC_CTX_dup(keyed));
        require(copy != nullptr, "HMAC");
        Slot& slot = slots_[next_++ % slots_.size()];
        slot = {number, std::move(copy)};
        return slot.context.get();
    }

private:
    struct Slot {
        std::uint64_t number = 0;  ///< 0: empty.
        MacContext context;
    };
    std::array<Slot, 8> slots_;
    std::size_t next_ = 0;
};

}  // namespace

Digest sha256(std::string_view label, Bytes bytes) {
    thread_local const DigestContext context(EVP_MD_CTX_new());
    Digest digest;
    require(context && EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), label.data(), label.size()) == 1 &&
                EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1,
            "SHA-256");
    return digest;
}

void Mac::Free::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

Mac::Mac(Bytes key) : keyed_(new_hmac().release()) {
    static std::atomic<std::uint64_t> made{0};
    number_ = ++made;
    require(EVP_MAC_init(keyed_.get(), key.data(), key.size(), nullptr) == 1, "HMAC");
}

Digest Mac::compute(Bytes message) const {
    thread_local KeyedContexts contexts;
    EVP_MAC_CTX* const context = contexts.of(number_, keyed_.get());
    // Without a key: starts anew with the one it has.
    require(EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
                EVP_MAC_update(context, message.data(), message.size()) == 1,
            "HMAC");
    return finish(context);
}

/// Written out, because OpenSSL's own looks both algorithms up by name for each derivation, which takes several times
/// as long as the derivation. One block of output is all we need: T(1) = HMAC(PRK, info | 0x01).
Secret hkdf(Bytes key_material, Bytes salt, std::string_view info) {
    thread_local const MacContext context = new_hmac();
    static constexpr std::array<std::uint8_t, 32> zeros{};
    static constexpr std::uint8_t first = 1;
    const Bytes extract_key = salt.empty() ? Bytes(zeros) : salt;
    require(EVP_MAC_init(context.get(), extract_key.data(), extract_key.size(), nullptr) == 1 &&
                EVP_MAC_update(context.get(), key_material.data(), key_material.size()) == 1,
            "HKDF");
    Digest extracted = finish(context.get());
    require(EVP_MAC_init(context.get(), extracted.data(), extracted.size(), nullptr) == 1 &&
                EVP_MAC_update(context.get(), data(info), info.size()) == 1 &&
                EVP_MAC_update(context.get(), &first, 1) == 1,
            "HKDF");
    OPENSSL_cleanse(extracted.data(), extracted.size());
    Digest block = finish(context.get());
    Secret derived(std::string_view(reinterpret_cast<const char*>(block.data()), block.size()));
    OPENSSL_cleanse(block.data(), block.size());
    return derived;
}

namespace {

/// This thread's context for one direction. The cipher is named once: naming it again would throw its state away.
CipherContext new_gcm(bool encrypts) {
    CipherContext context(EVP_CIPHER_CTX_new());
    require(context && EVP_CipherInit_ex2(context.get(), gcm_algorithm(), nullptr, nullptr,
                                          encrypts ? 1 : 0, nullptr) == 1,
            "AES-256-GCM");
    return context;
}

}  // namespace

std::string aead_seal(Bytes key, std::span<const std::uint8_t, aead_nonce_size> nonce,
                      std::string_view additional_data, std::string_view plaintext) {
    thread_local const CipherContext context = new_gcm(true);
    std::string out(plaintext.size() + aead_tag_size, '\0');
    int written = 0;
    require(key.size() == 32 &&
                EVP_EncryptInit_ex2(context.get(), nullptr, key.data(), nonce.data(), nullptr) ==
                    1 &&
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
    std::array<char, aead_tag_size> tag{};
    ciphertext_and_tag.copy(tag.data(), tag.size(), length);
    std::string out(length, '\0');
    int written = 0;
    thread_local const CipherContext context = new_gcm(false);
    require(EVP_DecryptInit_ex2(context.get(), nullptr, key.data(), nonce.data(), nullptr) == 1,
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
