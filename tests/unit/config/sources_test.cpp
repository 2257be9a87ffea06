// Precedence between arguments, environment, file and framework; *_FILE; URLs against single variables.
#include "config/dotenv.hpp"
#include "config/keys.hpp"
#include "config/redis_url.hpp"
#include "config/settings.hpp"
#include "config/text.hpp"
#include "config/toml_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vedfolnir::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* good_key = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M=";

Input input(TextMap environment) {
    Input out;
    out.environment = std::move(environment);
    out.environment.try_emplace("HOME", "/srv/somebody");
    out.environment.try_emplace("VEDFOLNIR_KEY", good_key);
    out.read_file = [](const std::string& path) -> Result<std::string> {
        if (path == "/run/secrets/redis") return std::string("from a file\n");
        if (path == "/run/secrets/url") return std::string("redis://u:p@cache:6390/1\n");
        if (path == "/run/secrets/empty") return std::string("\n");
        return Error{Errc::bad_options, "cannot read " + path + ": No such file or directory"};
    };
    return out;
}

// ids: S9
TEST(sources, argument_beats_environment_beats_file_beats_framework) {
    auto in = input({{"REDIS_SESSION_PREFIX", "e:"}, {"SESSION_COOKIE_NAME", "e"}});
    in.arguments = {{"redis_session_prefix", "a:"}};
    in.file =
        "[redis]\nsession_prefix = \"f:\"\ndb = 7\n[session.cookie]\nname = \"f\"\npath = \"/f\"\n";
    in.framework = TextMap{{"SESSION_COOKIE_NAME", "w"},
                           {"SESSION_COOKIE_PATH", "/w"},
                           {"SESSION_COOKIE_SAMESITE", "Strict"}};
    const auto settings = resolve(in);
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.options.redis.prefix, "a:");
    EXPECT_EQ(settings.options.cookie.name, "e");
    EXPECT_EQ(settings.options.cookie.path, "/f");
    EXPECT_EQ(settings.options.redis.database, 7U);
    EXPECT_EQ(settings.options.cookie.same_site, SameSite::strict);
    EXPECT_EQ(settings.find("REDIS_SESSION_PREFIX")->source, Source::argument);
    EXPECT_EQ(settings.find("SESSION_COOKIE_NAME")->source, Source::environment);
    EXPECT_EQ(settings.find("SESSION_COOKIE_PATH")->source, Source::file);
    EXPECT_EQ(settings.find("SESSION_COOKIE_SAMESITE")->source, Source::framework);
    EXPECT_EQ(settings.find("SESSION_COOKIE_HTTPONLY")->source, Source::built_in);
}

// ids: S5 S11
TEST(sources, flasks_own_defaults_do_not_weaken_ours) {
    auto in = input({});
    in.framework = TextMap{
        {"SESSION_COOKIE_NAME", "session"},        {"SESSION_COOKIE_SECURE", "false"},
        {"SESSION_COOKIE_HTTPONLY", "true"},       {"SESSION_COOKIE_SAMESITE", ""},
        {"PERMANENT_SESSION_LIFETIME", "2678400"}, {"SESSION_REFRESH_EACH_REQUEST", "true"}};
    const auto settings = resolve(in);
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.options.cookie.name, "session");
    EXPECT_TRUE(settings.options.cookie.secure);
    EXPECT_EQ(settings.options.cookie.same_site, SameSite::lax);
    EXPECT_FALSE(settings.permanent_lifetime.has_value());
}

// ids: S9
TEST(sources, a_secret_is_read_from_its_file) {
    const auto settings = resolve(input({{"REDIS_PASSWORD_FILE", "/run/secrets/redis"}}));
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.options.redis.password, "from a file");
    EXPECT_EQ(settings.find("REDIS_PASSWORD")->value, "********");
    EXPECT_EQ(settings.find("REDIS_PASSWORD")->note, "from REDIS_PASSWORD_FILE");
    EXPECT_EQ(resolve(input({{"REDIS_URL_FILE", "/run/secrets/url"}})).options.redis.host, "cache");
}

