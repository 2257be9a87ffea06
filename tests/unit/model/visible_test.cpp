#include "model/visible.hpp"

#include <gtest/gtest.h>

using vedfolnir::model::visible;

// ids: C26
TEST(Visible, controls_cannot_steer_a_terminal_or_forge_a_line) {
    EXPECT_EQ(visible("a\r\n\x1b[2Jb\x7f\t"), "a\\x0d\\x0a\\x1b[2Jb\\x7f\\x09");
    EXPECT_EQ(visible("\xc2\x9b"
                      "2J\xc2\x85"),
              "\\x9b2J\\x85");
    EXPECT_EQ(visible("one\xe2\x80\xa8two\xe2\x80\xa9"), "one\\u2028two\\u2029");
}

// ids: C26
TEST(Visible, bidirectional_controls_cannot_turn_the_text_around) {
    EXPECT_EQ(visible("user\xe2\x80\xae"
                      "nimda"),
              "user\\u202enimda");
    EXPECT_EQ(visible("\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"),
              "\\u2066x\\u2069\\u200e\\u200f\\u061c");
}

// ids: C26
TEST(Visible, characters_that_are_not_seen_cannot_make_two_users_look_alike) {
    EXPECT_EQ(visible("ad\xe2\x80\x8bmin\xef\xbb\xbf"), "ad\\u200bmin\\ufeff");
    EXPECT_EQ(visible("\xc2\xad\xe1\xa0\x8e\xe2\x81\xa0\xe2\x81\xa4"),
              "\\u00ad\\u180e\\u2060\\u2064");
}

// ids: C26
TEST(Visible, other_text_stays_as_it_is) {
    for (
        const std::string_view text :
        {"", "plain",
         "Gr\xc3\xbc\xc3\x9f"
         "e \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xa7",
         "cut short \xe2\x80", "\xff\xc2"})
        EXPECT_EQ(visible(text), text);
}
