// The key ring: secrets with ids, and the keys derived from them (docs/internals/record.md, session_id.md).
#pragma once

#include "crypto/primitives.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"
#include "model/session_id.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace vedfolnir::crypto {

/// Where logins by one remember-me token meet, and the key that seals what they share: both need the ring *and* the
/// token (docs/internals/remembered_login.md).
struct MeetingPlace {
    StoreKey key;
    Secret seal;
};

/// Immutable after `open`; thread-safe.
class KeyRing {
public:
    /// The write key is the first. Errors: key_unavailable (none, shorter than 32 bytes, or a repeated id).
    [[nodiscard]] static Result<KeyRing> open(const KeyOptions& options);

    /// A new id in `shard`, with its MAC. Errors: random_unavailable.
    [[nodiscard]] Result<model::SessionId> mint(std::uint8_t shard, RandomSource& random) const;
    /// True if one of the ring's cookie keys made the id's MAC.
    [[nodiscard]] bool verify(const model::SessionId& id) const;

    [[nodiscard]] UserTag user_tag(std::string_view user_id) const;
    /// Wraps the keys under which the audit trail seals what it says about a person. Stays when keys rotate, as
    /// the user tag does (docs/internals/audit_proof.md).
    [[nodiscard]] const Secret& audit_wrapping_key() const noexcept { return audit_key_; }
    [[nodiscard]] MeetingPlace meeting_place(std::string_view user_id,
                                             std::string_view token) const;

    [[nodiscard]] std::uint16_t write_key_id() const noexcept { return keys_.front().id; }
    [[nodiscard]] bool has(std::uint16_t key_id) const noexcept { return find(key_id) != nullptr; }
    /// The key of one record. Empty if the ring does not hold `key_id`.
    [[nodiscard]] std::optional<Secret> record_key(std::uint16_t key_id, const StoreKey& key) const;

private:
    struct Entry {
        std::uint16_t id;
        Secret secret;
        Mac cookie_mac;
    };
    KeyRing(std::vector<Entry> keys, Mac user_mac, Mac meeting_mac, Secret audit_key)
        : keys_(std::move(keys)),
          user_mac_(std::move(user_mac)),
          meeting_mac_(std::move(meeting_mac)),
          audit_key_(std::move(audit_key)) {}
    [[nodiscard]] const Entry* find(std::uint16_t key_id) const noexcept;

    std::vector<Entry> keys_;
    Mac user_mac_;
    Mac meeting_mac_;
    Secret audit_key_;
};

/// Where the record of `id` lives. One-way: the id cannot be found from it.
[[nodiscard]] StoreKey store_key_of(const model::SessionId& id);

/// Whether the secret has the length and variety of a random one. Empty if so, else what is wrong with it.
[[nodiscard]] std::optional<std::string> weakness(std::string_view secret);

}  // namespace vedfolnir::crypto
