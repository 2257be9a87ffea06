#include "compose/abridge.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "crypto/sealing.hpp"
#include "model/codec.hpp"
#include "model/record.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::compose {
namespace {

ManagerOptions options_with(std::uint16_t key_id, char first) {
    ManagerOptions options;
    std::string secret(32, '\0');
    for (std::size_t i = 0; i < secret.size(); ++i)
        secret[i] = static_cast<char>(first + static_cast<char>(i * 37 + i * i));
    options.keys.keys = {{key_id, secret}};
    options.jobs.snapshots->keys = {"kept"};
    return options;
}

struct Sealed {
    StoreKey key;
    std::string record;
};

Sealed sealed_with(const ManagerOptions& options) {
    auto ring = crypto::KeyRing::open(options.keys).value();
    crypto::KernelRandom random;
    model::RecordHeader header;
    header.user.bytes.fill(3);
    Sealed sealed;
    sealed.key.shard = header.user.shard();
    const model::Entries entries{{"kept", model::encode_text("1")},
                                 {"dropped", model::encode_text("2")}};
    sealed.record = crypto::seal_record(ring, random, sealed.key, header,
                                        model::encode_payload({"7", "", ""}, entries), false)
                        .value();
    return sealed;
}

model::Entries opened_with(const ManagerOptions& options, const StoreKey& key,
                           const std::string& record) {
    auto ring = crypto::KeyRing::open(options.keys).value();
    return crypto::open_record(ring, key, record, options.limits, false).value().payload.entries;
}

// ids: S35 E5
TEST(Abridge, a_copy_keeps_the_keys_that_were_named) {
    const auto options = options_with(1, 'a');
    const auto abridge = make_abridge(options).value();
    const auto sealed = sealed_with(options);
    const auto copy = abridge(sealed.key, sealed.record);
    ASSERT_TRUE(copy.has_value());
    EXPECT_EQ(opened_with(options, sealed.key, *copy),
              (model::Entries{{"kept", model::encode_text("1")}}));
}

// ids: F28 S35 C23
TEST(Abridge, what_this_process_has_no_key_for_is_copied_as_it_stands) {
    const auto theirs = options_with(2, 'q');
    const auto sealed = sealed_with(theirs);
    for (const auto& ours : {options_with(1, 'a'), options_with(2, 'z')}) {
        const auto copy = make_abridge(ours).value()(sealed.key, sealed.record);
        ASSERT_TRUE(copy.has_value()) << "its owner would go without a copy";
        EXPECT_EQ(*copy, sealed.record);
    }
}

}  // namespace
}  // namespace vedfolnir::compose
