// Lets Python tests ask the pure layers, one question per line: `COMMAND FIELD...`, each field in hexadecimal, "-" for
// an empty one. One line of answer per question: a word, or hexadecimal digits.
#include "crypto/primitives.hpp"
#include "model/bytes.hpp"
#include "model/codec.hpp"
#include "model/payload.hpp"
#include "model/session_id.hpp"
#include "support/vectors.hpp"
#include "web/cookie.hpp"

#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

using Fields = std::vector<std::string>;

constexpr SizeLimits limits;
const std::string refused = "refused";

std::string hex(std::string_view bytes) { return bytes.empty() ? "-" : to_hex(bytes); }
template <class Bytes>
std::string hex_of(const Bytes& bytes) {
    return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string cookie(const Fields& fields) {
    const auto lookup = web::find_cookie(fields.at(1), fields.at(0));
    switch (lookup.state) {
    case web::CookieState::found:
        return hex(lookup.value);
    case web::CookieState::ambiguous:
        return "ambiguous";
    case web::CookieState::absent:
        break;
    }
    return "absent";
}

std::string session_id(const Fields& fields) {
    return model::SessionId::parse(fields.at(0)) ? "accepted" : refused;
}

std::string value(const Fields& fields) {
    const auto decoded = model::decode_value(fields.at(0), limits);
    if (!decoded) return refused;
    const auto encoded = model::encode_value(*decoded, limits);
    return encoded ? hex(*encoded) : refused;
}

std::string payload(const Fields& fields) {
    const auto decoded = model::decode_payload(fields.at(0), limits);
    return decoded ? hex(model::encode_payload(*decoded)) : refused;
}

std::string aead_open(const Fields& fields) {
    const auto nonce = model::as_bytes(fields.at(1)).first<crypto::aead_nonce_size>();
    const auto opened =
        crypto::aead_open(model::as_bytes(fields.at(0)), nonce, fields.at(2), fields.at(3));
    return opened ? hex(*opened) : refused;
}

std::string aead_seal(const Fields& fields) {
    const auto nonce = model::as_bytes(fields.at(1)).first<crypto::aead_nonce_size>();
    return hex(crypto::aead_seal(model::as_bytes(fields.at(0)), nonce, fields.at(2), fields.at(3)));
}

std::string hkdf(const Fields& fields) {
    const auto derived =
        crypto::hkdf(model::as_bytes(fields.at(0)), model::as_bytes(fields.at(1)), fields.at(2));
    return hex_of(derived.bytes());
}

std::string hmac(const Fields& fields) {
    return hex_of(
        crypto::Mac(model::as_bytes(fields.at(0))).compute(model::as_bytes(fields.at(1))));
}

const std::map<std::string, std::function<std::string(const Fields&)>> commands{
    {"cookie", cookie},       {"session_id", session_id}, {"value", value}, {"payload", payload},
    {"aead_open", aead_open}, {"aead_seal", aead_seal},   {"hkdf", hkdf},   {"hmac", hmac},
};

std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    Fields fields;
    for (std::string word; words >> word;) fields.push_back(word == "-" ? "" : from_hex(word));
    return commands.at(command)(fields);
}

}  // namespace
}  // namespace vedfolnir::test

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << vedfolnir::test::answer(line) << std::endl;
    }
}