// ids: S9
TEST(sources, a_value_and_its_file_exclude_each_other) {
    EXPECT_THAT(
        resolve(input({{"REDIS_PASSWORD_FILE", "/run/secrets/redis"}, {"REDIS_PASSWORD", "x"}}))
            .errors,
        ElementsAre(AllOf(HasSubstr("REDIS_PASSWORD and"), HasSubstr("REDIS_PASSWORD_FILE"))));
    auto in = input({{"REDIS_PASSWORD", "x"}});
    in.file = "[redis]\npassword_file = \"/run/secrets/redis\"\n";
    EXPECT_THAT(resolve(in).errors, ElementsAre(HasSubstr("REDIS_PASSWORD_FILE")));
    EXPECT_THAT(
        resolve(input({{"REDIS_PASSWORD_FILE", "/run/secrets/redis"}, {"REDIS_PASSWORD", ""}}))
            .errors,
        IsEmpty());
}

// ids: S9
TEST(sources, a_missing_or_empty_secret_file_is_named) {
    EXPECT_THAT(resolve(input({{"REDIS_PASSWORD_FILE", "/nowhere"}})).errors,
                ElementsAre(AllOf(HasSubstr("REDIS_PASSWORD_FILE"), HasSubstr("/nowhere"))));
    EXPECT_THAT(resolve(input({{"REDIS_PASSWORD_FILE", "/run/secrets/empty"}})).errors,
                ElementsAre(HasSubstr("is empty")));
}

// ids: S9
TEST(sources, a_comment_in_a_secret_is_not_guessed) {
    const auto settings = resolve(input({{"REDIS_PASSWORD", "abc #def"}}));
    EXPECT_THAT(settings.errors,
                ElementsAre(AllOf(HasSubstr("REDIS_PASSWORD"), Not(HasSubstr("abc")))));
    EXPECT_EQ(resolve(input({{"REDIS_PASSWORD", "\"abc #def\""}})).options.redis.password,
              "abc #def");
    EXPECT_EQ(resolve(input({{"REDIS_PASSWORD", "#abc"}})).options.redis.password, "#abc");
}

struct Contradiction {
    const char* url;
    const char* name;
    const char* value;
};

class EachContradiction : public testing::TestWithParam<Contradiction> {};

// ids: S9 S1
TEST_P(EachContradiction, stops_the_start_naming_both) {
    const auto settings =
        resolve(input({{"REDIS_URL", GetParam().url}, {GetParam().name, GetParam().value}}));
    EXPECT_THAT(settings.errors,
                ElementsAre(AllOf(HasSubstr("REDIS_URL"), HasSubstr(GetParam().name),
                                  Not(HasSubstr("s3cret")))));
}

INSTANTIATE_TEST_SUITE_P(sources, EachContradiction,
                         testing::Values(Contradiction{"redis://a", "REDIS_HOST", "b"},
                                         Contradiction{"redis://a:1", "REDIS_PORT", "2"},
                                         Contradiction{"redis://a/1", "REDIS_DB", "2"},
                                         Contradiction{"redis://a", "REDIS_SSL", "true"},
                                         Contradiction{"rediss://a", "REDIS_SSL", "false"},
                                         Contradiction{"redis://:s3cret@a", "REDIS_PASSWORD",
                                                       "other"},
                                         Contradiction{"redis://u:s3cret@a", "REDIS_USERNAME", "v"},
                                         Contradiction{"unix:///r.sock", "REDIS_HOST", "b"},
                                         Contradiction{"unix:///r.sock", "REDIS_SSL", "true"}));

// ids: S9
TEST(sources, equal_values_and_what_the_url_leaves_open_are_fine) {
    auto settings = resolve(input({{"REDIS_URL", "redis://Cache"},
                                   {"REDIS_HOST", "cache"},
                                   {"REDIS_PORT", "6390"},
                                   {"REDIS_PASSWORD", "pw"},
                                   {"REDIS_SESSION_PREFIX", "p:"},
                                   {"REDIS_SSL", "no"}}));
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.options.redis.host, "cache");
    EXPECT_EQ(settings.options.redis.port, 6390);
    EXPECT_EQ(settings.options.redis.password, "pw");
    EXPECT_EQ(settings.options.redis.prefix, "p:");
}

// ids: S9
TEST(sources, an_argument_beats_the_environments_url) {
    auto in = input({{"REDIS_URL", "redis://a:1/2"}});
    in.arguments = {{"redis_host", "b"}};
    const auto settings = resolve(in);
    EXPECT_THAT(settings.errors, IsEmpty());
    EXPECT_EQ(settings.options.redis.host, "b");
    EXPECT_EQ(settings.options.redis.port, 1);
    EXPECT_THAT(settings.warnings, Contains(HasSubstr("REDIS_HOST wins")));
}

