// Keys: decoding, strength, the ring file, and when a start is refused.
#include "config/keys.hpp"
#include "config/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace vedfolnir::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* good_key = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M=";
constexpr const char* other_key = "U0k4ZPzq1yTcVw7hRb3nXo9dLm5sKf2eGa8iYjQvN6E=";
constexpr const char* hex_key = "9f1c4b7ae2d80356f4c19ab37e5d2068c3f7810ba95e4d62178be03fd4a6c95b";

Settings with(TextMap environment) {
    environment.try_emplace("HOME", "/srv/somebody");
    Input input;
    input.environment = std::move(environment);
    input.read_file = [](const std::string& path) -> Result<std::string> {
        if (path == "/key") return std::string(good_key) + "\n";
        if (path == "/ring") {
            return "write = 9\n[[keys]]\nid = 3\nsecret = \"" + std::string(good_key) +
                   "\"\n[[keys]]\nid = 9\nsecret_file = \"/other\"\n";
        }
        if (path == "/other") return std::string(other_key) + "\n";
        return Error{Errc::bad_options, "cannot read " + path};
    };
    return resolve(input);
}

std::string counting(int size) {
    std::string raw(static_cast<std::size_t>(size), '\0');
    std::iota(raw.begin(), raw.end(), '\0');
    return raw;
}

// ids: S88
TEST(keys, base64_and_hexadecimal_digits_are_read) {
    EXPECT_THAT(*decode_secret(good_key), SizeIs(32));
    EXPECT_THAT(*decode_secret(hex_key), SizeIs(32));
    const auto raw = *decode_secret(good_key);
    EXPECT_EQ(encode_secret(raw), good_key);
    for (std::size_t size = 0; size < 70; ++size) {
        const auto bytes = counting(static_cast<int>(size));
        EXPECT_EQ(*decode_secret(encode_secret(bytes)), bytes) << size;
    }
    EXPECT_FALSE(decode_secret("not base64!").has_value());
}

class EachWeakKey : public testing::TestWithParam<std::string> {};

// ids: S88 C23 V19
TEST_P(EachWeakKey, refuses_the_start_and_is_not_repeated) {
    const auto settings = with({{"VEDFOLNIR_KEY", GetParam()}});
    ASSERT_THAT(settings.errors, SizeIs(1));
    EXPECT_THAT(settings.errors.front(),
                AllOf(HasSubstr("VEDFOLNIR_KEY"), HasSubstr("vedfolnir keys generate")));
    if (GetParam().size() > 7) {
        EXPECT_THAT(settings.errors.front(), Not(HasSubstr(GetParam())));
    }
}

INSTANTIATE_TEST_SUITE_P(
    keys, EachWeakKey,
    testing::Values("changeme", "secret", "dev", "c2hvcnQ=", std::string(44, 'A'),
                    std::string(64, '0'), std::string(64, 'a'),
                    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                    "changeme-changeme-changeme-changeme-changeme", encode_secret(counting(32)),
                    encode_secret("correct horse battery staple, and some more words"),
                    encode_secret("change-me-in-production-change-me-in-production"),
                    "q3tHc0Kx9mN1v7Zfq3tHc0Kx9mN1v7Zfq3tHc0Kx9mN1v7Zf",
                    "not base64 at all, but quite long, is it not?"));

// ids: S88 C23
TEST(keys, an_absent_key_refuses_the_start_outside_development) {
    for (const auto* environment : {"production", "staging", "testing"}) {
        EXPECT_THAT(with({{"VEDFOLNIR_ENV", environment}}).errors,
                    ElementsAre(AllOf(HasSubstr("VEDFOLNIR_KEY is not set"),
                                      HasSubstr("vedfolnir keys generate"))));
    }
    const auto development = with({{"VEDFOLNIR_ENV", "development"}});
    EXPECT_THAT(development.errors, IsEmpty());
    EXPECT_THAT(development.warnings, Contains(HasSubstr("generated key")));
    EXPECT_THAT(development.options.keys.keys, IsEmpty());
}

