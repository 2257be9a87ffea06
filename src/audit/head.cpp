#include "audit/head.hpp"

#include "audit/json_fields.hpp"
#include "model/base64url.hpp"
#include "model/bytes.hpp"
#include "model/hex.hpp"

#include <boost/json/serialize.hpp>

namespace vedfolnir::audit {
namespace {

namespace json = boost::json;

constexpr std::string_view label("vedfolnir audit head v1\0", 24);
constexpr std::string_view format = "vedfolnir-audit-head-1";

std::string signed_bytes(const TreeHead& head) {
    const auto append = [](std::string& out, const Hash& hash) {
        out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
    };
    std::string out(label);
    model::append_be(out, head.number);
    model::append_be(out, head.partition);
    model::append_be(out, head.size);
    append(out, head.root);
    model::append_be(out, head.at.time_since_epoch().count());
    append(out, head.previous);
    return out;
}

}  // namespace

Hash head_hash(const TreeHead& head) {
    return crypto::sha256({}, model::as_bytes(signed_bytes(head)));
}

SignedHead sign(const crypto::SigningKey& key, TreeHead head) {
    const auto signature = key.sign(signed_bytes(head));
    return {head, key.verify_key().id(), signature};
}

bool is_signed_by(const SignedHead& head, const crypto::VerifyKey& key) {
    return head.key_id == key.id() && key.verify(signed_bytes(head.head), head.signature);
}

std::string head_text(const SignedHead& head) {
    return json::serialize(json::object{
        {"format", format},
        {"number", head.head.number},
        {"partition", head.head.partition},
        {"size", head.head.size},
        {"root", model::hex_encode(head.head.root)},
        {"at_ms", head.head.at.time_since_epoch().count()},
        {"previous", model::hex_encode(head.head.previous)},
        {"key", head.key_id},
        {"signature", model::base64url_encode(head.signature)},
    });
}

Result<SignedHead> parse_head(std::string_view text) {
    const auto object = parse_format(text, format);
    if (!object) return object.error();
    JsonFields fields(*object);
    SignedHead head;
    head.head.number = fields.natural("number");
    head.head.partition = fields.natural("partition");
    head.head.size = fields.natural("size");
    head.head.root = fields.hash("root");
    head.head.at = TimePoint(Millis(fields.integer("at_ms")));
    head.head.previous = fields.hash("previous");
    head.key_id = fields.text("key");
    fields.bytes("signature", head.signature);
    if (!fields.good()) return fields.error();
    return head;
}

}  // namespace vedfolnir::audit
