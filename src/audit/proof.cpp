#include "audit/proof.hpp"

#include "audit/json_fields.hpp"
#include "model/base64url.hpp"
#include "model/bytes.hpp"
#include "model/hex.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace vedfolnir::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view inclusion_format = "vedfolnir-audit-inclusion-1";
constexpr std::string_view consistency_format = "vedfolnir-audit-consistency-1";
/// Far above any canonical entry (124 + 255 bytes).
constexpr std::size_t entry_text_max = 1024;

json::array path_json(const std::vector<Hash>& path) {
    json::array array;
    for (const auto& hash : path) array.emplace_back(model::hex_encode(hash));
    return array;
}

std::optional<Entry> entry_of(std::string_view text) {
    if (text.size() > entry_text_max) return std::nullopt;
    std::string bytes(text.size() * 6 / 8, '\0');
    if (!model::base64url_decode(text,
                                 {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}))
        return std::nullopt;
    return parse_entry(bytes);
}

std::string not_signed(const SignedHead& head, const crypto::VerifyKey& key) {
    return "head " + std::to_string(head.head.number) + " is not signed by the key " + key.id();
}

}  // namespace

std::string proof_text(const InclusionProof& proof) {
    return json::serialize(json::object{
        {"format", inclusion_format},
        {"entry", model::base64url_encode(model::as_bytes(canonical_bytes(proof.entry)))},
        {"path", path_json(proof.path)},
        {"head", json::parse(head_text(proof.head))},
    });
}

std::string proof_text(const ConsistencyProof& proof) {
    return json::serialize(json::object{
        {"format", consistency_format},
        {"path", path_json(proof.path)},
        {"first", json::parse(head_text(proof.first))},
        {"second", json::parse(head_text(proof.second))},
    });
}

Result<InclusionProof> parse_inclusion(std::string_view text) {
    const auto object = parse_format(text, inclusion_format);
    if (!object) return object.error();
    JsonFields fields(*object);
    InclusionProof proof;
    const auto entry = entry_of(fields.text("entry"));
    if (!entry) fields.fail("entry");
    proof.path = fields.hashes("path");
    const auto& head = fields.object("head");
    if (!fields.good()) return fields.error();
    auto parsed = parse_head(json::serialize(head));
    if (!parsed) return parsed.error();
    proof.entry = *entry;
    proof.head = std::move(*parsed);
    return proof;
}

std::string refusal(const InclusionProof& proof, const crypto::VerifyKey& key) {
    const auto& head = proof.head.head;
    if (!is_signed_by(proof.head, key)) return not_signed(proof.head, key);
    if (proof.entry.position.partition != head.partition)
        return "the entry and the head are of different partitions";
    if (!verify_inclusion(leaf_hash(canonical_bytes(proof.entry)), proof.entry.position.index,
                          head.size, proof.path, head.root))
        return "the path does not lead from this entry to the head's root";
    return {};
}

std::string refusal(const ConsistencyProof& proof, const crypto::VerifyKey& key) {
    const auto& first = proof.first.head;
    const auto& second = proof.second.head;
    for (const auto* head : {&proof.first, &proof.second}) {
        if (!is_signed_by(*head, key)) return not_signed(*head, key);
    }
    if (first.partition != second.partition) return "the heads are of different partitions";
    if (first.size > second.size) return "the first head is of a larger tree than the second";
    if (!verify_consistency(first.size, second.size, first.root, second.root, proof.path))
        return "the second head does not grow out of the first: the trail was rewritten or forked";
    return {};
}

}  // namespace vedfolnir::audit
