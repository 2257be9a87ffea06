#include "cache/announcement.hpp"

#include <gtest/gtest.h>

namespace vedfolnir::cache {
namespace {

// ids: S37 S32
TEST(Announcement, is_heard_once_by_each_other_and_not_by_who_said_it) {
    const auto table = StripeTable::private_table();
    Announcement speaker(table);
    Announcement listener(table);
    Announcement another(table);
    EXPECT_FALSE(listener.heard());
    speaker.say();
    EXPECT_FALSE(speaker.heard());
    EXPECT_TRUE(listener.heard());
    EXPECT_FALSE(listener.heard());
    EXPECT_TRUE(another.heard());
    listener.say();
    EXPECT_TRUE(speaker.heard());
}

// ids: S31
TEST(Announcement, of_two_who_say_it_at_once_each_hears_the_other) {
    const auto table = StripeTable::private_table();
    Announcement one(table);
    Announcement other(table);
    one.say();
    other.say();
    EXPECT_TRUE(one.heard());
    EXPECT_TRUE(other.heard()) << "its own word hid the other's";
}

// ids: S31
TEST(Announcement, writes_of_sessions_are_not_mistaken_for_one) {
    const auto table = StripeTable::private_table();
    Announcement listener(table);
    StoreKey key;
    for (unsigned last = 0; last < 256; ++last) {
        key.digest.fill(static_cast<std::uint8_t>(last));
        if (last == 0x77) continue;  // one of its three counters stays where it was
        table->raise(key);
    }
    EXPECT_FALSE(listener.heard());
}

}  // namespace
}  // namespace vedfolnir::cache