// ids: S9
TEST(sources, an_unknown_argument_is_an_error) {
    auto in = input({});
    in.arguments = {{"redis_hots", "b"}};
    EXPECT_THAT(resolve(in).errors,
                ElementsAre(AllOf(HasSubstr("redis_hots"), HasSubstr("redis_host?"))));
    in.arguments = {{"state_dir", "/s"}, {"cookie_name", "c"}};
    const auto settings = resolve(in);
    EXPECT_EQ(settings.options.state_dir, "/s");
    EXPECT_EQ(settings.options.cookie.name, "c");
}

// ids: S9 S1
TEST(sources, certificate_options_need_tls_and_each_other) {
    EXPECT_THAT(resolve(input({{"REDIS_SSL_CA_CERTS", "/run/secrets/redis"}})).warnings,
                Contains(HasSubstr("only with TLS")));
    auto settings =
        resolve(input({{"REDIS_URL", "rediss://a"}, {"REDIS_SSL_CERTFILE", "/run/secrets/redis"}}));
    EXPECT_THAT(settings.errors, ElementsAre(HasSubstr("REDIS_SSL_KEYFILE")));
    settings = resolve(
        input({{"REDIS_URL", "rediss://a?ssl_ca_certs=/run/secrets/redis&ssl_cert_reqs=none"}}));
    EXPECT_THAT(settings.errors, IsEmpty());
    ASSERT_TRUE(settings.options.redis.tls);
    EXPECT_EQ(settings.options.redis.tls->ca_file, "/run/secrets/redis");
    EXPECT_FALSE(settings.options.redis.tls->verify);
    EXPECT_THAT(settings.warnings, Contains(HasSubstr("REDIS_SSL_CERT_REQS=none")));
    EXPECT_THAT(
        resolve(input({{"REDIS_URL", "rediss://a"}, {"REDIS_SSL_CA_CERTS", "/nowhere"}})).errors,
        ElementsAre(HasSubstr("REDIS_SSL_CA_CERTS")));
}

struct UrlRow {
    const char* url;
    const char* problem;  ///< Part of the message; null: accepted.
};

class EachUrl : public testing::TestWithParam<UrlRow> {};

// ids: S1 S9
TEST_P(EachUrl, is_accepted_or_refused_in_words) {
    const auto url = parse_redis_url(GetParam().url);
    if (GetParam().problem == nullptr) {
        EXPECT_TRUE(url.has_value()) << url.error().detail;
    } else {
        ASSERT_FALSE(url.has_value());
        EXPECT_THAT(url.error().detail,
                    AllOf(HasSubstr(GetParam().problem), Not(HasSubstr("s3cret"))));
    }
}

INSTANTIATE_TEST_SUITE_P(
    sources, EachUrl,
    testing::Values(
        UrlRow{"redis://localhost:6379/0", nullptr}, UrlRow{"redis://", nullptr},
        UrlRow{"redis://h?db=3", nullptr}, UrlRow{"redis://[::1]:6379/1", nullptr},
        UrlRow{"rediss://u:p%40s@h", nullptr}, UrlRow{"unix:///run/redis.sock?db=2", nullptr},
        UrlRow{"redis+socket:///run/redis.sock", nullptr},
        UrlRow{"unix://u:p@/run/redis@1.sock", nullptr},
        UrlRow{"redis+sentinel://a:1,b:2/mymaster", "Sentinel"},
        UrlRow{"redis+cluster://a:1", "Cluster"}, UrlRow{"redis://a:1,b:2", "several hosts"},
        UrlRow{"http://a", "scheme"}, UrlRow{"localhost:6379", "begins with"},
        UrlRow{"redis://a:0", "port"}, UrlRow{"redis://a/x", "database"},
        UrlRow{"redis://a/1?db=2", "different databases"}, UrlRow{"redis://:s3cret/x@a", "%2F"},
        UrlRow{"redis://:s3cret#x@a", "%23"}, UrlRow{"redis://:%zz@a", "escape"},
        UrlRow{"redis://::1", "[::1]"}, UrlRow{"unix://run/redis.sock", "three slashes"},
        UrlRow{"redis://a b", "white space"}, UrlRow{":s3cret@h/0?next=redis://h", "begins with"},
        UrlRow{"unix:///run/redis%00.sock", "control character"}));

