// Ed25519 against the vectors of RFC 8032, section 7.1.
#include "crypto/signature.hpp"
#include "model/hex.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vedfolnir::crypto {
namespace {

struct Vector {
    std::string seed;
    std::string public_key;
    std::string message;
    std::string signature;
};

const std::vector<Vector> vectors{
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
};

std::vector<std::uint8_t> bytes(const std::string& hex) {
    std::vector<std::uint8_t> out(hex.size() / 2);
    EXPECT_TRUE(model::hex_decode(hex, out));
    return out;
}

// ids: R13 C22
TEST(Signature, signs_and_verifies_the_published_vectors) {
    for (const auto& vector : vectors) {
        const auto key = SigningKey::from_seed(bytes(vector.seed)).value();
        EXPECT_EQ(model::hex_encode(key.verify_key().bytes()), vector.public_key);
        const auto signature = key.sign(vector.message);
        EXPECT_EQ(model::hex_encode(signature), vector.signature);
        EXPECT_TRUE(VerifyKey(key.verify_key().bytes()).verify(vector.message, signature));
        EXPECT_FALSE(key.verify_key().verify(vector.message + "x", signature));
        for (std::size_t i = 0; i < signature.size(); ++i) {
            auto forged = signature;
            forged[i] ^= 1;
            EXPECT_FALSE(key.verify_key().verify(vector.message, forged)) << i;
        }
    }
}

// ids: R13 C22
TEST(Signature, seeds_have_32_bytes_and_keys_their_own_names) {
    EXPECT_FALSE(SigningKey::from_seed(std::vector<std::uint8_t>(31)));
    const auto one = SigningKey::from_seed(bytes(vectors[0].seed))->verify_key();
    const auto other = SigningKey::from_seed(bytes(vectors[1].seed))->verify_key();
    EXPECT_EQ(one.id().size(), 16U);
    EXPECT_NE(one.id(), other.id());
    EXPECT_EQ(one.pem().find("-----BEGIN PUBLIC KEY-----"), 0U);
}

}  // namespace
}  // namespace vedfolnir::crypto
