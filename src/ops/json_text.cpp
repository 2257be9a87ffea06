#include "ops/json_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace vedfolnir::ops {
namespace {

namespace json = boost::json;

/// The shortest text without an exponent that reads back as the same number.
std::string fixed(double number) {
    // Of the smallest numbers: 0. and over three hundred digits.
    std::array<char, 400> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    return {text.data(), end.ptr};
}

void write(const json::value& value, std::string& to) {
    if (const auto* object = value.if_object()) {
        char before = '{';
        for (const auto& [name, member] : *object) {
            to += before;
            to += json::serialize(name);
            to += ':';
            write(member, to);
            before = ',';
        }
        to += object->empty() ? "{}" : "}";
    } else if (const auto* array = value.if_array()) {
        char before = '[';
        for (const auto& element : *array) {
            to += before;
            write(element, to);
            before = ',';
        }
        to += array->empty() ? "[]" : "]";
    } else if (value.is_double() && std::isfinite(value.get_double())) {
        to += fixed(value.get_double());
    } else {
        to += json::serialize(value);
    }
}

}  // namespace

std::string json_text(const boost::json::value& document) {
    std::string text;
    write(document, text);
    return text;
}

}  // namespace vedfolnir::ops
