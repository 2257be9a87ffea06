#include "crypto/sealing.hpp"
#include "model/codec.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace vedfolnir::crypto {
namespace {

constexpr SizeLimits limits;

KeyRing ring_of(std::uint16_t id, const std::string& secret) {
    auto ring = KeyRing::open({{{id, secret}}, {}});
    EXPECT_TRUE(ring.has_value());
    return std::move(*ring);
}

StoreKey key_of(const test::Case& vector) {
    return {static_cast<std::uint8_t>(vector.number("shard")), vector.array<16>("store_digest")};
}

/// A record of the vectors, and what opens it.
struct Sample {
    test::Case vector;
    KeyRing ring;
    StoreKey key;
    std::string record;

    explicit Sample(const char* list = "sealed")
        : vector(test::vectors("record", list).front()),
          ring(ring_of(static_cast<std::uint16_t>(vector.number("key_id")),
                       vector.bytes("ring_secret"))),
          key(key_of(vector)),
          record(vector.bytes("record")) {}

    [[nodiscard]] std::optional<Opened> open(std::string_view bytes, bool plain = false) const {
        return open_record(ring, key, bytes, limits, plain);
    }
};

/// Gives out the vector's nonce.
class GivenNonce final : public RandomSource {
public:
    explicit GivenNonce(std::string nonce) : nonce_(std::move(nonce)) {}
    Result<void> fill(std::span<std::uint8_t> out) override {
        EXPECT_EQ(out.size(), nonce_.size());
        std::ranges::copy(nonce_, out.begin());
        return {};
    }

private:
    std::string nonce_;
};

// ids: C22 V27 S87
TEST(RecordVectors, sealing_agrees_byte_for_byte) {
    for (const auto& vector : test::vectors("record", "sealed")) {
        SCOPED_TRACE(vector.text("name"));
        const auto ring = ring_of(static_cast<std::uint16_t>(vector.number("key_id")),
                                  vector.bytes("ring_secret"));
        const auto opened =
            open_record(ring, key_of(vector), vector.bytes("record"), limits, false);
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(test::to_hex(model::encode_payload(opened->payload)), vector.text("payload"));
        GivenNonce nonce(vector.bytes("nonce"));
        const auto sealed = seal_record(ring, nonce, key_of(vector), opened->header,
                                        model::encode_payload(opened->payload), false);
        ASSERT_TRUE(sealed.has_value());
        EXPECT_EQ(test::to_hex(*sealed), vector.text("record"));
    }
}

// ids: V27
TEST(RecordVectors, plain_records_agree_and_open_only_where_plain_is_configured) {
    const Sample sample("plain");
    const auto opened = sample.open(sample.record, true);
    ASSERT_TRUE(opened.has_value());
    test::FailingRandom unused;
    const auto again = seal_record(sample.ring, unused, sample.key, opened->header,
                                   model::encode_payload(opened->payload), true);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(test::to_hex(*again), sample.vector.text("record"));
    EXPECT_FALSE(sample.open(sample.record, false)) << "the flag does not decide";
    EXPECT_FALSE(Sample().open(Sample().record, true)) << "a sealed record is not read as plain";
}

// ids: V01 V02 C22 C25 S87
TEST(RecordVectors, everything_else_is_no_session) {
    const Sample sample;
    for (const auto& vector : test::vectors("record", "refused")) {
        const std::string bytes = vector.bytes("record");
        EXPECT_FALSE(open_record(sample.ring, key_of(vector), bytes, limits, false))
            << vector.text("name");
    }
}

// ids: V02 C22 S87
TEST(OpenRecord, a_flipped_byte_anywhere_but_last_seen_is_no_session) {
    const Sample sample;
    for (std::size_t at = 0; at < sample.record.size(); ++at) {
        const bool touched_freely = at >= model::offset::last_seen && at < model::offset::handle;
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = sample.record;
            changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
            const bool opened = sample.open(changed).has_value();
            // The upper 16 bits of a time are zero; a time beyond that is damage.
            const bool expected = touched_freely && at >= model::offset::last_seen + 2;
            ASSERT_EQ(opened, expected) << "byte " << at << " bit " << bit;
        }
    }
}

