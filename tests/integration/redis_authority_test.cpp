// Whole managers on a real Redis and a real SQLite file: what SQL knows of endings holds, whatever Redis lost or missed.
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

class RedisAuthority : public testing::Test {
protected:
    explicit RedisAuthority(RedisServerOptions options = {}) : server(std::move(options)) {}

    /// A process of its own kind: nothing is shared with another but the stores.
    [[nodiscard]] SessionManager process() {
        ManagerOptions options;
        options.redis.unix_socket = server.socket_path();
        options.redis.request_timeout = Millis{2000};
        options.request_budget = Millis{8000};
        options.sql.statement_timeout = Millis{8000};
        options.state_dir = folder.path().string();
        options.jobs.run = false;
        options.keys.keys = {{1, std::string("\x01\x9e\x2d\x33\xf4\x85\x56\xa7\x08\x49\xba\xeb\xcc"
                                             "\xdd\x1e\x7f\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89"
                                             "\x9a\x0b\x5c\xed\xfe\x6f",
                                             32)}};
        auto manager = SessionManager::open(std::move(options));
        EXPECT_TRUE(manager.has_value());
        return std::move(*manager);
    }
    [[nodiscard]] static RequestContext request(const std::string& cookie) {
        RequestContext context;
        if (!cookie.empty()) context.cookie_header = "__Host-session=" + cookie;
        return context;
    }
    [[nodiscard]] static Session load(const SessionManager& manager, const std::string& cookie) {
        auto session = manager.load(request(cookie));
        EXPECT_TRUE(session.has_value()) << (session ? "" : session.error().detail);
        return session ? std::move(*session) : Session();
    }
    [[nodiscard]] static std::string sign_in(const SessionManager& manager) {
        Session session = load(manager, {});
        EXPECT_TRUE(session.set("_user_id", "7"));
        auto cookie = manager.create_named(session, request({}));
        EXPECT_TRUE(cookie.has_value()) << (cookie ? "" : cookie.error().detail);
        return cookie ? *cookie : std::string();
    }
    /// The key of the only record.
    [[nodiscard]] std::string record_key() {
        for (const auto& key : server.admin({"KEYS", "vedfolnir:session:*"}).items) {
            // P{ss}:<22 characters of base64url>
            if (key.text.find(':', key.text.find('}') + 2) == std::string::npos &&
                key.text.size() - key.text.find('}') == 24)
                return key.text;
        }
        return {};
    }

    TemporaryFolder folder;
    RedisServer server;
};

// ids: C08 R5 N1
TEST_F(RedisAuthority,
       ending_that_a_failover_undid_holds_from_the_first_answer_of_the_new_connection) {
    const SessionManager ending = process();
    const SessionManager reading = process();
    const std::string cookie = sign_in(ending);
    Session session = load(reading, cookie);
    ASSERT_TRUE(session.found());
    const std::string key = record_key();
    server.admin({"COPY", key, "kept"});
    EXPECT_EQ(ending.end(cookie, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_FALSE(load(reading, cookie).found());

    // A replica that lagged takes over: the record is back, the mark is not, and every connection breaks.
    server.admin({"RENAME", "kept", key});
    server.admin({"DEL", key.substr(0, key.find('}') + 2) + "mark"});
    server.admin({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_FALSE(load(reading, cookie).found());
    EXPECT_EQ(record_key(), "");
}

/// Keeps what it holds over a kill.
class DurableRedis : public RedisAuthority {
protected:
    DurableRedis() : RedisAuthority({.settings = {"appendonly yes", "appendfsync always"}}) {}
};

// ids: C08 N1 R3
TEST_F(DurableRedis, ending_made_while_redis_was_away_reaches_it_without_another_request) {
    const SessionManager manager = process();
    const std::string cookie = sign_in(manager);
    const std::string handle = load(manager, cookie).handle()->text();
    server.kill();
    EXPECT_EQ(manager.end(handle, EndReason::security, "operator:x").value(), Ending::ended)
        << "SQL has it, and nothing is read that SQL ended";
    server.start();
    EXPECT_TRUE(eventually([&] { return record_key().empty(); }));
}

}  // namespace
}  // namespace vedfolnir::test
