#include "crypto/key_ring.hpp"

#include "model/bytes.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace vedfolnir::crypto {
namespace {

constexpr std::size_t secret_size_min = 32;
constexpr std::string_view cookie_info = "vedfolnir cookie v1";
constexpr std::string_view record_info = "vedfolnir record v1";
constexpr std::string_view user_info = "vedfolnir user v1";
constexpr std::string_view meeting_info = "vedfolnir remembered v1";
constexpr std::string_view audit_info = "vedfolnir audit v1";
constexpr std::string_view index_info = "vedfolnir index v1";
constexpr std::string_view store_key_label = "vedfolnir store key v1";

/// 32 random bytes hold about 30 different values; fewer than this happens by chance once in 10^12 draws.
constexpr std::size_t distinct_bytes_min = 20;

template <std::size_t N>
std::array<std::uint8_t, N> head(const Digest& digest) {
    std::array<std::uint8_t, N> out{};
    std::copy_n(digest.begin(), N, out.begin());
    return out;
}

}  // namespace

Result<KeyRing> KeyRing::open(const KeyOptions& options) {
    if (options.keys.empty()) return Error{Errc::key_unavailable, "the key ring is empty"};
    std::vector<Entry> entries;
    std::set<std::uint16_t> ids;
    for (const RingKey& key : options.keys) {
        if (key.secret.size() < secret_size_min) {
            return Error{Errc::key_unavailable, "key " + std::to_string(key.id) + " has " +
                                                    std::to_string(key.secret.size()) +
                                                    " bytes; at least 32 are needed"};
        }
        if (!ids.insert(key.id).second) {
            return Error{Errc::key_unavailable,
                         "key id " + std::to_string(key.id) + " stands twice in the ring"};
        }
        Secret secret(std::string_view(key.secret));
        const Secret cookie_key = hkdf(secret.bytes(), {}, cookie_info);
        entries.push_back({key.id, std::move(secret), Mac(cookie_key.bytes())});
    }
    // Users keep their names when keys rotate: the index secret is its own, or hangs on the oldest key.
    const Secret index = options.index_secret.empty()
                             ? hkdf(entries.back().secret.bytes(), {}, index_info)
                             : Secret(std::string_view(options.index_secret));
    const Secret user_key = hkdf(index.bytes(), {}, user_info);
    const Secret meeting_key = hkdf(index.bytes(), {}, meeting_info);
    return KeyRing(std::move(entries), Mac(user_key.bytes()), Mac(meeting_key.bytes()),
                   hkdf(index.bytes(), {}, audit_info));
}

const KeyRing::Entry* KeyRing::find(std::uint16_t key_id) const noexcept {
    const auto found = std::ranges::find(keys_, key_id, &Entry::id);
    return found == keys_.end() ? nullptr : &*found;
}

Result<model::SessionId> KeyRing::mint(std::uint8_t shard, RandomSource& random) const {
    std::array<std::uint8_t, model::SessionId::authenticated_size> authenticated{};
    authenticated[0] = model::SessionId::version;
    authenticated[1] = shard;
    const auto secret = std::span(authenticated).subspan<2, 32>();
    if (auto filled = random.fill(secret); !filled) return filled.error();
    const auto mac = head<16>(keys_.front().cookie_mac.compute(authenticated));
    return model::SessionId(shard, secret, mac);
}

bool KeyRing::verify(const model::SessionId& id) const {
    return std::ranges::any_of(keys_, [&](const Entry& entry) {
        const auto expected = head<16>(entry.cookie_mac.compute(id.authenticated()));
        return equal_constant_time(expected, id.mac());
    });
}

UserTag KeyRing::user_tag(std::string_view user_id) const {
    return {head<16>(user_mac_.compute(model::as_bytes(user_id)))};
}

MeetingPlace KeyRing::meeting_place(std::string_view user_id, std::string_view token) const {
    // The length in front keeps ("ab", "c") and ("a", "bc") apart.
    std::string message(1, '\x01');
    model::append_be(message, static_cast<std::uint32_t>(user_id.size()));
    message.append(user_id).append(token);
    const Digest where = meeting_mac_.compute(model::as_bytes(message));
    message[0] = '\x02';
    const Digest seal = meeting_mac_.compute(model::as_bytes(message));

    MeetingPlace place;
    place.key.shard = where[0];
    std::copy_n(where.begin() + 1, place.key.digest.size(), place.key.digest.begin());
    place.seal = Secret(std::string_view(reinterpret_cast<const char*>(seal.data()), seal.size()));
    return place;
}

std::optional<Secret> KeyRing::record_key(std::uint16_t key_id, const StoreKey& key) const {
    const Entry* entry = find(key_id);
    if (entry == nullptr) return std::nullopt;
    std::array<std::uint8_t, 17> salt{};
    salt[0] = key.shard;
    std::ranges::copy(key.digest, salt.begin() + 1);
    return hkdf(entry->secret.bytes(), salt, record_info);
}

StoreKey store_key_of(const model::SessionId& id) {
    return {id.shard(), head<16>(sha256(store_key_label, id.secret()))};
}

std::optional<std::string> weakness(std::string_view secret) {
    if (secret.size() < secret_size_min) {
        return "it has " + std::to_string(secret.size()) +
               " bytes; at least 32 random bytes are needed";
    }
    const std::set<char> distinct(secret.begin(), secret.end());
    if (distinct.size() < distinct_bytes_min) {
        return "it has only " + std::to_string(distinct.size()) + " different " +
               (distinct.size() == 1 ? "byte" : "bytes") + ": this is not random";
    }
    const bool printable =
        std::ranges::all_of(secret, [](char c) { return c >= 0x20 && c < 0x7f; });
    if (printable) return "it is readable text: use random bytes, not a passphrase";
    return std::nullopt;
}

}  // namespace vedfolnir::crypto