// ids: S88
TEST(keys, key_from_a_file) {
    const auto settings = with({{"VEDFOLNIR_KEY_FILE", "/key"}});
    EXPECT_THAT(settings.errors, IsEmpty());
    ASSERT_THAT(settings.options.keys.keys, SizeIs(1));
    EXPECT_EQ(encode_secret(settings.options.keys.keys[0].secret), good_key);
    EXPECT_EQ(settings.find("VEDFOLNIR_KEY")->value, "********");
}

// ids: S88
TEST(keys, a_ring_has_its_write_key_first) {
    const auto settings = with({{"VEDFOLNIR_KEYS_FILE", "/ring"}});
    EXPECT_THAT(settings.errors, IsEmpty());
    ASSERT_THAT(settings.options.keys.keys, SizeIs(2));
    EXPECT_EQ(settings.options.keys.keys[0].id, 9);
    EXPECT_EQ(settings.options.keys.keys[1].id, 3);
    EXPECT_THAT(settings.warnings, Contains(HasSubstr("VEDFOLNIR_INDEX_SECRET")));
    EXPECT_THAT(
        with({{"VEDFOLNIR_KEYS_FILE", "/ring"}, {"VEDFOLNIR_INDEX_SECRET", hex_key}}).warnings,
        IsEmpty());
}

// ids: S88
TEST(keys, two_ways_of_giving_keys_exclude_each_other) {
    EXPECT_THAT(
        with({{"VEDFOLNIR_KEYS_FILE", "/ring"}, {"VEDFOLNIR_KEY", good_key}}).errors,
        ElementsAre(AllOf(HasSubstr("VEDFOLNIR_KEY and"), HasSubstr("VEDFOLNIR_KEYS_FILE"))));
    EXPECT_THAT(with({{"VEDFOLNIR_KEY_FILE", "/key"}, {"VEDFOLNIR_KEY", good_key}}).errors,
                ElementsAre(HasSubstr("VEDFOLNIR_KEY_FILE")));
}

// ids: S88
TEST(keys, flasks_secret_key_is_not_used_and_says_so) {
    const auto settings = with({{"FLASK_SECRET_KEY", good_key}});
    EXPECT_THAT(settings.errors, SizeIs(1));
    EXPECT_EQ(settings.find("FLASK_SECRET_KEY")->value, "********");
    EXPECT_THAT(settings.find("FLASK_SECRET_KEY")->note, HasSubstr("not used for sealing"));
}

class EachBrokenRing : public testing::TestWithParam<std::string> {};

// ids: S88
TEST_P(EachBrokenRing, is_refused_without_repeating_it) {
    const auto ring = parse_key_ring(GetParam(), [](const std::string&) -> Result<std::string> {
        return Error{Errc::bad_options, "cannot read"};
    });
    ASSERT_FALSE(ring.has_value());
    EXPECT_THAT(ring.error().detail, Not(HasSubstr("q3tHc0Kx9mN1")));
}

INSTANTIATE_TEST_SUITE_P(
    keys, EachBrokenRing,
    testing::Values(
        "", "keys = 1", "[[keys]]\nsecret = \"q3tHc0Kx9mN1v7Zf\"",
        "[[keys]]\nid = 0\nsecret = \"q3tHc0Kx9mN1v7Zf\"", "[[keys]]\nid = 1",
        "[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf!\"",
        "[[keys]]\nid = 1\nsecret_file = \"/x\"",
        "[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf\"\nsecret_file = \"/x\"",
        "write = 4\n[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf\"",
        "[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf\"\n[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf\"",
        "[[keys]]\nid = 1\nsecret = \"q3tHc0Kx9mN1v7Zf"));

// ids: C23 V19
TEST(keys, a_weak_key_in_a_ring_is_named_by_its_id) {
    const auto ring =
        parse_key_ring("[[keys]]\nid = 5\nsecret = \"" + encode_secret(counting(32)) + "\"\n",
                       [](const std::string&) -> Result<std::string> { return std::string(); });
    ASSERT_TRUE(ring.has_value());
    EXPECT_THAT(ring->weaknesses, ElementsAre(HasSubstr("key 5")));
}

}  // namespace
}  // namespace vedfolnir::config
