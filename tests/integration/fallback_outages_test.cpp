// A whole manager over a real Redis that is broken in each way there is, and mended: the same cookies go on before, during
// and after; what changed meanwhile is there afterwards; who logged out meanwhile stays out.
#include "redis/keys.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// One way to be ill. `reads`: Redis still answers loads.
struct State {
    std::string name;
    bool reads = false;
    bool loses_data = false;
    std::function<void(RedisServer&)> break_it;
    std::function<void(RedisServer&)> mend;
};

void PrintTo(const State& state, std::ostream* out) { *out << state.name; }

std::unique_ptr<RespClient>& at_work() {
    static std::unique_ptr<RespClient> client;
    return client;
}

std::vector<State> states() {
    const auto set = [](std::string name, std::string value) {
        return [=](RedisServer& server) { server.admin({"CONFIG", "SET", name, value}); };
    };
    const auto replica_of = [](std::string host, std::string port) {
        return [=](RedisServer& server) { server.admin({"REPLICAOF", host, port}); };
    };
    return {
        {"out_of_memory", true, false, set("maxmemory", "1"), set("maxmemory", "0")},
        {"replicas_missing", true, false, set("min-replicas-to-write", "1"),
         set("min-replicas-to-write", "0")},
        {"snapshots_failing", true, false,
         [](RedisServer& server) {
             std::filesystem::create_directories(server.folder() / "occupied" / "by");
             server.admin({"CONFIG", "SET", "save", "3600 1"});
             server.admin({"BGSAVE"});
             eventually([&] {
                 return server.admin({"INFO", "persistence"})
                            .text.find("rdb_last_bgsave_status:err") != std::string::npos;
             });
         },
         [](RedisServer& server) {
             std::filesystem::remove_all(server.folder() / "occupied");
             server.admin({"CONFIG", "SET", "save", ""});
         }},
        {"read_only", true, false, replica_of("127.0.0.1", "1"), replica_of("NO", "ONE")},
        {"primary_down", false, false,
         [](RedisServer& server) {
             server.admin({"CONFIG", "SET", "replica-serve-stale-data", "no"});
             server.admin({"REPLICAOF", "127.0.0.1", "1"});
         },
         replica_of("NO", "ONE")},
        {"busy", false, false,
         [](RedisServer& server) {
             server.admin({"CONFIG", "SET", "busy-reply-threshold", "50"});
             server.admin({"FUNCTION", "LOAD", "REPLACE",
                           "#!lua name=loops\nredis.register_function('loops', function() while "
                           "true do end end)"});
             at_work() = server.client();
             at_work()->send({"FCALL", "loops", "0"});
             eventually([&] { return server.admin({"PING"}).text.starts_with("BUSY"); });
         },
         [](RedisServer& server) {
             server.admin({"FUNCTION", "KILL"});
             at_work().reset();
         }},
        {"loading", false, false,
         [](RedisServer& server) {
             server.admin({"CONFIG", "SET", "appendfsync", "no"});
             at_work() = server.client();
             for (int i = 0; i < 3000; ++i)
                 at_work()->command({"SET", "filler:" + std::to_string(i), std::string(200, 'x')});
             server.admin({"CONFIG", "SET", "key-load-delay", "20000"});
             at_work()->send({"DEBUG", "RELOAD"});
             eventually([&] { return server.admin({"PING"}).text.starts_with("LOADING"); });
         },
         [](RedisServer& server) {
             server.admin({"CONFIG", "SET", "key-load-delay", "0"});
             static_cast<void>(at_work()->receive());
             at_work().reset();
         }},
        {"frozen", false, false, [](RedisServer& server) { server.freeze(); },
         [](RedisServer& server) { server.thaw(); }},
        {"killed", false, false, [](RedisServer& server) { server.kill(); },
         [](RedisServer& server) { server.start(); }},
        {"emptied", false, true,
         [](RedisServer& server) {
             server.kill();
             std::filesystem::remove_all(server.folder() / "appendonlydir");
         },
         [](RedisServer& server) { server.start(); }},
    };
}

