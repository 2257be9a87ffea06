#include "support/vectors.hpp"
#include "vedfolnir/error.hpp"
#include "vedfolnir/types.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace vedfolnir {
namespace {

// ids: S2
TEST(Handle, is_spelled_in_32_hexadecimal_digits_and_read_back) {
    Handle handle;
    for (std::uint8_t i = 0; i < 16; ++i) handle.bytes.at(i) = static_cast<std::uint8_t>(i * 17);
    EXPECT_EQ(handle.text(), "00112233445566778899aabbccddeeff");
    EXPECT_EQ(Handle::parse(handle.text()), handle);
    for (const auto* other :
         {"", "0", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0",
          "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeefg"}) {
        EXPECT_FALSE(Handle::parse(other)) << other;
    }
}

// ids: S3 V27
TEST(StoreKeyText, agrees_with_the_vectors_and_is_read_back) {
    for (const auto& vector : test::vectors("session_id", "issued")) {
        StoreKey key;
        key.shard = static_cast<std::uint8_t>(vector.number("shard"));
        key.digest = vector.array<16>("store_digest");
        EXPECT_EQ(key.text(), vector.text("store_key"));
        EXPECT_EQ(StoreKey::parse(key.text()), key);
    }
}

// ids: S3 V22
TEST(StoreKeyText, other_texts_are_refused) {
    const std::string text = test::vectors("session_id", "issued").front().text("store_key");
    const std::string digest = text.substr(3);
    for (const std::string& other :
         {std::string(), text.substr(1), text + "A", "2A:" + digest, "2a-" + digest, "g0:" + digest,
          text.substr(0, text.size() - 1) + "R", "2a:" + digest.substr(1) + "*"}) {
        EXPECT_FALSE(StoreKey::parse(other)) << other;
    }
}

TEST(Errors, every_code_has_a_sentence_of_its_own) {
    std::set<std::string> sentences;
    for (int code = 1; code <= static_cast<int>(Errc::internal); ++code) {
        const std::string sentence(describe(static_cast<Errc>(code)));
        EXPECT_TRUE(sentence.ends_with('.')) << sentence;
        sentences.insert(sentence);
    }
    EXPECT_EQ(sentences.size(), static_cast<std::size_t>(Errc::internal));
}

TEST(Errors, the_detail_is_not_public) {
    const Error error(Errc::store_unavailable, "10.0.0.7:6379 refused");
    EXPECT_EQ(error.public_message, describe(Errc::store_unavailable));
    EXPECT_EQ(error.public_message.find("10.0.0.7"), std::string::npos);
}

}  // namespace
}  // namespace vedfolnir
