#include "model/codec.hpp"
#include "model/payload.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::model {
namespace {

constexpr SizeLimits limits;

Payload payload_of(const test::Case& vector) {
    Payload payload;
    payload.manager.user_id = vector.text("user_id");
    payload.manager.device = vector.text("device");
    payload.manager.place = vector.text("place");
    for (const auto& entry : vector.list("application")) {
        payload.entries[entry.text("key")] = entry.bytes("value");
    }
    return payload;
}

// ids: S19 V27
TEST(PayloadVectors, payloads_are_written_and_read_alike) {
    for (const auto& vector : test::vectors("payload", "payloads")) {
        SCOPED_TRACE(vector.text("name"));
        EXPECT_EQ(test::to_hex(encode_payload(payload_of(vector))), vector.text("payload"));
        EXPECT_EQ(decode_payload(vector.bytes("payload"), limits), payload_of(vector));
    }
}

// ids: V01 V02 C25
TEST(PayloadVectors, anything_else_is_refused) {
    for (const auto& vector : test::vectors("payload", "refused")) {
        EXPECT_FALSE(decode_payload(vector.bytes("payload"), limits)) << vector.text("name");
    }
}

// ids: V02 C25
TEST(PayloadCodec, truncation_is_refused_at_each_length) {
    for (const auto& vector : test::vectors("payload", "payloads")) {
        const std::string bytes = vector.bytes("payload");
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            EXPECT_FALSE(decode_payload(bytes.substr(0, length), limits)) << length;
        }
        EXPECT_FALSE(decode_payload(bytes + '\0', limits));
    }
}

// ids: V27
TEST(PayloadCodec, fields_of_later_versions_are_skipped) {
    const std::string bytes = test::from_hex("930182a2616c02a175a13780");  // {"al": 2, "u": "7"}
    const auto payload = decode_payload(bytes, limits);
    ASSERT_TRUE(payload.has_value());
    EXPECT_EQ(payload->manager.user_id, "7");
}

// ids: S30 C25
TEST(PayloadSize, too_many_keys_and_too_many_bytes_are_refused_with_both_sizes) {
    Payload payload;
    for (int i = 0; i < 5; ++i) payload.entries["k" + std::to_string(i)] = encode_text("v");
    SizeLimits small;
    small.keys_max = 4;
    auto checked = check_size(payload.entries, 100, small);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, Errc::too_large);
    EXPECT_NE(checked.error().public_message.find('5'), std::string::npos);
    EXPECT_NE(checked.error().public_message.find('4'), std::string::npos);
    EXPECT_FALSE(decode_payload(encode_payload(payload), small));

    small = {};
    small.payload_max = 99;
    checked = check_size(payload.entries, 100, small);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, Errc::too_large);
    EXPECT_NE(checked.error().public_message.find("100"), std::string::npos);
    EXPECT_NE(checked.error().public_message.find("99"), std::string::npos);
    EXPECT_TRUE(check_size(payload.entries, 99, small).has_value());
}

}  // namespace
}  // namespace vedfolnir::model
