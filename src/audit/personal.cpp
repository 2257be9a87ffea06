#include "audit/personal.hpp"

#include "crypto/primitives.hpp"
#include "model/base64url.hpp"
#include "model/bytes.hpp"

#include <algorithm>
#include <span>

namespace vedfolnir::audit {
namespace {

constexpr std::string_view subject_label = "vedfolnir subject v1";
constexpr std::string_view personal_label = "vedfolnir personal v1";
constexpr std::size_t key_id_size = 16;
constexpr char plain_version = 1;

template <class Array>
std::string_view view(const Array& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string key_associated(const SubjectKeyId& id, const UserTag& subject) {
    std::string text(subject_label);
    return text.append(view(id)).append(view(subject.bytes));
}

std::string personal_associated(const Position& position) {
    std::string text(personal_label);
    model::append_be(text, position.partition);
    model::append_be(text, position.index);
    return text;
}

std::string encode(const Personal& personal) {
    std::string plain(1, plain_version);
    for (const auto* text : {&personal.user_id, &personal.actor}) {
        model::append_be(plain, static_cast<std::uint32_t>(text->size()));
        plain += *text;
    }
    return plain += personal.detail;
}

/// Takes a text with its length in front off `plain`. False if it is cut short.
bool take(std::string_view& plain, std::string& text) {
    if (plain.size() < 4) return false;
    const auto size = model::get_be<std::uint32_t>(plain, 0);
    plain.remove_prefix(4);
    if (plain.size() < size) return false;
    text = plain.substr(0, size);
    plain.remove_prefix(size);
    return true;
}

std::optional<Personal> decode(std::string_view plain) {
    if (plain.empty() || plain.front() != plain_version) return std::nullopt;
    plain.remove_prefix(1);
    Personal personal;
    if (!take(plain, personal.user_id) || !take(plain, personal.actor)) return std::nullopt;
    personal.detail = plain;
    return personal;
}

std::optional<std::string> decoded(std::string_view text) {
    std::string bytes(text.size() * 6 / 8, '\0');
    if (!model::base64url_decode(text,
                                 {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}))
        return std::nullopt;
    return bytes;
}

/// What `sealed` made of nonce and ciphertext, opened again.
std::optional<std::string> opened(const crypto::Secret& key, std::string_view associated,
                                  std::string_view nonce_and_rest) {
    if (nonce_and_rest.size() < crypto::aead_nonce_size) return std::nullopt;
    const auto nonce = model::as_bytes(nonce_and_rest).first<crypto::aead_nonce_size>();
    return crypto::aead_open(key.bytes(), nonce, associated,
                             nonce_and_rest.substr(crypto::aead_nonce_size));
}

}  // namespace

UserTag Sealer::subject_of(std::string_view user_id) const {
    return user_id.empty() ? UserTag{} : ring_.user_tag(user_id);
}

Result<SubjectKey> Sealer::make_key() const {
    SubjectKey key{{}, crypto::Secret(std::size_t{32})};
    if (auto filled = random_->fill(key.id); !filled) return filled.error();
    if (auto filled = random_->fill(key.secret.writable()); !filled) return filled.error();
    return key;
}

Result<std::string> Sealer::sealed(const crypto::Secret& key, std::string prefix,
                                   std::string_view associated, std::string_view plain) const {
    std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
    if (auto filled = random_->fill(nonce); !filled) return filled.error();
    prefix.append(view(nonce)).append(crypto::aead_seal(key.bytes(), nonce, associated, plain));
    return model::base64url_encode(model::as_bytes(prefix));
}

Result<std::string> Sealer::seal_key(const SubjectKey& key, const UserTag& subject) const {
    return sealed(ring_.audit_wrapping_key(), {}, key_associated(key.id, subject),
                  view(key.secret.bytes()));
}

std::optional<SubjectKey> Sealer::open_key(const SubjectKeyId& id, const UserTag& subject,
                                           std::string_view sealed) const {
    const auto bytes = decoded(sealed);
    if (!bytes) return std::nullopt;
    const auto secret = opened(ring_.audit_wrapping_key(), key_associated(id, subject), *bytes);
    if (!secret) return std::nullopt;
    return SubjectKey{id, crypto::Secret(std::string_view(*secret))};
}

Result<std::string> Sealer::seal(const SubjectKey& key, const Position& position,
                                 const Personal& personal) const {
    return sealed(key.secret, std::string(view(key.id)), personal_associated(position),
                  encode(personal));
}

std::optional<SubjectKeyId> key_of(std::string_view personal) {
    const auto bytes = decoded(personal);
    if (!bytes || bytes->size() < key_id_size) return std::nullopt;
    SubjectKeyId id{};
    std::copy_n(bytes->begin(), key_id_size, id.begin());
    return id;
}

std::optional<Personal> open(const SubjectKey& key, const Position& position,
                             std::string_view personal) {
    const auto bytes = decoded(personal);
    if (!bytes || bytes->size() < key_id_size) return std::nullopt;
    const std::string_view text(*bytes);
    if (text.substr(0, key_id_size) != view(key.id)) return std::nullopt;
    const auto plain = opened(key.secret, personal_associated(position), text.substr(key_id_size));
    if (!plain) return std::nullopt;
    return decode(*plain);
}

}  // namespace vedfolnir::audit