class FallbackOutages : public testing::TestWithParam<State> {
protected:
    FallbackOutages() {
        ManagerOptions options;
        options.redis.unix_socket = server_.socket_path();
        options.redis.connect_timeout = 500ms;
        // Twice the default: the machine of a test may be busy.
        options.redis.request_timeout = 500ms;
        options.request_budget = 2000ms;
        options.sql.url = "sqlite:///" + folder_.file("sessions.db");
        options.state_dir = folder_.path().string();
        std::string secret(32, '\0');
        for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<char>(i * 37 + 11);
        options.keys.keys = {{1, secret}};
        // What SQL knows is what these tests wrote there.
        options.jobs.run = false;
        manager_.emplace(std::move(SessionManager::open(options).value()));
    }

    static RequestContext request(const std::string& cookie) {
        RequestContext context;
        if (!cookie.empty()) context.cookie_header = "__Host-session=" + cookie;
        return context;
    }

    /// One request: load, change, commit. The cookie it leaves; empty: it failed, and `error` says why.
    std::optional<std::string> ask(const std::string& cookie,
                                   const std::function<void(Session&)>& work) {
        const auto began = Clock::now();
        auto session = manager_->load(request(cookie));
        if (!session) return fail(session.error());
        work(*session);
        auto result = manager_->commit(*session, request(cookie));
        if (!result) return fail(result.error());
        longest_ = std::max(longest_, std::chrono::duration_cast<Millis>(Clock::now() - began));
        outcome_ = *result;
        if (!result->set_cookie) return cookie;
        const auto from = result->set_cookie->find('=') + 1;
        return result->set_cookie->substr(from, result->set_cookie->find(';') - from);
    }
    std::optional<std::string> fail(const Error& error) {
        error_ = error;
        return std::nullopt;
    }
    std::string login(const std::string& user) {
        const auto cookie = ask({}, [&](Session& session) {
            EXPECT_TRUE(session.set("_user_id", user));
            EXPECT_TRUE(session.set("n", 0));
        });
        EXPECT_TRUE(cookie) << error_.detail;
        return cookie.value_or("");
    }
    bool write(const std::string& cookie, int value) {
        return ask(cookie, [&](Session& session) { EXPECT_TRUE(session.set("n", value)); })
                   .has_value() &&
               outcome_.action == CommitAction::saved;
    }
    /// "none", "unknown" or the number in the session.
    std::string read(const std::string& cookie) {
        std::string seen = "none";
        const auto answered = ask(cookie, [&](Session& session) {
            if (!session.found()) return;
            const auto value = session.get("n");
            const auto* number =
                value && *value ? std::get_if<std::int64_t>(&(*value)->data) : nullptr;
            seen = number != nullptr ? std::to_string(*number) : "nothing";
        });
        return answered ? seen : "unknown";
    }
    Ending log_out(const std::string& cookie) {
        const auto done =
            ask(cookie, [](Session& session) { EXPECT_TRUE(session.erase("_user_id")); });
        EXPECT_TRUE(done) << error_.detail;
        return done ? outcome_.ending : Ending::absent;
    }

    FallbackStatus status() {
        const auto found = manager_->fallback_status();
        EXPECT_TRUE(found) << found.error().detail;
        return found ? *found : FallbackStatus{};
    }
    void await_return() {
        const auto began = Clock::now();
        ASSERT_TRUE(eventually(
            [&] {
                const auto now = status();
                return !now.reads && !now.writes && now.state.ahead == 0;
            },
            30s));
        took_ = std::chrono::duration_cast<Millis>(Clock::now() - began);
    }
    std::uint64_t events(const std::string& type) {
        AuditFilter filter;
        filter.type = type;
        const auto found = manager_->audit(filter);
        EXPECT_TRUE(found) << found.error().detail;
        return found ? found->size() : 0;
    }
    std::size_t records_in_redis() {
        std::size_t count = 0;
        for (const auto& key : server_.admin({"KEYS", "vedfolnir:session:{*}:*"}).items) {
            const auto name = key.text.substr(key.text.rfind(':') + 1);
            if (name.size() == 22 && key.text.find(":user:") == std::string::npos &&
                key.text.find(":epoch:") == std::string::npos)
                ++count;
        }
        return count;
    }