// ids: S9 S59
TEST(sources, a_password_in_a_url_is_never_shown) {
    EXPECT_EQ(masked_url("redis://u:s3cret@h:1/0"), "redis://u:********@h:1/0");
    EXPECT_EQ(masked_url("redis://:s3/c@r3t@h"), "redis://:********@h");
    EXPECT_EQ(masked_url("postgresql://u:s3cret@h/d?sslmode=require"),
              "postgresql://u:********@h/d?sslmode=require");
    EXPECT_EQ(masked_url("redis://h/0?password=s3cret&db=1"), "redis://h/0?password=********&db=1");
    EXPECT_EQ(masked_url("redis://h?PassWord=s3cret"), "redis://h?PassWord=********");
    EXPECT_EQ(masked_url("redis://h?db=1&p%61ssword=s3cret&x"),
              "redis://h?db=1&p%61ssword=********&x");
    EXPECT_EQ(masked_url("redis://h:1/0?password=s3@s3cret&db=1"), "redis://h:********&db=1");
    EXPECT_EQ(masked_url("s3cret"), "********");
    EXPECT_EQ(masked_url("redis://h/0"), "redis://h/0");
    const auto settings = resolve(input({{"REDIS_URL", "redis://u:s3cret@h"}}));
    for (const auto& value : settings.values)
        EXPECT_THAT(value.value, Not(HasSubstr("s3cret"))) << value.name;
}

// ids: S9 S59
TEST(sources, a_broken_configuration_file_is_named_without_its_contents) {
    for (const auto* value : {"98765432109876543210", "\"98765432109876543210", "tr98765432"}) {
        auto in = input({});
        in.file = std::string("[redis]\npassword = ") + value + "\n";
        EXPECT_THAT(resolve(in).errors,
                    ElementsAre(AllOf(HasSubstr("line 2"), Not(HasSubstr("98765432")))));
    }
}

// ids: S9
TEST(sources, a_stray_character_in_a_table_header_is_an_error_like_any_other) {
    for (const auto* header : {"[(redis]", "[[(keys]]", "[redis.(]"}) {
        auto in = input({});
        in.file = header;
        EXPECT_THAT(resolve(in).errors, ElementsAre(HasSubstr("line 1")));
        const auto ring = parse_key_ring(header, in.read_file);
        ASSERT_FALSE(ring.has_value());
        EXPECT_THAT(ring.error().detail, HasSubstr("line 1"));
    }
}

// ids: S9
TEST(sources, a_configuration_file_is_ascii_but_for_strings_and_comments) {
    auto in = input({});
    in.file = "# größer\n[vedfolnir]\nstate_dir = '/é'  # é\n[redis]\npassword = \"\\\"é\"\n";
    EXPECT_THAT(resolve(in).errors, IsEmpty());
    in.file = "[redis]\nurl = 1\nsessS\u00ec = 1\n";
    EXPECT_THAT(resolve(in).errors,
                ElementsAre(AllOf(HasSubstr("line 3 column 6"), HasSubstr("not ASCII"))));
    in.file = "[redis]\nprefix = \"\"\"\n\u00e9\"\"\"\n";
    EXPECT_THAT(resolve(in).errors, ElementsAre(HasSubstr("line 3")));
}

// ids: S9
TEST(sources, database_urls) {
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "sqlite:///relative.db"}})).errors,
                IsEmpty());
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "postgresql://u:s3cret@h/d"}})).errors,
                IsEmpty());
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "mysql+pymysql://h/d"}})).errors,
                IsEmpty());
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "postgresql://u:s3cret@h"}})).errors,
                ElementsAre(AllOf(HasSubstr("SESSION_DATABASE_URL"), HasSubstr("names no database"),
                                  Not(HasSubstr("s3cret")))));
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "sqlite:///a%00b.db"}})).errors,
                ElementsAre(HasSubstr("control character")));
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "sqlite://"}})).errors,
                ElementsAre(HasSubstr("slashes")));
    EXPECT_THAT(resolve(input({{"SESSION_DATABASE_URL", "sqlite:///:memory:"}})).errors,
                ElementsAre(HasSubstr("in-memory")));
}

