// The shared connection in trouble: late answers, restarts, lost functions, and what it costs in commands.
#include "integration/redis_harness.hpp"
#include "redis/library.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vedfolnir::test {
namespace {

using async::CreateStatus;
using async::SaveStatus;
using async::TouchStatus;
using Clock = std::chrono::steady_clock;

/// `id=…` of our one connection as the server lists it; it tells whether a connection is still the same.
std::string connection_id(RedisServer& server) {
    const std::string list = server.admin({"CLIENT", "LIST"}).text;
    const auto name = list.find("name=vedfolnir ");
    if (name == std::string::npos) return "";
    const auto start = list.rfind("id=", name);
    return list.substr(start, list.find(' ', start) - start);
}

// ids: S1 S78
TEST(RedisConnection, nothing_connects_before_the_first_call) {
    RedisServer server;
    const auto clients = [&] {
        const std::string text = server.admin({"INFO", "clients"}).text;
        const auto start = text.find("connected_clients:");
        return text.substr(start, text.find('\r', start) - start);
    };
    const std::string before = clients();
    StoreAtWork at_work(over_socket(server));
    EXPECT_EQ(clients(), before);
    EXPECT_EQ(at_work.commands(), 0U);
}

// ids: S78
TEST(RedisConnection, first_contact_waits_for_a_server_that_comes_in_time) {
    // Nothing answers at first, but nothing refuses either: the process is stopped.
    RedisServer server;
    server.freeze();
    StoreAtWork at_work(over_socket(server));
    auto loaded = at_work.begin(at_work.store().load(Stored{1}.key, deadline_in(Millis{10'000})));
    EXPECT_EQ(loaded.wait_for(Millis{100}), std::future_status::timeout);
    server.thaw();
    const auto result = loaded.get();
    EXPECT_TRUE(result) << result.error().detail;
}

// ids: S95
TEST(RedisConnection, known_down_fails_at_once_with_the_remembered_reason) {
    RedisOptions options;
    options.unix_socket = "/no/such/socket";
    StoreAtWork at_work(options);
    ASSERT_FALSE(at_work.load(Stored{1}));
    const auto start = Clock::now();
    for (int i = 0; i < 100; ++i) {
        const auto loaded = at_work.load(Stored{1});
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().code, Errc::store_unavailable);
        EXPECT_NE(loaded.error().detail.find("Unix socket"), std::string::npos);
    }
    EXPECT_LT(Clock::now() - start, Millis{1000}) << "a hundred refusals, none of them waited";
}

// ids: S32
TEST(RedisConnection, a_deadline_ends_one_request_and_spares_the_connection) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));
    const std::string id_before = connection_id(server);

    server.freeze();
    auto& store = at_work.store();
    const auto start = Clock::now();
    auto late = at_work.begin(store.load(record.key, deadline_in(Millis{100})));
    const auto refused = late.get();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::deadline_exceeded);
    EXPECT_LT(Clock::now() - start, Millis{600});
    // A second request is on its way on the same connection when the server wakes.
    auto other = at_work.begin(store.touch(record.key, Millis{60'000}, deadline_in(Millis{5000})));
    server.thaw();
    const auto touched = other.get();
    ASSERT_TRUE(touched) << touched.error().detail;
    EXPECT_EQ(*touched, TouchStatus::touched);
    // The late reply was thrown away, not handed to somebody else.
    const auto loaded = at_work.load(record);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->value().size(), record.bytes().size());
    EXPECT_EQ(connection_id(server), id_before);
}

// ids: S32
TEST(RedisConnection, a_long_silence_gives_the_connection_up_and_it_comes_back) {
    RedisServer server;
    RedisOptions options = over_socket(server);
    options.connect_timeout = Millis{300};
    StoreAtWork at_work(options);
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));
    server.freeze();
    ASSERT_TRUE(eventually([&] {
        const auto loaded = at_work.load(record, Millis{300});
        return !loaded && loaded.error().code == Errc::store_unavailable;
    })) << "after a while the answer comes at once, with a reason";
    server.thaw();
    EXPECT_TRUE(eventually([&] {
        const auto loaded = at_work.load(record);
        return loaded && loaded->has_value();
    }));
}

// ids: S32 S78
TEST(RedisConnection, a_restart_is_survived) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    ASSERT_TRUE(at_work.create(Stored{1}));
    const std::string incarnation = at_work.store().server().incarnation;
    server.kill();
    EXPECT_TRUE(eventually([&] { return !at_work.load(Stored{1}); }))
        << "down is an error, not empty";
    server.start();
    ASSERT_TRUE(eventually([&] { return at_work.load(Stored{1}).has_value(); }));
    // Without persistence data and functions are gone; the functions come back by themselves.
    EXPECT_FALSE(at_work.load(Stored{1})->has_value());
    const auto created = at_work.create(Stored{1});
    ASSERT_TRUE(created) << created.error().detail;
    EXPECT_EQ(*created, CreateStatus::created);
    EXPECT_NE(at_work.store().server().incarnation, incarnation);
}

