// A typed session value for C++ callers: what the payload codec can carry.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vedfolnir {

struct Value;

struct Bytes {
    std::string data;
    friend bool operator==(const Bytes&, const Bytes&) = default;
};
struct Array {
    std::vector<Value> items;
    friend bool operator==(const Array&, const Array&);
};
/// Key order is kept.
struct Map {
    std::vector<std::pair<Value, Value>> entries;
    friend bool operator==(const Map&, const Map&);
};
/// A value of an extension type (docs/internals/payload.md), body as encoded.
struct Extension {
    std::int8_t type = 0;
    std::string body;
    friend bool operator==(const Extension&, const Extension&) = default;
};

struct Value {
    using Variant = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double,
                                 std::string, Bytes, Array, Map, Extension>;
    Variant data;

    Value() = default;
    Value(bool value) : data(value) {}
    Value(int value) : data(std::int64_t{value}) {}
    Value(std::int64_t value) : data(value) {}
    Value(std::uint64_t value) : data(value) {}
    Value(double value) : data(value) {}
    Value(const char* value) : data(std::string(value)) {}
    Value(std::string value) : data(std::move(value)) {}
    Value(Bytes value) : data(std::move(value)) {}
    Value(Array value) : data(std::move(value)) {}
    Value(Map value) : data(std::move(value)) {}
    Value(Extension value) : data(std::move(value)) {}

    [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&data); }
    friend bool operator==(const Value&, const Value&) = default;
};

inline bool operator==(const Array& a, const Array& b) { return a.items == b.items; }
inline bool operator==(const Map& a, const Map& b) { return a.entries == b.entries; }

}  // namespace vedfolnir