// ids: S9
TEST(sources, a_broken_file_is_an_error_with_its_line) {
    auto in = input({});
    in.file = "[redis]\nhost = \n";
    EXPECT_THAT(resolve(in).errors, ElementsAre(HasSubstr("line 2")));
    in.file = "[redis]\nhoost = \"a\"\n";
    EXPECT_THAT(resolve(in).warnings, ElementsAre(HasSubstr("REDIS_HOST")));
    EXPECT_THAT(resolve(input({{"VEDFOLNIR_CONFIG", "/nowhere.toml"}})).errors,
                ElementsAre(HasSubstr("VEDFOLNIR_CONFIG")));
}

// ids: S9 S59
TEST(dotenv, the_documents_file_is_read_as_meant) {
    const auto values = parse_dotenv("# Redis Connection\n"
                                     "REDIS_URL=redis://localhost:6379/0\r\n"
                                     "REDIS_PASSWORD=  # Optional\n"
                                     "export REDIS_SESSION_TIMEOUT=7200  # 2 hours\n"
                                     "\n"
                                     "A='single # quoted'   # comment\n"
                                     "B=\"double \\\"quoted\\\" \\n\"\n"
                                     "C = spaced out \n"
                                     "D=a#b\n");
    ASSERT_TRUE(values.has_value()) << values.error().detail;
    EXPECT_EQ(values->at("REDIS_URL"), "redis://localhost:6379/0");
    EXPECT_EQ(values->at("REDIS_PASSWORD"), "");
    EXPECT_EQ(values->at("REDIS_SESSION_TIMEOUT"), "7200");
    EXPECT_EQ(values->at("A"), "single # quoted");
    EXPECT_EQ(values->at("B"), "double \"quoted\" \n");
    EXPECT_EQ(values->at("C"), "spaced out");
    EXPECT_EQ(values->at("D"), "a#b");
}

// ids: S59
TEST(dotenv, a_bad_line_is_named_without_its_content) {
    for (const auto* text : {"A=1\ns3cret\n", "A=1\n1A=s3cret\n", "A=1\nB=\"s3cret\n",
                             "A=1\nB='s3cret\n", "A=1\nB='x' s3cret\n"}) {
        const auto values = parse_dotenv(text);
        ASSERT_FALSE(values.has_value()) << text;
        EXPECT_THAT(values.error().detail, AllOf(HasSubstr("line 2"), Not(HasSubstr("s3cret"))));
    }
}

// ids: S9
TEST(text, booleans_numbers_and_near_misses) {
    for (const auto* yes : {"true", "TRUE", "1", "yes", "On"})
        EXPECT_EQ(parse_boolean(yes), true) << yes;
    for (const auto* no : {"false", "False", "0", "no", "OFF"})
        EXPECT_EQ(parse_boolean(no), false) << no;
    EXPECT_EQ(parse_boolean("t"), std::nullopt);
    EXPECT_EQ(parse_integer("7200"), 7200);
    for (const auto* bad : {"", "+1", "-1", " 1", "1 ", "0x1", "1e3", "9223372036854775808"}) {
        EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(nearest("REDIS_HSOT", {"REDIS_HOST", "REDIS_PORT"}), "REDIS_HOST");
    EXPECT_EQ(nearest("COMPLETELY_OTHER", {"REDIS_HOST"}), std::nullopt);
    EXPECT_THAT(parse_list(" a, ,b,"), ElementsAre("a", "b"));
}

// ids: S59 S95
TEST(sources, a_fault_of_a_file_is_said_in_whole_words_and_without_its_contents) {
    const auto fault = [](std::string_view text) { return parse_toml(text).error().detail; };
    EXPECT_THAT(fault("redis_port 6379\n"), EndsWith("expected '='"));
    EXPECT_THAT(fault("a = 1 b = 2\n"), EndsWith("expected a comment or whitespace"));
    EXPECT_THAT(fault("password = \"a\"\npassword = \"b\"\n"),
                EndsWith("cannot redefine existing string"));
    for (const auto* text : {"redis_port 6379\n", "a = 1\n= 5\n", "[redis\nport=1\n"})
        EXPECT_THAT(fault(text), Not(HasSubstr("…"))) << text;
}

}  // namespace
}  // namespace vedfolnir::config
