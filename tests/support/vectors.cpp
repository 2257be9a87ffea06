#include "support/vectors.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace vedfolnir::test {

struct Case::Node {
    boost::json::object object;
};

namespace {

std::uint8_t digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    throw std::invalid_argument("not a hexadecimal digit");
}

Case make_case(const boost::json::value& value) {
    return Case(std::make_shared<Case::Node>(Case::Node{value.as_object()}));
}

std::vector<Case> make_cases(const boost::json::array& array) {
    std::vector<Case> cases;
    for (const auto& value : array) cases.push_back(make_case(value));
    return cases;
}

}  // namespace

std::string Case::text(std::string_view field) const {
    return boost::json::value_to<std::string>(node_->object.at(field));
}
std::string Case::bytes(std::string_view field) const { return from_hex(text(field)); }
std::uint64_t Case::number(std::string_view field) const {
    return node_->object.at(field).to_number<std::uint64_t>();
}
std::optional<std::int64_t> Case::optional_number(std::string_view field) const {
    const auto& value = node_->object.at(field);
    if (value.is_null()) return std::nullopt;
    return value.to_number<std::int64_t>();
}
bool Case::flag(std::string_view field) const { return node_->object.at(field).as_bool(); }
Case Case::object(std::string_view field) const { return make_case(node_->object.at(field)); }
std::vector<Case> Case::list(std::string_view field) const {
    return make_cases(node_->object.at(field).as_array());
}

std::vector<Case> vectors(std::string_view file, std::string_view list) {
    const std::string path = fmt::format("{}/tests/vectors/{}.json", VEDFOLNIR_SOURCE_DIR, file);
    std::ifstream stream(path);
    if (!stream) throw std::runtime_error("cannot read " + path);
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    return make_cases(boost::json::parse(text).as_object().at(list).as_array());
}

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<char>(digit(digits[i]) << 4U | digit(digits[i + 1])));
    }
    return bytes;
}

std::string to_hex(std::string_view bytes) {
    std::string digits;
    for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
    return digits;
}

}  // namespace vedfolnir::test
