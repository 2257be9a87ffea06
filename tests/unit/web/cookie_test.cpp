#include "web/cookie.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vedfolnir::web {
namespace {

using namespace std::string_literals;

constexpr std::string_view plain = "session";
constexpr std::string_view prefixed = "__Host-session";

CookieLookup found(std::string_view value) { return {CookieState::found, value}; }
constexpr CookieLookup absent{};
constexpr CookieLookup ambiguous{CookieState::ambiguous, {}};

// ids: C12 S5
TEST(FindCookie, finds_the_value_among_others) {
    EXPECT_EQ(find_cookie("session=abc", plain), found("abc"));
    EXPECT_EQ(find_cookie("a=1; session=abc; b=2", plain), found("abc"));
    EXPECT_EQ(find_cookie("a=1;session=abc;b=2", plain), found("abc"));
    EXPECT_EQ(find_cookie("__Host-session=abc", prefixed), found("abc"));
    EXPECT_EQ(find_cookie("session=a=b==", plain), found("a=b=="));
}

// ids: C12
TEST(FindCookie, absent_when_no_part_has_our_name) {
    EXPECT_EQ(find_cookie("", plain), absent);
    EXPECT_EQ(find_cookie(";;; ;", plain), absent);
    EXPECT_EQ(find_cookie("=", plain), absent);
    EXPECT_EQ(find_cookie("junk", plain), absent);
    EXPECT_EQ(find_cookie("sessions=abc; xsession=abc; a=session=abc", plain), absent);
    EXPECT_EQ(find_cookie("$Version=1; a=\"session=abc\"", plain), absent);
    EXPECT_EQ(find_cookie("a=1,session=abc", plain), absent) << "a comma separates nothing";
}

// ids: C12
TEST(FindCookie, names_match_case_sensitively) {
    EXPECT_EQ(find_cookie("Session=abc; SESSION=def", plain), absent);
    EXPECT_EQ(find_cookie("Session=abc; session=def", plain), found("def"));
}

// ids: C12 V30
TEST(FindCookie, two_cookies_of_our_name_are_ambiguous) {
    EXPECT_EQ(find_cookie("session=a; session=b", plain), ambiguous);
    EXPECT_EQ(find_cookie("session=a; x=1; session=a", plain), ambiguous) << "equal values too";
    EXPECT_EQ(find_cookie("session=a; session=", plain), ambiguous);
    EXPECT_EQ(find_cookie("session=a;session =b", plain), ambiguous);
}

// ids: C12 V30
TEST(FindCookie, case_variants_of_a_prefixed_name_are_ambiguous) {
    for (const auto* header : {"__HOST-session=evil", "__host-session=evil", "__Host-Session=evil",
                               "__Host-session=ok; __hOST-session=evil"}) {
        EXPECT_EQ(find_cookie(header, prefixed), ambiguous) << header;
    }
    EXPECT_EQ(find_cookie("__secure-id=evil; __Secure-id=ok", "__Secure-id"), ambiguous);
    EXPECT_EQ(find_cookie("__HOST-HTTP-id=evil", "__Host-Http-id"), ambiguous);
    EXPECT_EQ(find_cookie("__host-other=1; __Host-session=ok", prefixed), found("ok"));
}

// ids: V10 C12 V30
TEST(FindCookie, a_nameless_cookie_that_spells_our_name_is_ambiguous) {
    for (const auto* header :
         {"=__Host-session=evil", " = __Host-session=evil", "==__Host-session=evil",
          "=__HOST-session=evil", "__Host-session=ok; =__Host-session=evil",
          "=__Host-session=evil; __Host-session=ok", "=__Host-session", "__Host-session",
          "= = =\t__Host-session = x"}) {
        EXPECT_EQ(find_cookie(header, prefixed), ambiguous) << header;
    }
    EXPECT_EQ(find_cookie("=session=evil", plain), ambiguous);
    EXPECT_EQ(find_cookie("session", plain), ambiguous);
    EXPECT_EQ(find_cookie("=value; session=ok", plain), found("ok"))
        << "other nameless cookies do not matter";
}

// ids: C12
TEST(FindCookie, blanks_around_parts_names_and_values_do_not_count) {
    EXPECT_EQ(find_cookie(" \t session \t=\t abc \t ; b=2", plain), found("abc"));
    EXPECT_EQ(find_cookie("\xC2\xA0session=abc", plain), absent) << "only space and tab are blank";
}

// ids: C12
TEST(FindCookie, one_pair_of_quotes_is_taken_off) {
    EXPECT_EQ(find_cookie("session=\"abc\"", plain), found("abc"));
    EXPECT_EQ(find_cookie("session=\"\"", plain), found(""));
    EXPECT_EQ(find_cookie("session=\"\"abc\"\"", plain), found("\"abc\""));
    EXPECT_EQ(find_cookie("session=\"", plain), found("\""));
    EXPECT_EQ(find_cookie("session=\"a\\075b\"", plain), found("a\\075b"))
        << "escapes stay as they are";
}

// ids: C12 V30
TEST(FindCookie, a_semicolon_ends_the_part_inside_quotes_too) {
    EXPECT_EQ(find_cookie("a=\"x; session=evil; y\"", plain), found("evil"));
    EXPECT_EQ(find_cookie("a=\"x; session=evil; y\"; session=ok", plain), ambiguous);
}

// ids: C12
TEST(FindCookie, control_bytes_make_the_header_ambiguous) {
    for (int byte = 0; byte < 256; ++byte) {
        const auto header = "a=x"s + static_cast<char>(byte) + "y; session=abc";
        const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        EXPECT_EQ(find_cookie(header, plain), control ? ambiguous : found("abc"))
            << "byte " << byte;
    }
    EXPECT_EQ(find_cookie("session=a\0b"s, plain), ambiguous);
    EXPECT_EQ(find_cookie("session=a\r\nSet-Cookie: session=b", plain), ambiguous);
}

// ids: C12
TEST(FindCookie, odd_values_are_returned_for_the_reader_of_ids_to_judge) {
    EXPECT_EQ(find_cookie("session=", plain), found(""));
    EXPECT_EQ(find_cookie("session=../../etc/passwd", plain), found("../../etc/passwd"));
    EXPECT_EQ(find_cookie("session=\xF0\x9F\x8D\xAA", plain), found("\xF0\x9F\x8D\xAA"));
    EXPECT_EQ(find_cookie("session=eyJfZnJlc2giOmZhbHNlfQ.Zx.y", plain),
              found("eyJfZnJlc2giOmZhbHNlfQ.Zx.y"));
    const std::string large(10 * 1024, 'A');
    EXPECT_EQ(find_cookie("session=" + large, plain), found(large));
}

// ids: C12
TEST(FindCookie, headers_beyond_the_limit_are_not_searched) {
    std::string header = "session=abc; a=";
    header.resize(cookie_header_max, 'x');
    EXPECT_EQ(find_cookie(header, plain), found("abc"));
    EXPECT_EQ(find_cookie(header + 'x', plain), ambiguous);
}

// ids: C12
TEST(FindCookie, long_runs_of_separators_are_harmless) {
    for (const char byte : {'=', ';', ' ', '"', '\t'}) {
        EXPECT_EQ(find_cookie(std::string(cookie_header_max, byte), plain), absent) << byte;
    }
}

}  // namespace
}  // namespace vedfolnir::web
