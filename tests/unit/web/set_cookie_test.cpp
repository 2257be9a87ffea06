#include "web/cookie.hpp"
#include "web/set_cookie.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vedfolnir::web {
namespace {

std::string refusal(const CookieOptions& options) {
    const auto checked = validate(options);
    return checked.has_value() ? "" : checked.error().public_message;
}

bool refused_for(const CookieOptions& options, std::string_view field) {
    const auto checked = validate(options);
    return !checked && checked.error().code == Errc::bad_options &&
           checked.error().public_message.starts_with("cookie." + std::string(field) + ":");
}

CookieOptions named(std::string name) {
    CookieOptions options;
    options.name = std::move(name);
    return options;
}

// ids: C11 S5 C06
TEST(SetCookie, the_defaults_are_safe) {
    const CookieOptions options;
    EXPECT_EQ(set_cookie(options, "ID", std::nullopt),
              "__Host-session=ID; Path=/; Secure; HttpOnly; SameSite=Lax");
    EXPECT_EQ(set_cookie(options, "ID", Seconds{60}),
              "__Host-session=ID; Path=/; Secure; HttpOnly; SameSite=Lax")
        << "no Max-Age unless asked for";
    EXPECT_TRUE(validate(options).has_value());
}

// ids: C11 C14 S7
TEST(SetCookie, all_attributes_stand_in_a_fixed_order) {
    CookieOptions options = named("id");
    options.domain = ".example.org";
    options.path = "/app";
    options.same_site = SameSite::none;
    options.partitioned = true;
    options.max_age = Seconds{7200};
    ASSERT_EQ(refusal(options), "");
    EXPECT_EQ(
        set_cookie(options, "ID", std::nullopt),
        "id=ID; Domain=example.org; Path=/app; Max-Age=7200; Secure; HttpOnly; SameSite=None; Partitioned");
    EXPECT_EQ(
        clear_cookie(options),
        "id=; Domain=example.org; Path=/app; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; "
        "HttpOnly; SameSite=None; Partitioned");
}

// ids: C11 S7
TEST(SetCookie, weakened_flags_are_left_out) {
    CookieOptions options = named("session");
    options.secure = false;
    options.http_only = false;
    options.same_site = SameSite::strict;
    ASSERT_EQ(refusal(options), "");
    EXPECT_EQ(set_cookie(options, "ID", std::nullopt), "session=ID; Path=/; SameSite=Strict");
}

// ids: C06 C04
TEST(SetCookie, max_age_never_exceeds_what_is_left_of_the_session) {
    CookieOptions options = named("session");
    options.max_age = Seconds{7200};
    const auto with_cap = [&](int cap) { return set_cookie(options, "ID", Seconds{cap}); };
    EXPECT_NE(with_cap(100000).find("; Max-Age=7200;"), std::string::npos);
    EXPECT_NE(with_cap(100).find("; Max-Age=100;"), std::string::npos);
    EXPECT_NE(with_cap(0).find("; Max-Age=0;"), std::string::npos);
    EXPECT_NE(with_cap(-5).find("; Max-Age=0;"), std::string::npos);
}

// ids: S5 C12
TEST(SetCookie, what_is_written_is_found_again) {
    for (const auto& name : {"session", "__Host-session", "__Secure-id", "a!#$%&'*+-.^_`|~z"}) {
        const auto header = set_cookie(named(name), "AbC-_123", std::nullopt);
        const auto pair = header.substr(0, header.find(';'));
        EXPECT_EQ(find_cookie(pair, name), (CookieLookup{CookieState::found, "AbC-_123"})) << name;
    }
}

// ids: V11 C13
TEST(ValidateCookie, refuses_injection_through_every_field) {
    for (int byte = 0; byte < 256; ++byte) {
        const auto c = static_cast<char>(byte);
        const bool hostile = byte < 0x20 || byte >= 0x7f || c == ';' || c == ',';
        if (!hostile) {
            continue;
        }
        const auto inside = std::string("a") + c + "b";
        EXPECT_TRUE(refused_for(named(inside), "name")) << byte;
        CookieOptions options = named("session");
        options.domain = inside + ".org";
        EXPECT_TRUE(refused_for(options, "domain")) << byte;
        options.domain.clear();
        options.path = "/" + inside;
        EXPECT_TRUE(refused_for(options, "path")) << byte;
    }
}

// ids: V11 C13
TEST(ValidateCookie, names_are_tokens) {
    for (const auto* name : {"", "a b", "a=b", "a\"b", "a/b", "a[b]", "{a}", "a:b", "a@b", "a\\b",
                             "(a)", "<a>", "a?"}) {
        EXPECT_TRUE(refused_for(named(name), "name")) << name;
    }
    EXPECT_EQ(refusal(named("session")), "");
}

// ids: C13
TEST(ValidateCookie, lengths_and_lifetime_stay_within_what_browsers_keep) {
    EXPECT_EQ(refusal(named(std::string(4096 - 67, 'n'))), "");
    EXPECT_TRUE(refused_for(named(std::string(4096 - 66, 'n')), "name"));

    CookieOptions options = named("session");
    options.path = "/" + std::string(1023, 'p');
    EXPECT_EQ(refusal(options), "");
    options.path += 'p';
    EXPECT_TRUE(refused_for(options, "path"));

    options.path = "/";
    options.max_age = cookie_lifetime_max;
    EXPECT_EQ(refusal(options), "");
    for (const auto seconds : {cookie_lifetime_max + Seconds{1}, Seconds{0}, Seconds{-1}}) {
        options.max_age = seconds;
        EXPECT_TRUE(refused_for(options, "max_age")) << seconds.count();
    }
}

// ids: S7 C11
TEST(ValidateCookie, prefixes_are_kept_as_promised) {
    CookieOptions options;
    options.secure = false;
    EXPECT_TRUE(refused_for(options, "name")) << "__Host- without Secure";
    options = {};
    options.domain = "example.org";
    EXPECT_TRUE(refused_for(options, "name")) << "__Host- with a Domain";
    options = {};
    options.path = "/app";
    EXPECT_TRUE(refused_for(options, "name")) << "__Host- with a path";
    options = named("__Secure-id");
    options.domain = "example.org";
    options.path = "/app";
    EXPECT_EQ(refusal(options), "");
    options.secure = false;
    EXPECT_TRUE(refused_for(options, "name")) << "__Secure- without Secure";
    options = named("__Host-Http-id");
    EXPECT_EQ(refusal(options), "");
    options.http_only = false;
    EXPECT_TRUE(refused_for(options, "name")) << "__Host-Http- readable by scripts";
    for (const auto* name : {"__host-session", "__HOST-session", "__secure-id", "__http-id"}) {
        EXPECT_TRUE(refused_for(named(name), "name")) << name;
    }
}

// ids: S7 C14
TEST(ValidateCookie, same_site_none_and_partitioned_need_secure) {
    CookieOptions options = named("session");
    options.same_site = SameSite::none;
    EXPECT_EQ(refusal(options), "");
    options.partitioned = true;
    EXPECT_EQ(refusal(options), "");
    options.same_site = SameSite::lax;
    EXPECT_TRUE(refused_for(options, "partitioned"));
    options.same_site = SameSite::none;
    options.secure = false;
    EXPECT_TRUE(refused_for(options, "same_site"));
}

// ids: V11 C13
TEST(ValidateCookie, domains_are_host_names) {
    CookieOptions options = named("session");
    for (const auto* domain :
         {"example.org", ".example.org", "localhost", "xn--bcher-kva.example", "127.0.0.1"}) {
        options.domain = domain;
        EXPECT_EQ(refusal(options), "") << domain;
    }
    for (const std::string& domain :
         {std::string("."), std::string("..example.org"), std::string("example..org"),
          std::string("example.org."), std::string("-a.org"), std::string("a b.org"),
          std::string("example.org:80"), std::string(64, 'a') + ".org", std::string(254, 'a')}) {
        options.domain = domain;
        EXPECT_TRUE(refused_for(options, "domain")) << domain;
    }
}

}  // namespace
}  // namespace vedfolnir::web
