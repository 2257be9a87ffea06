#include "model/base64url.hpp"
#include "model/bytes.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace vedfolnir::model {
namespace {

template <std::size_t N>
bool decodes(std::string_view text) {
    std::array<std::uint8_t, N> out{};
    return base64url_decode(text, out);
}

// ids: C02 S6
TEST(Base64Url, encodes_the_examples_of_rfc_4648) {
    EXPECT_EQ(base64url_encode(as_bytes("")), "");
    EXPECT_EQ(base64url_encode(as_bytes("f")), "Zg");
    EXPECT_EQ(base64url_encode(as_bytes("fo")), "Zm8");
    EXPECT_EQ(base64url_encode(as_bytes("foo")), "Zm9v");
    EXPECT_EQ(base64url_encode(as_bytes("foob")), "Zm9vYg");
    EXPECT_EQ(base64url_encode(as_bytes("foobar")), "Zm9vYmFy");
    EXPECT_EQ(base64url_encode(as_bytes("\xff\xef\xbe")), "_---");
}

// ids: C02 S6
TEST(Base64Url, each_byte_string_has_one_spelling) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::array<std::uint8_t, 1> in{static_cast<std::uint8_t>(byte)};
        const std::string text = base64url_encode(in);
        std::array<std::uint8_t, 1> out{};
        ASSERT_TRUE(base64url_decode(text, out));
        EXPECT_EQ(out, in);
        int spellings = 0;
        for (int last = 0; last < 256; ++last) {
            spellings += decodes<1>({std::string{text[0], static_cast<char>(last)}}) ? 1 : 0;
        }
        EXPECT_EQ(spellings, 4) << "one for each value of the two low bits of the byte";
    }
}

// ids: C02 S6 V22
TEST(Base64Url, refuses_other_lengths_alphabets_and_padding) {
    EXPECT_TRUE(decodes<3>("Zm9v"));
    EXPECT_FALSE(decodes<3>("Zm9"));
    EXPECT_FALSE(decodes<3>("Zm9vY"));
    EXPECT_FALSE(decodes<2>("Zm8="));
    EXPECT_FALSE(decodes<2>("Zm9")) << "spare bits that are not zero";
    EXPECT_FALSE(decodes<3>("Zm+v"));
    EXPECT_FALSE(decodes<3>("Zm/v"));
    EXPECT_FALSE(decodes<3>("Zm v"));
    EXPECT_FALSE(decodes<3>(std::string_view("Zm\0v", 4)));
    EXPECT_FALSE(decodes<3>("Zm\xc3\xa5"));
}

}  // namespace
}  // namespace vedfolnir::model
