// Signed tree heads: what is copied elsewhere, so that a changed past is noticed.
#pragma once

#include "audit/tree.hpp"
#include "crypto/signature.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::audit {

struct TreeHead {
    std::uint64_t number = 0;  ///< From 1, over all partitions.
    std::uint64_t partition = 0;
    std::uint64_t size = 0;
    Hash root{};
    TimePoint at{};
    Hash previous{};  ///< Hash of the head before; zeros for the first.

    friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

struct SignedHead {
    TreeHead head;
    std::string key_id;
    crypto::Signature signature{};

    friend bool operator==(const SignedHead&, const SignedHead&) = default;
};

[[nodiscard]] Hash head_hash(const TreeHead& head);
[[nodiscard]] SignedHead sign(const crypto::SigningKey& key, TreeHead head);
/// Also false if the head names another key.
[[nodiscard]] bool is_signed_by(const SignedHead& head, const crypto::VerifyKey& key);

/// One line of JSON, without its newline.
[[nodiscard]] std::string head_text(const SignedHead& head);
/// Errors: bad_value, which says what is wrong.
[[nodiscard]] Result<SignedHead> parse_head(std::string_view text);

}  // namespace vedfolnir::audit
