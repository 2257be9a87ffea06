// One fixture for each way a connection to Redis fails, and the one plain message it gives (S95).
#include "integration/redis_harness.hpp"
#include "redis/library.hpp"
#include "redis/probe.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>
#include <thread>

namespace vedfolnir::test {
namespace {

namespace asio = boost::asio;
using redis::FailureKind;
using redis::ProbeReport;
using redis::ProbeStep;
using testing::ElementsAre;

std::vector<ProbeStep> steps(const ProbeReport& report) {
    std::vector<ProbeStep> all;
    for (const auto& step : report.steps) all.push_back(step.step);
    return all;
}

/// Fails at `step` for `kind`, says so plainly, and a store over the same settings gives the same reason.
void expect_failure(const RedisOptions& options, ProbeStep step, FailureKind kind,
                    Errc code = Errc::store_unavailable) {
    const ProbeReport report = redis::probe(options);
    ASSERT_FALSE(report.steps.empty());
    const auto& last = report.steps.back();
    EXPECT_FALSE(report.passed());
    EXPECT_EQ(last.step, step) << to_string(last.step) << ": " << last.detail;
    ASSERT_TRUE(last.failure.has_value());
    EXPECT_EQ(*last.failure, kind) << to_string(*last.failure) << ": " << last.detail;
    EXPECT_EQ(last.message, redis::describe(kind));
    for (std::size_t i = 0; i + 1 < report.steps.size(); ++i) EXPECT_TRUE(report.steps[i].passed);

    if (step >= ProbeStep::write || step == ProbeStep::ping) return;
    StoreAtWork at_work(options);
    const auto loaded = at_work.load(Stored{1});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, code) << loaded.error().detail;
    EXPECT_NE(loaded.error().detail.find(redis::describe(kind)), std::string::npos)
        << loaded.error().detail;
}

RedisOptions over_tls(const RedisServer& server) {
    RedisOptions options;
    options.host = "localhost";
    options.port = server.port();
    options.tls.emplace();
    options.tls->ca_file = server.certificates().ca();
    return options;
}

// ids: S95 S78
TEST(RedisProbe, passes_every_step_on_a_good_server_and_leaves_nothing) {
    RedisServer server({.tcp = true});
    const ProbeReport report = redis::probe(over_tcp(server));
    EXPECT_TRUE(report.passed()) << report.steps.back().message << report.steps.back().detail;
    EXPECT_THAT(steps(report), ElementsAre(ProbeStep::resolve, ProbeStep::connect, ProbeStep::auth,
                                           ProbeStep::ping, ProbeStep::functions, ProbeStep::write,
                                           ProbeStep::read, ProbeStep::erase));
    EXPECT_EQ(report.library_version, redis::library_version);
    EXPECT_EQ(report.role, "master");
    EXPECT_FALSE(report.server_version.empty());
    EXPECT_EQ(server.admin({"DBSIZE"}).integer, 0);
}

// ids: S95
TEST(RedisFailures, unknown_name) {
    RedisOptions options;
    options.host = "no-such-host.invalid";
    expect_failure(options, ProbeStep::resolve, FailureKind::name_unknown);
}

// ids: S95
TEST(RedisFailures, refused) {
    RedisOptions options;
    options.host = "127.0.0.1";
    options.port = free_port();
    expect_failure(options, ProbeStep::connect, FailureKind::refused);
}

// ids: S95
TEST(RedisFailures, no_answer_from_a_stopped_server) {
    RedisServer server({.tcp = true});
    server.freeze();
    RedisOptions options = over_tcp(server);
    options.connect_timeout = Millis{300};
    expect_failure(options, ProbeStep::auth, FailureKind::no_answer);
}

// What is no Redis must not fill the memory of the process.
// ids: F16 S95
TEST(RedisFailures, an_answer_that_does_not_end_is_cut_off) {
    asio::io_context loop;
    asio::ip::tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
    std::size_t sent = 0;
    std::thread server([&] {
        auto peer = acceptor.accept();
        boost::system::error_code error;
        std::string block = "$500000000\r\n";
        while (!error) {
            sent += asio::write(peer, asio::buffer(block), error);
            block.assign(1 << 20, 'x');
        }
    });
    RedisOptions options;
    options.host = "127.0.0.1";
    options.port = acceptor.local_endpoint().port();
    options.connect_timeout = Millis{20'000};
    EXPECT_FALSE(redis::probe(options).passed());
    server.join();
    EXPECT_LT(sent, 100'000'000U) << "64 MB, and what the system keeps under way";
}

// ids: S95
TEST(RedisFailures, missing_socket) {
    RedisOptions options;
    options.unix_socket = "/no/such/socket";
    expect_failure(options, ProbeStep::connect, FailureKind::socket_missing);
}

// ids: S95
TEST(RedisFailures, passwords) {
    RedisServer server({.password = "right"});
    RedisOptions options = over_socket(server);
    expect_failure(options, ProbeStep::auth, FailureKind::password_missing);
    options.password = "wrong";
    expect_failure(options, ProbeStep::auth, FailureKind::password_wrong);
    options.password = "right";
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95
TEST(RedisFailures, users) {
    RedisServer server({.acl = {"user app on >secret ~* &* +@all"}});
    RedisOptions options = over_socket(server);
    options.username = "app";
    options.password = "wrong";
    expect_failure(options, ProbeStep::auth, FailureKind::password_wrong);
    options.password = "secret";
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95 C34
TEST(RedisFailures, permissions) {
    RedisServer server({.acl = {"user app on >secret ~other:* &* +@all -eval"}});
    RedisOptions options = over_socket(server);
    options.username = "app";
    options.password = "secret";
    expect_failure(options, ProbeStep::write, FailureKind::not_permitted);
}

// ids: S42 S64
TEST(RedisFailures, figures_are_empty_where_the_user_may_not_ask) {
    RedisServer server({.acl = {"user app on >secret ~* &* +@all -info"}});
    RedisOptions options = over_socket(server);
    options.username = "admin";
    options.password = "test-admin-password";
    StoreAtWork admin(options);
    const auto known = admin.run(admin.store().info(deadline_in(Millis{5'000})));
    ASSERT_TRUE(known);
    EXPECT_GE(known->connected_clients.value_or(0), 1U);
    EXPECT_GT(known->used_memory.value_or(0), 100'000U);
    EXPECT_TRUE(known->keyspace_hits.has_value());
    EXPECT_TRUE(known->keyspace_misses.has_value());
    EXPECT_FALSE(known->used_memory_human.empty());
    EXPECT_EQ(known->version, admin.store().server().version);
    EXPECT_EQ(known->product, admin.store().server().product);

    options.username = "app";
    options.password = "secret";
    StoreAtWork app(options);
    const auto hidden = app.run(app.store().info(deadline_in(Millis{5'000})));
    ASSERT_TRUE(hidden) << hidden.error().detail;
    EXPECT_FALSE(hidden->used_memory.has_value());
    EXPECT_FALSE(hidden->connected_clients.has_value());
    EXPECT_EQ(hidden->version, known->version);
    EXPECT_EQ(hidden->product, known->product);
}

// ids: S95
TEST(RedisFailures, too_many_clients) {
    RedisServer server({.tcp = true});
    // One client may be there: the one that holds the place.
    server.admin({"CONFIG", "SET", "maxclients", "1"});
    const auto holder = server.client();
    expect_failure(over_tcp(server), ProbeStep::auth, FailureKind::clients_max);
}

// ids: S95
TEST(RedisFailures, missing_database) {
    RedisServer server;
    RedisOptions options = over_socket(server);
    options.database = 99;
    expect_failure(options, ProbeStep::auth, FailureKind::database_missing);
    options.database = 3;
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95
TEST(RedisFailures, functions_missing_and_not_permitted) {
    RedisServer server({.acl = {"user app on >secret ~* &* +@all -function"}});
    RedisOptions options = over_socket(server);
    options.username = "app";
    options.password = "secret";
    expect_failure(options, ProbeStep::functions, FailureKind::not_installed, Errc::not_installed);

    const auto refused = redis::install(options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::not_installed);

    options.username = "admin";
    options.password = "test-admin-password";
    const auto report = redis::install(options);
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_EQ(report->previous_version, 0U);
    EXPECT_EQ(report->version, redis::library_version);
    options.username = "app";
    options.password = "secret";
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95
TEST(RedisFailures, functions_are_not_installed_where_that_is_switched_off) {
    RedisServer server;
    RedisOptions options = over_socket(server);
    options.install_functions = false;
    expect_failure(options, ProbeStep::functions, FailureKind::not_installed, Errc::not_installed);
    EXPECT_TRUE(server.admin({"FUNCTION", "LIST"}).items.empty());
}

// ids: S95
TEST(RedisFailures, an_older_library_is_replaced_and_a_newer_one_is_kept) {
    const auto library = [](int version) {
        return "#!lua name=vedfolnir\nredis.register_function{function_name='vedfolnir_info', "
               "callback=function() return {'info', 1, " +
               std::to_string(version) + "} end, flags={'no-writes'}}";
    };
    RedisServer server;
    ASSERT_FALSE(server.admin({"FUNCTION", "LOAD", library(0)}).failed());
    EXPECT_TRUE(redis::probe(over_socket(server)).passed());
    ASSERT_FALSE(server.admin({"FUNCTION", "LOAD", "REPLACE", library(1000)}).failed());
    EXPECT_EQ(redis::probe(over_socket(server)).library_version, 1000U);
}

// ids: S95
TEST(RedisFailures, read_only_replica) {
    RedisServer primary({.tcp = true});
    ASSERT_TRUE(redis::probe(over_tcp(primary)).passed());
    RedisServer replica({.tcp = true});
    replica.admin({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
    ASSERT_TRUE(eventually([&] {
        return replica.admin({"INFO", "replication"}).text.find("master_link_status:up") !=
               std::string::npos;
    }));
    expect_failure(over_tcp(replica), ProbeStep::write, FailureKind::read_only);
}

// ids: S95
TEST(RedisFailures, out_of_memory) {
    RedisServer server;
    ASSERT_TRUE(redis::probe(over_socket(server)).passed());
    server.admin({"CONFIG", "SET", "maxmemory", "1"});
    expect_failure(over_socket(server), ProbeStep::write, FailureKind::out_of_memory);
}

// ids: S95
TEST(RedisFailures, too_few_replicas) {
    RedisServer server;
    ASSERT_TRUE(redis::probe(over_socket(server)).passed());
    server.admin({"CONFIG", "SET", "min-replicas-to-write", "1"});
    expect_failure(over_socket(server), ProbeStep::write, FailureKind::replicas_missing);
}

// ids: S95
TEST(RedisFailures, snapshots_failing_refuses_writes_but_not_loads) {
    RedisServer server({.settings = {"dbfilename occupied"}});
    StoreAtWork at_work(over_socket(server));
    const Stored record{1};
    ASSERT_TRUE(at_work.create(record));
    // A snapshot cannot replace a folder with something in it.
    std::filesystem::create_directories(server.folder() / "occupied" / "by");
    server.admin({"CONFIG", "SET", "save", "3600 1"});
    server.admin({"BGSAVE"});
    ASSERT_TRUE(eventually([&] {
        return server.admin({"INFO", "persistence"}).text.find("rdb_last_bgsave_status:err") !=
               std::string::npos;
    }));
    const auto loaded = at_work.load(record);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_TRUE(loaded->has_value());
    const auto created = at_work.create(Stored{2});
    ASSERT_FALSE(created);
    EXPECT_NE(created.error().detail.find(redis::describe(FailureKind::snapshots_failing)),
              std::string::npos);
    EXPECT_TRUE(at_work.load(record)) << "the refusal left the connection alone";
    expect_failure(over_socket(server), ProbeStep::ping, FailureKind::snapshots_failing);
}

// ids: S95
TEST(RedisFailures, busy_with_a_function) {
    RedisServer server;
    StoreAtWork at_work(over_socket(server));
    ASSERT_TRUE(at_work.create(Stored{1}));
    server.admin({"CONFIG", "SET", "busy-reply-threshold", "50"});
    server.admin(
        {"FUNCTION", "LOAD",
         "#!lua name=loops\nredis.register_function('loops', function() while true do end end)"});
    const auto looping = server.client();
    looping->send({"FCALL", "loops", "0"});
    ASSERT_TRUE(eventually([&] { return server.admin({"PING"}).text.starts_with("BUSY"); }));
    const auto loaded = at_work.load(Stored{1});
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().detail.find(redis::describe(FailureKind::busy)), std::string::npos)
        << loaded.error().detail;
    server.admin({"FUNCTION", "KILL"});
    ASSERT_TRUE(eventually([&] { return at_work.load(Stored{1}).has_value(); }));
}

// ids: S95 S1
TEST(RedisTls, verified_connection_passes) {
    RedisServer server({.tls = true});
    const ProbeReport report = redis::probe(over_tls(server));
    EXPECT_TRUE(report.passed()) << report.steps.back().message << report.steps.back().detail;
    EXPECT_EQ(report.steps.at(2).step, ProbeStep::tls);
}

// ids: S95 S1
TEST(RedisTls, unknown_authority_is_refused) {
    RedisServer server({.tls = true});
    RedisServer stranger({.tls = true});
    RedisOptions options = over_tls(server);
    options.tls->ca_file = stranger.certificates().ca();
    expect_failure(options, ProbeStep::tls, FailureKind::tls_unknown_authority);
    options.tls->ca_file.clear();
    expect_failure(options, ProbeStep::tls, FailureKind::tls_unknown_authority);
}

// ids: S95 S1
TEST(RedisTls, certificate_of_another_host_is_refused_by_default) {
    RedisServer server({.tls = true, .certificate_host = "redis.example.net"});
    RedisOptions options = over_tls(server);
    expect_failure(options, ProbeStep::tls, FailureKind::tls_wrong_host);
    options.tls->server_name = "redis.example.net";
    EXPECT_TRUE(redis::probe(options).passed());
    options.tls->server_name.clear();
    options.tls->verify = false;
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95 S1
TEST(RedisTls, client_certificate) {
    RedisServer server({.tls = true, .client_certificates = true});
    RedisOptions options = over_tls(server);
    expect_failure(options, ProbeStep::tls, FailureKind::tls_client_certificate);
    options.tls->certificate_file = server.certificates().certificate("client");
    options.tls->key_file = server.certificates().key("client");
    EXPECT_TRUE(redis::probe(options).passed());
}

// ids: S95
TEST(RedisTls, files_that_cannot_be_read_are_named) {
    RedisServer server({.tls = true});
    RedisOptions options = over_tls(server);
    options.tls->ca_file = "/no/such/ca.pem";
    expect_failure(options, ProbeStep::tls, FailureKind::tls_files, Errc::bad_options);
    EXPECT_NE(redis::probe(options).steps.back().detail.find("/no/such/ca.pem"), std::string::npos);
}

// ids: S95
TEST(RedisTls, a_server_without_tls_is_recognised) {
    RedisServer server({.tcp = true});
    RedisOptions options = over_tcp(server);
    options.tls.emplace();
    options.connect_timeout = Millis{500};
    expect_failure(options, ProbeStep::tls, FailureKind::tls_not_spoken);
}

// ids: S95
TEST(RedisTls, a_server_that_wants_tls_hangs_up_on_plain_text) {
    RedisServer server({.tls = true});
    expect_failure(over_tcp(server), ProbeStep::auth, FailureKind::closed);
}

TEST(RedisTls, tls_over_a_unix_socket_is_a_contradiction) {
    RedisServer server;
    RedisOptions options = over_socket(server);
    options.tls.emplace();
    expect_failure(options, ProbeStep::connect, FailureKind::bad_options, Errc::bad_options);
}

// ids: S1
TEST(RedisTls, the_server_name_is_sent) {
    const auto folder = temporary_folder();
    const Certificates certificates(folder, "localhost");
    asio::io_context loop;
    asio::ip::tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
    std::string name;
    std::thread server([&] {
        asio::ssl::context context(asio::ssl::context::tls_server);
        context.use_certificate_chain_file(certificates.certificate("server"));
        context.use_private_key_file(certificates.key("server"), asio::ssl::context::pem);
        asio::ssl::stream<asio::ip::tcp::socket> stream(acceptor.accept(), context);
        boost::system::error_code error;
        stream.handshake(asio::ssl::stream_base::server, error);
        const char* sent = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
        name = sent == nullptr ? "" : sent;
    });
    RedisOptions options;
    options.host = "127.0.0.1";
    options.port = acceptor.local_endpoint().port();
    options.connect_timeout = Millis{2000};
    options.tls.emplace();
    options.tls->ca_file = certificates.ca();
    options.tls->server_name = "localhost";
    EXPECT_FALSE(redis::probe(options).passed()) << "it hangs up after the handshake";
    server.join();
    EXPECT_EQ(name, "localhost");
    std::filesystem::remove_all(folder);
}

// ids: C34
TEST(RedisDeploy, the_example_of_users_boots_and_serves) {
    RedisServer server;
    const std::filesystem::path example =
        std::filesystem::path(VEDFOLNIR_SOURCE_DIR) / "deploy/redis/users.acl.example";
    // The example, and the administrator of this test.
    {
        std::ifstream file(example);
        std::ofstream acl(server.folder() / "users.acl");
        acl << "user admin on >test-admin-password ~* &* +@all\n" << file.rdbuf();
    }
    ASSERT_FALSE(server.admin({"ACL", "LOAD"}).failed());
    RedisOptions options = over_socket(server);
    options.username = "vedfolnir-install";
    options.password = "REPLACE-WITH-ANOTHER-LONG-RANDOM-PASSWORD";
    const auto installed = redis::install(options);
    ASSERT_TRUE(installed) << installed.error().detail;
    options.username = "vedfolnir";
    options.password = "REPLACE-WITH-A-LONG-RANDOM-PASSWORD";
    const ProbeReport report = redis::probe(options);
    EXPECT_TRUE(report.passed()) << report.steps.back().detail;
}

}  // namespace
}  // namespace vedfolnir::test
