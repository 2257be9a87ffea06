#include "crypto/key_ring.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <string>
#include <unordered_set>

namespace vedfolnir::crypto {
namespace {

using model::SessionId;

std::string random_secret(std::uint64_t seed) {
    std::array<std::uint8_t, 32> bytes{};
    EXPECT_TRUE(test::SeededRandom(seed).fill(bytes).has_value());
    return {bytes.begin(), bytes.end()};
}

KeyRing ring_of(std::vector<RingKey> keys, std::string index_secret = {}) {
    auto ring = KeyRing::open({std::move(keys), std::move(index_secret)});
    EXPECT_TRUE(ring.has_value());
    return std::move(*ring);
}

// ids: S2 V27 C01
TEST(SessionIdVectors, macs_and_store_keys_agree) {
    for (const auto& vector : test::vectors("session_id", "issued")) {
        SCOPED_TRACE(vector.text("name"));
        const auto ring = ring_of({{1, vector.bytes("ring_secret")}});
        const auto id = SessionId::parse(vector.text("cookie"));
        ASSERT_TRUE(id.has_value());
        EXPECT_TRUE(ring.verify(*id));
        EXPECT_EQ(store_key_of(*id).text(), vector.text("store_key"));
    }
}

// ids: V05 C02 S91
TEST(SessionIdVectors, forged_ids_have_the_shape_and_are_refused) {
    for (const auto& vector : test::vectors("session_id", "forged")) {
        const auto ring = ring_of({{1, vector.bytes("ring_secret")}});
        const auto id = SessionId::parse(vector.text("cookie"));
        ASSERT_TRUE(id.has_value()) << vector.text("name");
        EXPECT_FALSE(ring.verify(*id)) << vector.text("name");
    }
}

// ids: V27 S44
TEST(UserTagVectors, tags_agree) {
    for (const auto& vector : test::vectors("user_tag", "tags")) {
        const auto ring =
            ring_of({{1, vector.bytes("oldest_ring_secret")}}, vector.bytes("index_secret"));
        const auto tag = ring.user_tag(vector.text("user_id"));
        EXPECT_EQ(tag.bytes, vector.array<16>("tag")) << vector.text("name");
        EXPECT_EQ(tag.shard(), vector.number("shard"));
    }
}

// ids: E1 V27
TEST(MeetingPlaceVectors, places_agree) {
    for (const auto& vector : test::vectors("remembered_login", "places")) {
        const auto ring =
            ring_of({{1, vector.bytes("oldest_ring_secret")}}, vector.bytes("index_secret"));
        const auto place = ring.meeting_place(vector.text("user_id"), vector.text("token"));
        EXPECT_EQ(place.key.text(), vector.text("store_key")) << vector.text("name");
        const auto seal = place.seal.bytes();
        EXPECT_EQ(test::to_hex({reinterpret_cast<const char*>(seal.data()), seal.size()}),
                  vector.text("seal"));
    }
}

// ids: S48 S6 C01
TEST(KeyRing, minted_ids_are_read_back_and_verified) {
    const auto ring = ring_of({{1, random_secret(1)}});
    KernelRandom random;
    for (int shard = 0; shard < 256; ++shard) {
        const auto id = ring.mint(static_cast<std::uint8_t>(shard), random);
        ASSERT_TRUE(id.has_value());
        const auto parsed = SessionId::parse(id->cookie_value());
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(parsed->shard(), shard);
        EXPECT_TRUE(ring.verify(*parsed));
        EXPECT_FALSE(ring_of({{1, random_secret(2)}}).verify(*parsed));
    }
}

// ids: V02 V05
TEST(KeyRing, an_id_with_any_bit_flipped_is_refused) {
    const auto ring = ring_of({{1, random_secret(1)}});
    test::SeededRandom random(9);
    const auto id = ring.mint(42, random);
    ASSERT_TRUE(id.has_value());
    const std::string head(id->authenticated().begin(), id->authenticated().end());
    const std::string mac(id->mac().begin(), id->mac().end());
    for (std::size_t bit = 0; bit < 8 * SessionId::size; ++bit) {
        std::string bytes = head + mac;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
        std::array<std::uint8_t, 32> secret{};
        std::array<std::uint8_t, 16> changed_mac{};
        std::copy_n(bytes.begin() + 2, 32, secret.begin());
        std::copy_n(bytes.begin() + 34, 16, changed_mac.begin());
        if (bit < 8) continue;  // the version byte: refused by SessionId::parse
        EXPECT_FALSE(
            ring.verify(SessionId(static_cast<std::uint8_t>(bytes[1]), secret, changed_mac)))
            << bit;
    }
}

// ids: S88 S34
TEST(KeyRing, older_keys_still_verify_and_open) {
    const auto old_ring = ring_of({{1, random_secret(1)}});
    const auto new_ring = ring_of({{2, random_secret(2)}, {1, random_secret(1)}});
    test::SeededRandom random(3);
    const auto id = old_ring.mint(0, random);
    ASSERT_TRUE(id.has_value());
    EXPECT_TRUE(new_ring.verify(*id));
    EXPECT_EQ(new_ring.write_key_id(), 2);
    EXPECT_TRUE(new_ring.has(1));
    EXPECT_FALSE(new_ring.has(3));
    const auto key = store_key_of(*id);
    ASSERT_TRUE(new_ring.record_key(1, key).has_value());
    EXPECT_TRUE(equal_constant_time(new_ring.record_key(1, key)->bytes(),
                                    old_ring.record_key(1, key)->bytes()));
    EXPECT_FALSE(old_ring.record_key(2, key).has_value());
    EXPECT_EQ(new_ring.user_tag("7"), old_ring.user_tag("7"))
        << "users keep their names when keys rotate";
}

// ids: S88 C22
TEST(KeyRing, each_record_has_a_key_of_its_own) {
    const auto ring = ring_of({{1, random_secret(1)}});
    const auto key_of = [&](std::uint8_t shard, std::uint8_t last) {
        StoreKey key{shard, {}};
        key.digest[15] = last;
        const auto secret = ring.record_key(1, key);
        return std::string(secret->bytes().begin(), secret->bytes().end());
    };
    const std::set<std::string> keys{key_of(0, 0), key_of(0, 1), key_of(1, 0), key_of(1, 1)};
    EXPECT_EQ(keys.size(), 4U);
}

// ids: S88
TEST(KeyRing, refuses_no_key_a_short_key_and_a_repeated_id) {
    for (const KeyOptions& options :
         {KeyOptions{}, KeyOptions{{{1, std::string(31, 'k')}}, {}},
          KeyOptions{{{1, random_secret(1)}, {1, random_secret(2)}}, {}}}) {
        const auto ring = KeyRing::open(options);
        ASSERT_FALSE(ring.has_value());
        EXPECT_EQ(ring.error().code, Errc::key_unavailable);
        EXPECT_EQ(ring.error().detail.find("kkkk"), std::string::npos)
            << "no secret in the message";
    }
}

// ids: S88
TEST(Weakness, names_what_is_wrong_with_a_key) {
    EXPECT_FALSE(weakness(random_secret(1)).has_value());
    for (const auto& secret : {std::string(), random_secret(1).substr(1), std::string(32, '\0'),
                               std::string("correct horse battery staple, again!"),
                               std::string("0123456789abcdef0123456789abcdef0123456789abcdef")}) {
        EXPECT_TRUE(weakness(secret).has_value());
    }
    EXPECT_EQ(weakness(std::string(32, 'x')), "it has only 1 different byte: this is not random");
}

// ids: V13 C01 S6
TEST(Mint, refuses_when_the_random_source_fails) {
    const auto ring = ring_of({{1, random_secret(1)}});
    test::FailingRandom random;
    const auto id = ring.mint(0, random);
    ASSERT_FALSE(id.has_value());
    EXPECT_EQ(id.error().code, Errc::random_unavailable);
    EXPECT_EQ(random_handle(random).error().code, Errc::random_unavailable);
    EXPECT_EQ(random_operation(random).error().code, Errc::random_unavailable);
}

// ids: V17
TEST(Mint, a_repeating_source_repeats_the_store_key_so_that_create_if_absent_notices) {
    const auto ring = ring_of({{1, random_secret(1)}});
    test::StuckRandom random(0x55);
    const auto first = ring.mint(0, random);
    const auto second = ring.mint(0, random);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(store_key_of(*first), store_key_of(*second));
}

/// Upper bound that chi-square exceeds once in a million (Wilson and Hilferty's approximation).
double chi_square_max(double degrees) {
    const double z = 4.75;
    const double root = 1 - 2 / (9 * degrees) + z * std::sqrt(2 / (9 * degrees));
    return degrees * root * root * root;
}

// ids: S48 C01
TEST(Mint, a_million_ids_are_unique_and_their_characters_flat) {
    constexpr std::size_t count = 1'000'000;
    // Characters 3 to 44 spell nothing but the secret: bytes 2 to 33 begin and end in the middle of others.
    constexpr std::size_t first = 3;
    constexpr std::size_t last = 44;
    const auto ring = ring_of({{1, random_secret(1)}});
    KernelRandom random;
    std::unordered_set<std::string> seen;
    seen.reserve(count);
    std::array<std::array<std::uint32_t, 128>, SessionId::text_size> counts{};
    for (std::size_t i = 0; i < count; ++i) {
        const auto id = ring.mint(0, random);
        ASSERT_TRUE(id.has_value());
        const std::string text = id->cookie_value();
        for (std::size_t at = 0; at < text.size(); ++at)
            ++counts[at][static_cast<unsigned char>(text[at])];
        seen.insert(text.substr(first, 24));
    }
    EXPECT_EQ(seen.size(), count);
    const double expected = static_cast<double>(count) / 64;
    for (std::size_t at = first; at <= last; ++at) {
        double chi_square = 0;
        for (const char c :
             std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
            const double difference = counts[at][static_cast<unsigned char>(c)] - expected;
            chi_square += difference * difference / expected;
        }
        EXPECT_LT(chi_square, chi_square_max(63)) << "character " << at;
    }
}

}  // namespace
}  // namespace vedfolnir::crypto