    RedisServer server_{
        {.settings = {"appendonly yes", "appendfsync always", "dbfilename occupied",
                      "enable-debug-command yes", "loading-process-events-interval-bytes 1024"}}};
    TemporaryFolder folder_;
    std::optional<SessionManager> manager_;
    CommitResult outcome_;
    Error error_;
    Millis longest_{0};
    Millis took_{0};
};

// ids: S81 S37 S36 S66 R7 R8 F05 F07 F08 F09 F10 F11 F12 F13 E3
TEST_P(FallbackOutages, sessions_go_on_and_come_back) {
    const State& state = GetParam();
    // Logins in the fallback leave a copy in the database, as snapshots do.
    ASSERT_TRUE(manager_->set_fallback(FallbackMode::on, "operator:test"));
    const std::string ann = login("ann");
    const std::string bob = login("bob");
    const std::string eve = login("eve");
    ASSERT_TRUE(manager_->set_fallback(FallbackMode::automatic, "operator:test"));
    await_return();
    ASSERT_EQ(read(ann), "0");
    ASSERT_EQ(records_in_redis(), 3U);
    const std::string visitor =
        ask({}, [](Session& session) { EXPECT_TRUE(session.set("n", 1)); }).value_or("");
    const auto began = events("fallback.began");
    // They are written beside the requests, and in order.
    ASSERT_TRUE(eventually([&] { return events("fallback.ended") == began; }));
    const auto before = manager_->counters();

    state.break_it(server_);
    longest_ = Millis{0};
    for (int i = 1; i <= 25; ++i) {
        ASSERT_TRUE(write(ann, i)) << i << ": " << error_.detail;
        ASSERT_EQ(read(ann), std::to_string(i)) << error_.detail;
        ASSERT_EQ(read(bob), "0") << error_.detail;
    }
    EXPECT_LT(longest_, 2500ms) << "each load and each commit ends within its budget";
    const auto ill = status();
    EXPECT_TRUE(ill.writes);
    EXPECT_EQ(ill.reads, !state.reads);
    EXPECT_GT(ill.state.ahead, 0U);
    EXPECT_EQ(log_out(eve), Ending::ended);
    EXPECT_EQ(read(eve), "none");
    const std::string new_user = login("new");
    EXPECT_EQ(read(new_user), "0");
    const std::string new_visitor =
        ask({}, [](Session& session) { EXPECT_TRUE(session.set("n", 7)); }).value_or("");
    EXPECT_EQ(read(new_visitor), "7") << error_.detail;
    EXPECT_EQ(read(visitor), state.reads ? "1" : "unknown")
        << "an anonymous session has no copy, and is not overwritten";
    auto figures = manager_->counters();
    EXPECT_EQ(figures.fallback_active, 1U);
    EXPECT_GT(figures.fallback_writes, before.fallback_writes);
    EXPECT_GT(figures.fallback_reads, before.fallback_reads);

    state.mend(server_);
    await_return();
    EXPECT_LT(took_, 10s);
    EXPECT_EQ(read(ann), "25");
    EXPECT_EQ(read(bob), "0");
    EXPECT_EQ(read(eve), "none");
    EXPECT_EQ(read(new_user), "0");
    EXPECT_EQ(read(new_visitor), "7");
    EXPECT_EQ(read(visitor), state.loses_data ? "none" : "1");
    EXPECT_TRUE(write(ann, 26));
    // ann, bob, new, two visitors; eve's record is gone although nobody asked for it.
    EXPECT_EQ(records_in_redis(), state.loses_data ? 4U : 5U);
    figures = manager_->counters();
    EXPECT_EQ(figures.fallback_active, 0U);
    EXPECT_EQ(figures.fallback_ahead, 0U);
    EXPECT_TRUE(eventually([&] { return events("fallback.ended") == began + 1; }))
        << events("fallback.ended") - began;
    EXPECT_EQ(events("fallback.began"), began + 1);
}

INSTANTIATE_TEST_SUITE_P(States, FallbackOutages, testing::ValuesIn(states()),
                         [](const auto& shown) { return shown.param.name; });

}  // namespace
}  // namespace vedfolnir::test
