#include "model/bytes.hpp"
#include "model/codec.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <string>

namespace vedfolnir::model {
namespace {

using namespace std::string_literals;

constexpr SizeLimits limits;

std::string encoded(const Value& value) {
    auto bytes = encode_value(value, limits);
    EXPECT_TRUE(bytes.has_value());
    return bytes ? *bytes : std::string();
}

Value extension(Ext type, std::string body) {
    return Extension{static_cast<std::int8_t>(type), std::move(body)};
}

template <class... Parts>
std::string big_endian(Parts... parts) {
    std::string body;
    (append_be(body, parts), ...);
    return body;
}

std::string wrapped(Ext type, const std::vector<std::string>& elements) {
    Encoder encoder(8);
    EXPECT_TRUE(encoder.begin_wrapped_array(type, static_cast<std::uint32_t>(elements.size())));
    encoder.end();
    std::vector<std::string_view> views(elements.begin(), elements.end());
    Encoder whole(8);
    whole.extension(type, join_array(views));
    return whole.take();
}

std::string set_of(Ext type, std::vector<std::string> elements) {
    Encoder encoder(8);
    encoder.encoded_set(type, std::move(elements));
    return encoder.take();
}

std::string big_integer(bool negative, std::string magnitude) {
    Encoder encoder(1);
    encoder.big_integer(negative, as_bytes(magnitude));
    return encoder.take();
}

/// The values of tests/vectors/payload.json, said a second time in C++.
const std::map<std::string, std::function<std::string()>>& values() {
    static const std::map<std::string, std::function<std::string()>> table{
        {"none", [] { return encoded({}); }},
        {"true", [] { return encoded(true); }},
        {"false", [] { return encoded(false); }},
        {"zero", [] { return encoded(0); }},
        {"small negative", [] { return encoded(-1); }},
        {"one byte", [] { return encoded(255); }},
        {"int64 minimum", [] { return encoded(std::numeric_limits<std::int64_t>::min()); }},
        {"uint64 maximum", [] { return encoded(std::numeric_limits<std::uint64_t>::max()); }},
        {"big integer", [] { return big_integer(false, "\1"s + std::string(8, '\0')); }},
        {"big negative integer",
         [] { return big_integer(true, "\1"s + std::string(24, '\0') + "\1"); }},
        {"float", [] { return encoded(1.5); }},
        {"negative zero", [] { return encoded(-0.0); }},
        {"text", [] { return encoded("blåbær"); }},
        {"empty text", [] { return encoded(""); }},
        {"long text", [] { return encoded(std::string(40, 'x')); }},
        {"bytes", [] { return encoded(Bytes{"\0\xff"s}); }},
        {"list",
         [] {
             return encoded(Array{{1, "two", Value()}});
         }},
        {"dict keeps its order",
         [] {
             return encoded(Map{{{"b", 1}, {"a", 2}, {3, "integer key"}}});
         }},
        {"date", [] { return encoded(extension(Ext::date, big_endian(std::int32_t{20455}))); }},
        {"decimal", [] { return encoded(extension(Ext::decimal, "-1234.50")); }},
        {"empty tuple", [] { return wrapped(Ext::tuple, {}); }},
        {"tuple",
         [] {
             return wrapped(Ext::tuple, {encoded(1), encoded("a")});
         }},
        {"tuple in tuple",
         [] {
             const std::string inner =
                 wrapped(Ext::tuple, {encoded(2), wrapped(Ext::tuple, {encoded(3)})});
             return wrapped(Ext::tuple, {wrapped(Ext::tuple, {encoded(1)}), inner});
         }},
        {"set",
         [] {
             return set_of(Ext::set, {encoded("a"), encoded(3), encoded(1), encoded(2)});
         }},
        {"frozenset",
         [] {
             return set_of(Ext::frozenset, {encoded(Bytes{"b"}), encoded(Bytes{"a"})});
         }},
        {"markup", [] { return encoded(extension(Ext::markup, "<b>bold</b>")); }},
        {"timedelta",
         [] {
             return encoded(extension(
                 Ext::timedelta, big_endian(std::int32_t{-1}, std::int32_t{2}, std::int32_t{3})));
         }},
        {"time",
         [] {
             const std::string body = big_endian(std::int64_t{86'399'999'999}, std::uint8_t{0});
             return encoded(extension(Ext::time, body));
         }},
        {"naive datetime",
         [] {
             return encoded(
                 extension(Ext::naive_datetime, big_endian(std::int64_t{1'767'323'045'678'901})));
         }},
        {"datetime with zone",
         [] {
             const std::string body =
                 big_endian(std::int64_t{1'782'900'000'000'000}, std::int32_t{7200});
             return encoded(extension(Ext::aware_datetime, body + "Europe/Copenhagen"));
         }},
    };
    return table;
}

// ids: S19 V27 C25
TEST(PayloadVectors, values_are_encoded_alike) {
    std::size_t compared = 0;
    for (const auto& vector : test::vectors("payload", "values")) {
        const auto made = values().find(vector.text("name"));
        if (made == values().end()) continue;
        EXPECT_EQ(test::to_hex(made->second()), vector.text("value")) << vector.text("name");
        ++compared;
    }
    EXPECT_EQ(compared, values().size()) << "a name stands in the table only";
}

// ids: S19 V27
TEST(PayloadVectors, every_value_is_read_and_written_back_unchanged) {
    for (const auto& vector : test::vectors("payload", "values")) {
        SCOPED_TRACE(vector.text("name"));
        const std::string bytes = vector.bytes("value");
        const auto value = decode_value(bytes, limits);
        ASSERT_TRUE(value.has_value());
        EXPECT_EQ(test::to_hex(encoded(*value)), vector.text("value"));
        EXPECT_EQ(value_length(bytes + "tail", 0, limits.depth_max), bytes.size());
    }
}

// ids: C25 V02
TEST(Codec, truncated_values_are_refused_at_each_length) {
    for (const auto& vector : test::vectors("payload", "values")) {
        const std::string bytes = vector.bytes("value");
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            EXPECT_FALSE(Document::parse(bytes.substr(0, length), limits.depth_max))
                << vector.text("name") << " cut to " << length;
        }
        EXPECT_FALSE(Document::parse(bytes + "\xc0", limits.depth_max)) << "a second value behind";
    }
}

// ids: C25
TEST(Codec, depth_is_bounded_both_ways) {
    Value value;
    for (int i = 0; i < 64; ++i) value = Array{{value}};
    const auto bytes = encode_value(value, limits);
    ASSERT_TRUE(bytes.has_value());
    EXPECT_TRUE(Document::parse(*bytes, 64));
    EXPECT_FALSE(Document::parse(*bytes, 63));

    const auto deeper = encode_value(Array{{value}}, limits);
    ASSERT_FALSE(deeper.has_value());
    EXPECT_EQ(deeper.error().code, Errc::bad_value);
    EXPECT_FALSE(Document::parse("\x91" + *bytes, 64));
    EXPECT_FALSE(Document::parse(std::string(1'000'000, '\x91') + "\xc0", 64))
        << "no stack overflow";
}

// ids: C25
TEST(Codec, claimed_lengths_never_allocate) {
    for (const auto& bytes :
         {"\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s, "\xdb\xff\xff\xff\xff"s,
          "\xc6\xff\xff\xff\xff"s, "\xc9\xff\xff\xff\xff\x07"s, "\x92\xdc\xff\xff\xdc\xff\xff"s,
          "\xdd\x00\x10\x00\x00"s + std::string(64, '\x90')}) {
        EXPECT_FALSE(Document::parse(bytes, 64)) << test::to_hex(bytes);
    }
    EXPECT_FALSE(Document::parse("\xc1", 64)) << "a byte MessagePack never uses";
    EXPECT_FALSE(Document::parse("", 64));
}

// ids: C25 V01
TEST(Codec, unknown_extension_types_are_refused) {
    for (int type = -128; type <= 127; ++type) {
        const std::string bytes = "\xd4"s + static_cast<char>(type) + '\x90';
        EXPECT_EQ(Document::parse(bytes, 64).has_value(), type >= 1 && type <= 12) << type;
        EXPECT_EQ(Document::parse("\x91" + bytes, 64).has_value(), type >= 1 && type <= 12) << type;
    }
}

// ids: S19
TEST(Codec, equal_sets_have_equal_bytes) {
    EXPECT_EQ(set_of(Ext::set, {encoded(1), encoded(2), encoded("z")}),
              set_of(Ext::set, {encoded("z"), encoded(2), encoded(1)}));
}

// ids: S19
TEST(Codec, arrays_split_and_join_without_a_change) {
    const std::vector<std::string> elements{encoded(1), encoded("two"), encoded(Array{{1, 2}}),
                                            encoded({})};
    const std::vector<std::string_view> views(elements.begin(), elements.end());
    const std::string joined = join_array(views);
    EXPECT_EQ(split_array(joined, 64), views);
    EXPECT_EQ(split_array(wrapped(Ext::tuple, elements), 64), views)
        << "a tuple splits like a list";
    EXPECT_FALSE(split_array(encoded(1), 64));
    EXPECT_FALSE(split_array(encoded(Map{}), 64));
    EXPECT_FALSE(split_array("\x92\x01", 64));
}

// ids: S44
TEST(IdentityText, seven_is_one_user_in_every_form) {
    const auto text = [](const std::string& bytes) {
        const auto identity = identity_text(bytes);
        return identity && *identity ? **identity : "refused or empty";
    };
    EXPECT_EQ(text(encoded(7)), "7");
    EXPECT_EQ(text(encoded("7")), "7");
    EXPECT_EQ(text(encoded(-7)), "-7");
    EXPECT_EQ(text(encoded(std::numeric_limits<std::uint64_t>::max())), "18446744073709551615");
    EXPECT_EQ(
        text(encoded(extension(Ext::uuid, test::from_hex("12345678123456781234567812345678")))),
        "12345678-1234-5678-1234-567812345678");
}

// ids: S12
TEST(IdentityText, nothing_is_nobody_and_other_types_are_refused) {
    for (const auto& nobody : {encoded({}), encoded("")}) {
        const auto identity = identity_text(nobody);
        ASSERT_TRUE(identity.has_value());
        EXPECT_FALSE(identity->has_value());
    }
    for (const auto& other : {encoded(true), encoded(1.0), encoded(Bytes{"7"}), encoded(Array{{7}}),
                              encoded(Map{}), encoded(extension(Ext::uuid, "short")), std::string(),
                              encoded(extension(Ext::decimal, "7")), "\xc1"s}) {
        const auto identity = identity_text(other);
        ASSERT_FALSE(identity.has_value()) << test::to_hex(other);
        EXPECT_EQ(identity.error().code, Errc::denied);
    }
}

}  // namespace
}  // namespace vedfolnir::model
