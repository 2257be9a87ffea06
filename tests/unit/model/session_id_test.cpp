#include "model/session_id.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::model {
namespace {

// ids: S2 S6 V27
TEST(SessionIdVectors, issued_ids_are_read_and_spelled_alike) {
    for (const auto& vector : test::vectors("session_id", "issued")) {
        SCOPED_TRACE(vector.text("name"));
        const auto id = SessionId::parse(vector.text("cookie"));
        ASSERT_TRUE(id.has_value());
        EXPECT_EQ(id->cookie_value(), vector.text("cookie"));
        EXPECT_EQ(id->shard(), vector.number("shard"));
        EXPECT_EQ(std::string(id->secret().begin(), id->secret().end()), vector.bytes("secret"));
    }
}

// ids: S6 C02 V22 S98
TEST(SessionIdVectors, other_texts_are_refused) {
    for (const auto& vector : test::vectors("session_id", "refused")) {
        EXPECT_FALSE(SessionId::parse(vector.text("cookie"))) << vector.text("name");
    }
}

// ids: S6 C02 V22
TEST(SessionId, no_change_of_one_character_spells_the_same_id) {
    const std::string cookie = test::vectors("session_id", "issued").front().text("cookie");
    const auto id = SessionId::parse(cookie);
    ASSERT_TRUE(id.has_value());
    for (std::size_t at = 0; at < cookie.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = cookie;
            changed[at] = static_cast<char>(byte);
            const auto other = SessionId::parse(changed);
            EXPECT_TRUE(!other || other->cookie_value() == changed) << at << ' ' << byte;
        }
    }
}

// ids: S6 C02
TEST(SessionId, every_other_length_is_refused) {
    const std::string cookie = test::vectors("session_id", "issued").front().text("cookie");
    for (std::size_t length = 0; length < cookie.size(); ++length) {
        EXPECT_FALSE(SessionId::parse(cookie.substr(0, length))) << length;
        EXPECT_FALSE(SessionId::parse(cookie + cookie.substr(0, length + 1))) << length;
    }
}

}  // namespace
}  // namespace vedfolnir::model