// ids: S78
TEST(RedisConnection, a_killed_connection_costs_no_request) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const Stored record{1};
    EXPECT_EQ(at_work.store().connection_number(), 0U);
    ASSERT_TRUE(at_work.create(record));
    for (std::uint64_t connection = 1; connection <= 5; ++connection) {
        EXPECT_EQ(at_work.store().connection_number(), connection);
        server.admin({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        const auto loaded = at_work.load(record);
        ASSERT_TRUE(loaded) << loaded.error().detail;
        EXPECT_TRUE(loaded->has_value());
    }
}

// ids: S78
TEST(RedisConnection, lost_functions_are_loaded_again) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    ASSERT_TRUE(at_work.create(Stored{1}));
    server.admin({"FUNCTION", "FLUSH"});
    const auto touched = at_work.touch(Stored{1});
    ASSERT_TRUE(touched) << touched.error().detail;
    EXPECT_EQ(*touched, TouchStatus::touched);
    EXPECT_EQ(server.admin({"FUNCTION", "LIST"}).items.size(), 1U);
}

// ids: S78
TEST(RedisConnection, lost_functions_that_may_not_be_loaded_are_named) {
    RedisServer server({.acl = {"user app on >secret ~* &* +@all -function"}});
    ASSERT_FALSE(server.admin({"FUNCTION", "LOAD", redis::library_source()}).failed());
    RedisOptions options = over_socket(server);
    options.username = "app";
    options.password = "secret";
    StoreAtWork at_work(options);
    ASSERT_TRUE(at_work.create(Stored{1}));
    server.admin({"FUNCTION", "FLUSH"});
    const auto touched = at_work.touch(Stored{1});
    ASSERT_FALSE(touched);
    EXPECT_EQ(touched.error().code, Errc::not_installed);
    EXPECT_NE(touched.error().detail.find("vedfolnir redis install"), std::string::npos);
    ASSERT_TRUE(at_work.load(Stored{1})) << "loads need no function";
    ASSERT_FALSE(server.admin({"FUNCTION", "LOAD", redis::library_source()}).failed());
    EXPECT_TRUE(at_work.touch(Stored{1}));
}

// ids: C08
TEST(RedisConnection, out_of_memory_still_touches_and_ends) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    Stored record{1};
    record.header.user.bytes.fill(0);
    ASSERT_TRUE(at_work.create(record));
    server.admin({"CONFIG", "SET", "maxmemory", "1"});

    auto& store = at_work.store();
    const auto created = at_work.create(Stored{2});
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, Errc::store_unavailable);
    EXPECT_TRUE(at_work.load(record).value().has_value());
    const auto touched = at_work.touch(record);
    ASSERT_TRUE(touched) << touched.error().detail;
    EXPECT_EQ(*touched, TouchStatus::touched);

    async::EndOrder order;
    order.shard = 0x2a;
    order.user.bytes.fill(0x2a);
    order.whole_user = true;
    order.epoch = 5;
    order.sequence = 1;
    const auto ended = at_work.run(store.end(order, deadline_in(Millis{5000})));
    ASSERT_TRUE(ended) << ended.error().detail;
    EXPECT_EQ(ended->mark, 1U);
    async::EndOrder one;
    one.keys = {record.key};
    EXPECT_EQ(at_work.run(store.end(one, deadline_in(Millis{5000})))->removed, 1U);
    EXPECT_FALSE(at_work.load(record).value().has_value());
}

