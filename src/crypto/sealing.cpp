#include "crypto/sealing.hpp"

#include "model/bytes.hpp"

#include <array>

namespace vedfolnir::crypto {
namespace {

constexpr std::size_t nonce_at = model::offset::body;
constexpr std::size_t ciphertext_at = nonce_at + aead_nonce_size;

}  // namespace

Result<std::string> seal_record(const KeyRing& ring, RandomSource& random, const StoreKey& key,
                                model::RecordHeader header, std::string_view payload, bool plain) {
    header.sealed = !plain;
    header.key_id = ring.write_key_id();
    std::string record = model::pack_header(header);
    if (plain) return record.append(payload);

    std::array<std::uint8_t, aead_nonce_size> nonce{};
    if (auto filled = random.fill(nonce); !filled) return filled.error();
    const auto record_key = ring.record_key(header.key_id, key);
    if (!record_key) return Error{Errc::key_unavailable, "the write key is not in the ring"};
    const std::string additional = model::additional_data(record, key);
    record.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
    record += aead_seal(record_key->bytes(), nonce, additional, payload);
    return record;
}

std::optional<Opened> open_record(const KeyRing& ring, const StoreKey& key, std::string_view bytes,
                                  const SizeLimits& limits, bool plain) {
    const auto header = model::parse_header(bytes);
    if (!header || header->sealed == plain) return std::nullopt;
    std::optional<std::string> encoded;
    if (plain) {
        encoded = std::string(bytes.substr(model::offset::body));
    } else {
        if (bytes.size() < ciphertext_at + aead_tag_size) return std::nullopt;
        const auto record_key = ring.record_key(header->key_id, key);
        if (!record_key) return std::nullopt;
        const auto nonce = model::as_bytes(bytes.substr(nonce_at)).first<aead_nonce_size>();
        encoded = aead_open(record_key->bytes(), nonce, model::additional_data(bytes, key),
                            bytes.substr(ciphertext_at));
    }
    if (!encoded) return std::nullopt;
    auto payload = model::decode_payload(*encoded, limits);
    if (!payload) return std::nullopt;
    return Opened{*header, std::move(*payload)};
}

}  // namespace vedfolnir::crypto
