// Proofs as documents: one entry is in the trail; one head grew out of another.
#pragma once

#include "audit/entry.hpp"
#include "audit/head.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::audit {

struct InclusionProof {
    Entry entry;
    std::vector<Hash> path;
    SignedHead head;
};

struct ConsistencyProof {
    std::vector<Hash> path;
    SignedHead first;
    SignedHead second;
};

[[nodiscard]] std::string proof_text(const InclusionProof& proof);
[[nodiscard]] std::string proof_text(const ConsistencyProof& proof);
/// Errors: bad_value, which says what is wrong.
[[nodiscard]] Result<InclusionProof> parse_inclusion(std::string_view text);

// Empty if the proof holds, else what is wrong, in a sentence. The signatures are part of it.
[[nodiscard]] std::string refusal(const InclusionProof& proof, const crypto::VerifyKey& key);
[[nodiscard]] std::string refusal(const ConsistencyProof& proof, const crypto::VerifyKey& key);

}  // namespace vedfolnir::audit