// ids: S3 S14
TEST(RedisConnection, every_operation_is_one_command_and_all_are_counted) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    auto& store = at_work.store();
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));

    const auto of = [&](const std::function<void()>& operation) {
        const auto before = at_work.commands();
        server.admin({"CONFIG", "RESETSTAT"});
        operation();
        const auto ended = at_work.commands() - before;
        // GETs inside functions are counted as GETs too, and our own INFO is not theirs.
        return std::pair(ended, server.calls("fcall") + server.calls("fcall_ro"));
    };
    using Cost = std::pair<std::uint64_t, std::int64_t>;
    const auto soon = [] { return deadline_in(Millis{5000}); };
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.load(record)); }), Cost(1, 0));
    EXPECT_EQ(server.calls("get"), 1);
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.create(Stored{2})); }), Cost(1, 1));
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.touch(record)); }), Cost(1, 1));
    Stored next = record;
    next.header.generation = 2;
    next.header.operation.fill(9);
    EXPECT_EQ(of([&] {
                  EXPECT_TRUE(
                      at_work.run(store.save(record.key, 1, next.bytes(), Millis{60'000}, soon())));
              }),
              Cost(1, 1));
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.run(store.erase(record.key, "", Millis{0}, soon()))); }),
              Cost(1, 1));
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.run(store.end(async::EndOrder{}, soon()))); }),
              Cost(1, 1));
    UserTag user;
    user.bytes.fill(7);
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.run(store.list_user(user, soon()))); }), Cost(1, 1));
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.run(store.now(soon()))); }), Cost(0, 0))
        << "the replies so far carried the time";
    EXPECT_EQ(of([&] { EXPECT_TRUE(at_work.run(store.marks(soon()))); }), Cost(256, 0));

    // And a whole life of a connection: what the server counted is what we counted.
    StoreAtWork second(over_socket(server));
    server.admin({"CONFIG", "RESETSTAT"});
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(second.load(Stored{2}));
    EXPECT_EQ(server.calls("info"), 1) << "asked first: asking counts as well";
    EXPECT_EQ(server.calls("hello") + server.calls("fcall_ro") + server.calls("get"), 52);
    EXPECT_EQ(second.commands(), 53U);
    EXPECT_EQ(server.calls("ping") + server.calls("client|setname") + server.calls("fcall"), 0);
}

// ids: S3
TEST(RedisConnection, a_read_costs_the_same_whatever_is_stored) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));
    const auto fill = server.client();
    for (int i = 0; i < 20'000; ++i) {
        fill->send({"SET", "vedfolnir:session:{00}:" + std::to_string(i), "x"});
    }
    for (int i = 0; i < 20'000; ++i) static_cast<void>(fill->receive());
    const auto before = at_work.commands();
    server.admin({"CONFIG", "RESETSTAT"});
    ASSERT_TRUE(at_work.load(record));
    EXPECT_EQ(at_work.commands() - before, 1U);
    EXPECT_EQ(server.calls("get"), 1);
    EXPECT_EQ(server.calls("keys") + server.calls("scan"), 0);
}

// ids: S1
TEST(RedisConnection, five_hundred_callers_share_one_connection) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));
    std::vector<std::future<Result<std::optional<std::string>>>> loads;
    for (int i = 0; i < 500; ++i) {
        loads.push_back(at_work.begin(at_work.store().load(record.key, deadline_in(Millis{5000}))));
    }
    for (auto& load : loads) {
        const auto loaded = load.get();
        ASSERT_TRUE(loaded) << loaded.error().detail;
        EXPECT_TRUE(loaded->has_value());
    }
    const std::string clients = server.admin({"CLIENT", "LIST"}).text;
    std::size_t ours = 0;
    for (auto at = clients.find("name=vedfolnir "); at != std::string::npos;
         at = clients.find("name=vedfolnir ", at + 1)) {
        ++ours;
    }
    EXPECT_EQ(ours, 1U);
}

// ids: S22
TEST(RedisConnection, parallel_writers_lose_nothing) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const Stored origin{1};
    ASSERT_TRUE(at_work.create(origin));
    // Each round, many savers expect the same generation: exactly one may win.
    for (std::uint64_t generation = 1; generation <= 20; ++generation) {
        std::vector<std::future<Result<async::SaveReply>>> saves;
        for (std::uint8_t writer = 1; writer <= 16; ++writer) {
            Stored next = origin;
            next.header.generation = generation + 1;
            next.header.operation.fill(0);
            next.header.operation[0] = writer;
            next.header.operation[1] = static_cast<std::uint8_t>(generation);
            saves.push_back(at_work.begin(at_work.store().save(
                origin.key, generation, next.bytes(), Millis{60'000}, deadline_in(Millis{5000}))));
        }
        std::size_t won = 0;
        for (auto& save : saves) {
            const auto reply = save.get();
            ASSERT_TRUE(reply) << reply.error().detail;
            if (reply->status == SaveStatus::saved) ++won;
        }
        EXPECT_EQ(won, 1U);
    }
}

// ids: C04 S8
TEST(RedisConnection, time_is_the_servers_and_records_outlive_no_persist) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    const auto ours = at_work.run(at_work.store().now(deadline_in(Millis{5000})));
    ASSERT_TRUE(ours);
    const auto time = server.admin({"TIME"});
    const TimePoint theirs(Millis(std::stoll(time.items.at(0).text) * 1000 +
                                  std::stoll(time.items.at(1).text) / 1000));
    EXPECT_LE(*ours, theirs);
    EXPECT_GT(*ours, theirs - Millis{2000});
    EXPECT_EQ(at_work.store().clock().ahead(), Millis{0});
}

}  // namespace
}  // namespace vedfolnir::test
