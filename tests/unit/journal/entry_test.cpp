#include "journal/entry.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::journal {
namespace {

template <std::uint8_t first>
std::array<std::uint8_t, 16> bytes() {
    std::array<std::uint8_t, 16> filled{};
    filled.fill(first);
    return filled;
}

async::AuditEvent event() {
    async::AuditEvent made;
    made.at = TimePoint(Millis{1'800'000'000'123});
    made.type = "session.created";
    made.handle = Handle{bytes<0x11>()};
    made.user_id = "älice \"quoted\"\n";
    made.actor = "user";
    made.detail = R"({"device":"x"})";
    made.operation = bytes<0x33>();
    return made;
}

/// Written, read and written again: the text says all there is.
void survives(const async::Deferred& entry) {
    const std::string text = entry_text(entry);
    const auto read = read_entry(text);
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read->index(), entry.index());
    EXPECT_EQ(entry_text(*read), text);
    EXPECT_EQ(text.find('\n'), std::string::npos);
}

// ids: R3 R9
TEST(JournalEntry, each_kind_survives) {
    async::LoginOrder login;
    login.row.handle = Handle{bytes<0x11>()};
    login.row.key = StoreKey{0x2a, bytes<0x22>()};
    login.row.user_id = "7";
    login.row.user = UserTag{bytes<0x2a>()};
    login.row.absolute_expiry = TimePoint(Millis{1'800'086'400'000});
    login.row.idle_limit = Seconds{7200};
    login.row.device = "Firefox";
    login.row.place = "192.0.2.7";
    login.row.platform = "mastodon";
    login.granted_epoch = 9'007'199'254'740'993;  // more than a double holds
    login.event = event();
    survives(login);
    login.replaced = async::Replaced{StoreKey{0x2b, bytes<0x23>()}, Handle{bytes<0x12>()}, true};
    survives(login);
    survives(async::LoginConfirmed{login.row.handle, login.row.key, login.row.user});
    async::EndRequest ending;
    ending.key = login.row.key;
    ending.reason = EndReason::security;
    ending.user = login.row.user;
    ending.event = event();
    survives(ending);
    ending.key.reset();
    ending.user_id = "7";
    ending.keep = login.row.key;
    ending.granted_epoch = 4;
    survives(ending);
    survives(async::PlatformChange{login.row.handle, "pixelfed", event()});
    survives(event());
}

// ids: R3 R9
TEST(JournalEntry, fields_come_back_as_they_were) {
    async::EndRequest ending;
    ending.user_id = "7";
    ending.user = UserTag{bytes<0x2a>()};
    ending.reason = EndReason::security;
    ending.granted_epoch = 4;
    ending.until = TimePoint(Millis{1'800'086'400'000});
    ending.event = event();
    const auto read = read_entry(entry_text(ending));
    const auto& back = std::get<async::EndRequest>(*read);
    EXPECT_TRUE(back.late);
    EXPECT_EQ(back.user, ending.user);
    EXPECT_EQ(back.reason, EndReason::security);
    EXPECT_EQ(back.granted_epoch, 4U);
    EXPECT_EQ(back.until, ending.until);
    EXPECT_EQ(back.event.user_id, ending.event.user_id);
    EXPECT_EQ(back.event.operation, ending.event.operation);
    EXPECT_EQ(back.event.handle, ending.event.handle);
    EXPECT_FALSE(back.key || back.keep || back.handle);
}

// ids: R3
TEST(JournalEntry, anything_else_is_refused_without_a_throw) {
    for (const char* text :
         {"", "{", "[]", "7", "{}", R"({"what":"tea"})", R"({"what":"end"})", R"({"what":7})",
          R"({"what":"confirmed","handle":"11","key":"x","user":"y"})",
          R"({"what":"event","event":{"at":"soon"}})"}) {
        const auto read = read_entry(text);
        ASSERT_FALSE(read.has_value()) << text;
        EXPECT_EQ(read.error().code, Errc::bad_value);
    }
}

}  // namespace
}  // namespace vedfolnir::journal
