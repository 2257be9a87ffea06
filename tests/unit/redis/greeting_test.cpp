// What servers say of themselves on connecting and in INFO, in their own words.
#include "redis/greeting.hpp"
#include "redis/server_info.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace vedfolnir::redis {
namespace {

using boost::redis::resp3::node;
using boost::redis::resp3::type;

Reply map_of(std::initializer_list<std::pair<std::string_view, std::string_view>> entries) {
    std::vector<node> nodes{{type::map, entries.size(), 0, ""}};
    for (const auto& [name, value] : entries) {
        nodes.push_back({type::blob_string, 1, 1, std::string(name)});
        nodes.push_back({type::blob_string, 1, 1, std::string(value)});
    }
    return nodes;
}

Reply text_of(std::string_view text) {
    return std::vector<node>{{type::blob_string, 1, 0, std::string(text)}};
}

const Reply hello_of_redis =
    map_of({{"server", "redis"}, {"version", "7.0.15"}, {"proto", "3"}, {"role", "master"}});
const Reply hello_of_valkey =
    map_of({{"server", "valkey"}, {"version", "8.0.1"}, {"proto", "3"}, {"role", "master"}});
const Reply info_of_redis = text_of("# Server\r\nredis_version:7.0.15\r\nrun_id:aa\r\n");
// The first version is the Redis that Valkey is compatible with.
const Reply info_of_valkey =
    text_of("# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n");
const Reply info_refused = Failure{FailureKind::not_permitted, Stage::auth, "NOPERM"};

struct Case {
    const char* name;
    Reply hello;
    Reply info;
    std::string product;
    std::string version;
};

class Greeting : public testing::TestWithParam<Case> {};

// ids: S1
TEST_P(Greeting, tells_which_server_it_is) {
    const Case& each = GetParam();

    const auto server = read_greeting({each.hello, each.info}, {});

    ASSERT_TRUE(server.has_value());
    EXPECT_EQ(server->product, each.product);
    EXPECT_EQ(server->version, each.version);
}

INSTANTIATE_TEST_SUITE_P(
    Servers, Greeting,
    testing::Values(
        Case{"redis", hello_of_redis, info_of_redis, "Redis", "7.0.15"},
        Case{"valkey", hello_of_valkey, info_of_valkey, "Valkey", "8.0.1"},
        Case{"valkey_without_info", hello_of_valkey, info_refused, "Valkey", "8.0.1"},
        // extended-redis-compatibility: HELLO then calls itself a Redis of the compatible version.
        Case{"valkey_that_passes_for_redis",
             map_of({{"server", "redis"}, {"version", "7.2.4"}, {"role", "master"}}),
             info_of_valkey, "Valkey", "8.0.1"}),
    [](const auto& each) { return std::string(each.param.name); });

// ids: S42 S64
TEST(ServerInfo, names_the_server_and_its_own_version) {
    const StoreInfo redis = read_server_info(info_of_redis->front().value);
    EXPECT_EQ(redis.product, "Redis");
    EXPECT_EQ(redis.version, "7.0.15");

    const StoreInfo valkey = read_server_info(info_of_valkey->front().value);
    EXPECT_EQ(valkey.product, "Valkey");
    EXPECT_EQ(valkey.version, "8.0.1");

    EXPECT_TRUE(read_server_info("").product.empty());
}

}  // namespace
}  // namespace vedfolnir::redis