// ids: V02 S87
TEST(OpenRecord, truncation_at_each_length_is_no_session) {
    const Sample sample;
    for (std::size_t length = 0; length < sample.record.size(); ++length) {
        ASSERT_FALSE(sample.open(sample.record.substr(0, length))) << length;
    }
    EXPECT_FALSE(sample.open(sample.record + '\0'));
    const Sample plain("plain");
    for (std::size_t length = 0; length < plain.record.size(); ++length) {
        ASSERT_FALSE(plain.open(plain.record.substr(0, length), true)) << length;
    }
}

// ids: V02 C22 S87
TEST(OpenRecord, another_sessions_record_is_no_session) {
    const Sample sample;
    for (std::size_t at = 0; at < 16; ++at) {
        StoreKey other = sample.key;
        other.digest.at(at) ^= 1;
        EXPECT_FALSE(open_record(sample.ring, other, sample.record, limits, false));
    }
    StoreKey other_shard = sample.key;
    other_shard.shard ^= 1;
    EXPECT_FALSE(open_record(sample.ring, other_shard, sample.record, limits, false));
    const auto other_ring = ring_of(7, std::string(32, 'x'));
    EXPECT_FALSE(open_record(other_ring, sample.key, sample.record, limits, false));
    const auto other_id = ring_of(8, sample.vector.bytes("ring_secret"));
    EXPECT_FALSE(open_record(other_id, sample.key, sample.record, limits, false));
}

// ids: C22 V16
TEST(OpenRecord, last_seen_may_move_and_nothing_else_moves_with_it) {
    const Sample sample;
    std::string touched = sample.record;
    touched[model::offset::last_seen + 7] =
        static_cast<char>(touched[model::offset::last_seen + 7] ^ 0x40);
    const auto before = sample.open(sample.record);
    const auto after = sample.open(touched);
    ASSERT_TRUE(before && after);
    EXPECT_NE(after->header.last_seen, before->header.last_seen);
    EXPECT_EQ(after->header.absolute_expiry, before->header.absolute_expiry);
    EXPECT_EQ(after->header.created, before->header.created);
    EXPECT_EQ(after->payload, before->payload);
}

// ids: C22
TEST(SealRecord, the_same_payload_never_has_the_same_bytes) {
    const Sample sample;
    const auto opened = sample.open(sample.record);
    ASSERT_TRUE(opened.has_value());
    KernelRandom random;
    std::set<std::string> nonces;
    for (int i = 0; i < 1000; ++i) {
        const auto sealed = seal_record(sample.ring, random, sample.key, opened->header,
                                        model::encode_payload(opened->payload), false);
        ASSERT_TRUE(sealed.has_value());
        nonces.insert(sealed->substr(model::offset::body, aead_nonce_size));
    }
    EXPECT_EQ(nonces.size(), 1000U);
}

// ids: C24 S87
TEST(SealRecord, no_plaintext_is_left_in_a_sealed_record) {
    const Sample sample;
    auto payload = sample.open(sample.record)->payload;
    payload.entries["platform"] = model::encode_text("conspicuous-plaintext-value");
    KernelRandom random;
    const auto sealed =
        seal_record(sample.ring, random, sample.key, {}, model::encode_payload(payload), false);
    ASSERT_TRUE(sealed.has_value());
    for (const auto* text : {"conspicuous", "platform", "Firefox", "_user_id"}) {
        EXPECT_EQ(sealed->find(text), std::string::npos) << text;
    }
}

// ids: V13 C01
TEST(SealRecord, refuses_when_the_random_source_fails) {
    const Sample sample;
    test::FailingRandom random;
    const auto sealed = seal_record(sample.ring, random, sample.key, {}, {}, false);
    ASSERT_FALSE(sealed.has_value());
    EXPECT_EQ(sealed.error().code, Errc::random_unavailable);
}

}  // namespace
}  // namespace vedfolnir::crypto
