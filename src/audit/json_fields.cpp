#include "audit/json_fields.hpp"

#include "model/base64url.hpp"
#include "model/hex.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace vedfolnir::audit {
namespace {

namespace json = boost::json;

bool read_hash(const json::value* value, Hash& hash) {
    return value != nullptr && value->is_string() && model::hex_decode(value->get_string(), hash);
}

}  // namespace

std::string_view JsonFields::text(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (value != nullptr && value->is_string()) return value->get_string();
    fail(name);
    return {};
}

std::int64_t JsonFields::integer(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (value != nullptr && value->is_int64()) return value->get_int64();
    fail(name);
    return 0;
}

std::uint64_t JsonFields::natural(std::string_view name) {
    const auto value = integer(name);
    if (value < 0) fail(name);
    return static_cast<std::uint64_t>(value);
}

Hash JsonFields::hash(std::string_view name) {
    Hash hash{};
    if (!read_hash(object_.if_contains(name), hash)) fail(name);
    return hash;
}

std::vector<Hash> JsonFields::hashes(std::string_view name) {
    std::vector<Hash> hashes;
    const auto* value = object_.if_contains(name);
    if (value == nullptr || !value->is_array()) {
        fail(name);
        return hashes;
    }
    for (const auto& element : value->get_array()) {
        if (!read_hash(&element, hashes.emplace_back())) fail(name);
    }
    return hashes;
}

void JsonFields::bytes(std::string_view name, std::span<std::uint8_t> out) {
    if (!model::base64url_decode(text(name), out)) fail(name);
}

const json::object& JsonFields::object(std::string_view name) {
    static const json::object none;
    const auto* value = object_.if_contains(name);
    if (value != nullptr && value->is_object()) return value->get_object();
    fail(name);
    return none;
}

void JsonFields::fail(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
}

Error JsonFields::error() const {
    return {Errc::bad_value, "the field \"" + wrong_ + "\" is missing or not what it should be"};
}

Result<json::object> parse_format(std::string_view text, std::string_view format) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    if (failed || !value.is_object()) return Error{Errc::bad_value, "this is not a JSON object"};
    const auto* found = value.get_object().if_contains("format");
    if (found == nullptr || !found->is_string() || found->get_string() != format) {
        return Error{Errc::bad_value,
                     "its \"format\" is not \"" + std::string(format) +
                         "\": another kind of document, or one of a version unknown here"};
    }
    return std::move(value.get_object());
}

}  // namespace vedfolnir::audit
