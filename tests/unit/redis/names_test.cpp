// Key names, library text and permissions: everything of the Redis layer that needs no server.
#include "redis/greeting.hpp"
#include "redis/keys.hpp"
#include "redis/library.hpp"
#include "redis/probe.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace vedfolnir::redis {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(std::string(VEDFOLNIR_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// ids: S3
TEST(Keyspace, names_are_those_of_the_document) {
    const Keyspace keys("app:");
    StoreKey key;
    key.shard = 0x2a;
    for (std::uint8_t i = 0; i < 16; ++i) key.digest[i] = i;
    UserTag user;
    for (std::uint8_t i = 0; i < 16; ++i) user.bytes[i] = static_cast<std::uint8_t>(0x2a + i);
    EXPECT_EQ(keys.record(key), "app:{2a}:AAECAwQFBgcICQoLDA0ODw");
    EXPECT_EQ(keys.user(user), "app:{2a}:user:KissLS4vMDEyMzQ1Njc4OQ");
    EXPECT_EQ(keys.epoch(user), "app:{2a}:epoch:KissLS4vMDEyMzQ1Njc4OQ");
    EXPECT_EQ(keys.expiry(0), "app:{00}:expiry");
    EXPECT_EQ(keys.dirty(0x0f), "app:{0f}:dirty");
    EXPECT_EQ(keys.mark(0xff), "app:{ff}:mark");
}

TEST(Library, shared_parts_come_before_what_uses_them) {
    const std::string& source = library_source();
    EXPECT_TRUE(source.starts_with("#!lua name=vedfolnir\n"));
    const auto last_shared = source.find("local function sweep_some");
    const auto first_function = source.find("redis.register_function");
    ASSERT_NE(last_shared, std::string::npos);
    ASSERT_NE(first_function, std::string::npos);
    EXPECT_LT(last_shared, first_function);
    EXPECT_NE(source.find("local library_version = " + std::to_string(library_version) + "\n"),
              std::string::npos);
}

// ids: C34
TEST(Permissions, example_file_is_what_the_doctor_prints) {
    EXPECT_NE(
        read_file("deploy/redis/users.acl.example").find(acl_rules("vedfolnir:session:") + "\n"),
        std::string::npos);
}

// ids: C34
TEST(Permissions, operator_may_what_the_application_may_and_two_commands_more) {
    const std::string rules = acl_rules("vedfolnir:session:");
    const std::string operators =
        "user vedfolnir-operator on >REPLACE-WITH-A-THIRD-LONG-RANDOM-PASSWORD" +
        rules.substr(rules.find(" resetkeys ")) +
        " +scan +function|load +config|get +slowlog|get\n";
    EXPECT_NE(read_file("deploy/redis/users.acl.example").find(operators), std::string::npos);
}

// ids: C34
TEST(Permissions, cover_exactly_the_commands_that_the_functions_call) {
    std::set<std::string> called{"hello",  "auth",  "ping",     "info",
                                 "select", "fcall", "fcall_ro", "client|tracking"};
    const std::string& source = library_source();
    const std::regex call("redis\\.p?call\\('([A-Z]+)'");
    for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it) {
        std::string command = (*it)[1];
        for (char& c : command) c = static_cast<char>(std::tolower(c));
        called.insert(command);
    }
    std::set<std::string> permitted;
    std::stringstream rules(acl_rules("p:"));
    for (std::string word; rules >> word;) {
        if (word.starts_with('+')) permitted.insert(word.substr(1));
    }
    EXPECT_EQ(permitted, called);
}

TEST(Greeting, credentials_are_sent_only_where_there_are_any) {
    RedisOptions options;
    EXPECT_EQ(greeting_request(options).payload().find("AUTH"), std::string_view::npos);
    options.password = "secret";
    EXPECT_NE(greeting_request(options).payload().find("AUTH\r\n$7\r\ndefault\r\n$6\r\nsecret"),
              std::string_view::npos);
    options.username = "app";
    EXPECT_NE(greeting_request(options).payload().find("AUTH\r\n$3\r\napp\r\n$6\r\nsecret"),
              std::string_view::npos);
    EXPECT_EQ(greeting_request(options).payload().find("SELECT"), std::string_view::npos);
    options.database = 3;
    EXPECT_NE(greeting_request(options).payload().find("SELECT\r\n$1\r\n3"),
              std::string_view::npos);
}

}  // namespace
}  // namespace vedfolnir::redis
