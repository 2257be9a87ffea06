#include "manager/deny_set.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace vedfolnir::manager {
namespace {

constexpr TimePoint start{Millis{1'800'000'000'000}};
constexpr Millis hour{3'600'000};

UserTag user(std::uint8_t number) {
    UserTag tag;
    tag.bytes.fill(number);
    return tag;
}

// ids: C09 R2
TEST(MinimumEpochs, only_grow) {
    MinimumEpochs epochs;
    EXPECT_EQ(epochs.of(user(1), start), 0U);
    epochs.raise(user(1), 3, start + hour, start);
    epochs.raise(user(1), 2, start + hour, start);
    EXPECT_EQ(epochs.of(user(1), start), 3U);
    EXPECT_EQ(epochs.of(user(2), start), 0U);
}

// ids: C09 R2
TEST(MinimumEpochs, lapse_when_no_session_they_concern_can_live) {
    MinimumEpochs epochs;
    epochs.raise(user(1), 1, start + hour, start);
    epochs.raise(user(2), 1, start + 2 * hour, start + hour);
    EXPECT_EQ(epochs.size(), 1U);
    EXPECT_TRUE(epochs.complete(start + hour));
    EXPECT_EQ(epochs.of(user(1), start + hour), 0U);
}

// ids: C09 R2 C28
TEST(MinimumEpochs, table_that_had_to_forget_says_so) {
    MinimumEpochs epochs(2);
    for (std::uint8_t number = 1; number <= 3; ++number)
        epochs.raise(user(number), number, start + number * hour, start);
    EXPECT_EQ(epochs.size(), 2U);
    EXPECT_EQ(epochs.of(user(2), start), 2U);
    EXPECT_EQ(epochs.of(user(3), start), 3U);
    EXPECT_FALSE(epochs.of(user(1), start).has_value());
    EXPECT_FALSE(epochs.of(user(9), start).has_value()) << "who was forgotten is not known either";

    epochs.learn(user(1), 1, start);
    EXPECT_EQ(epochs.of(user(1), start), 1U);
    EXPECT_EQ(epochs.size(), 2U);
    // What the first one concerned is over by then.
    EXPECT_EQ(epochs.of(user(9), start + 2 * hour), 0U);
}

}  // namespace
}  // namespace vedfolnir::manager
