// Contexts are kept from one message to the next: nothing of one may show in another. (The values themselves are
// checked against published vectors in test_published_vectors.py.)
#include "crypto/primitives.hpp"
#include "model/bytes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace vedfolnir::crypto {
namespace {

std::string key_of(std::size_t number) { return std::string(32, static_cast<char>('A' + number)); }

/// More keys than a thread keeps contexts for.
std::vector<Mac> many_macs() {
    std::vector<Mac> macs;
    for (std::size_t number = 0; number < 20; ++number)
        macs.emplace_back(model::as_bytes(key_of(number)));
    return macs;
}

// ids: C22
TEST(Mac, says_the_same_of_a_message_however_often_and_between_which_others) {
    const auto macs = many_macs();
    std::vector<Digest> first;
    for (const Mac& mac : macs) first.push_back(mac.compute(model::as_bytes("message")));
    for (int turn = 0; turn < 3; ++turn) {
        for (std::size_t number = 0; number < macs.size(); ++number) {
            (void)macs[number].compute(model::as_bytes(std::string(100, 'x')));
            EXPECT_EQ(macs[number].compute(model::as_bytes("message")), first[number]);
        }
    }
    for (std::size_t number = 1; number < first.size(); ++number)
        EXPECT_NE(first[number], first[number - 1]);
}

// ids: C22
TEST(Mac, a_key_that_comes_after_another_is_not_taken_for_it) {
    const auto with = [](const std::string& key) {
        return Mac(model::as_bytes(key)).compute(model::as_bytes("message"));
    };
    const Digest first = with(key_of(0));
    EXPECT_NE(with(key_of(1)), first);
    EXPECT_EQ(with(key_of(0)), first);
}

// ids: C22
TEST(Mac, threads_do_not_disturb_each_other) {
    const auto macs = many_macs();
    const Digest expected = macs.front().compute(model::as_bytes("message"));
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int turn = 0; turn < 500; ++turn) {
                    (void)macs[static_cast<std::size_t>(turn) % macs.size()].compute({});
                    if (macs.front().compute(model::as_bytes("message")) != expected) ++wrong;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
}

// ids: C22
TEST(Aead, opens_after_a_refusal_as_before_it) {
    const std::string key = key_of(0);
    const std::array<std::uint8_t, aead_nonce_size> nonce{1, 2, 3};
    const auto sealed = aead_seal(model::as_bytes(key), nonce, "label", "text");
    std::string damaged = sealed;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_FALSE(aead_open(model::as_bytes(key), nonce, "label", damaged));
        EXPECT_FALSE(aead_open(model::as_bytes(key_of(1)), nonce, "label", sealed));
        EXPECT_FALSE(aead_open(model::as_bytes(key), nonce, "other", sealed));
        EXPECT_EQ(aead_open(model::as_bytes(key), nonce, "label", sealed), "text");
        EXPECT_EQ(aead_seal(model::as_bytes(key), nonce, "label", "text"), sealed);
    }
}

}  // namespace
}  // namespace vedfolnir::crypto
