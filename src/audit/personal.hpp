// What an entry says about a person, sealed under a key of that person: deleting the key erases it.
#pragma once

#include "audit/entry.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vedfolnir::audit {

using SubjectKeyId = std::array<std::uint8_t, 16>;

struct SubjectKey {
    SubjectKeyId id{};
    crypto::Secret secret;
};

struct Personal {
    std::string user_id;
    std::string actor;
    std::string detail;

    friend bool operator==(const Personal&, const Personal&) = default;
};

/// Seals and opens. Thread-safe.
class Sealer {
public:
    Sealer(crypto::KeyRing ring, std::shared_ptr<crypto::RandomSource> random)
        : ring_(std::move(ring)), random_(std::move(random)) {}

    /// Zero for an empty id.
    [[nodiscard]] UserTag subject_of(std::string_view user_id) const;

    /// Errors: random_unavailable.
    [[nodiscard]] Result<SubjectKey> make_key() const;
    /// As it stands in the database. Errors: random_unavailable.
    [[nodiscard]] Result<std::string> seal_key(const SubjectKey& key, const UserTag& subject) const;
    /// Empty unless it was sealed for this id and subject under this ring's index secret.
    [[nodiscard]] std::optional<SubjectKey> open_key(const SubjectKeyId& id, const UserTag& subject,
                                                     std::string_view sealed) const;

    /// Errors: random_unavailable.
    [[nodiscard]] Result<std::string> seal(const SubjectKey& key, const Position& position,
                                           const Personal& personal) const;

private:
    [[nodiscard]] Result<std::string> sealed(const crypto::Secret& key, std::string prefix,
                                             std::string_view associated,
                                             std::string_view plain) const;

    crypto::KeyRing ring_;
    std::shared_ptr<crypto::RandomSource> random_;
};

/// Must be of the same key ring in every process.
using SharedSealer = std::shared_ptr<const Sealer>;

/// Which key opens a personal text. Empty if it is none.
[[nodiscard]] std::optional<SubjectKeyId> key_of(std::string_view personal);
/// Empty unless it was sealed with this key for this position.
[[nodiscard]] std::optional<Personal> open(const SubjectKey& key, const Position& position,
                                           std::string_view personal);

}  // namespace vedfolnir::audit
