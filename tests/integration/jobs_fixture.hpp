// Processes with background work on one real Redis and one real SQLite file.
// Header-only, because the tests of several jobs use it.
#pragma once

#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace vedfolnir::test {

using namespace std::chrono_literals;

class Jobs : public testing::Test {
protected:
    [[nodiscard]] ManagerOptions options() const {
        ManagerOptions options;
        options.redis.unix_socket = server.socket_path();
        options.redis.request_timeout = Millis{2000};
        options.request_budget = Millis{8000};
        options.sql.statement_timeout = Millis{8000};
        options.state_dir = folder.path().string();
        options.keys.keys = {{1, std::string("\x01\x9e\x2d\x33\xf4\x85\x56\xa7\x08\x49\xba\xeb\xcc"
                                             "\xdd\x1e\x7f\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89"
                                             "\x9a\x0b\x5c\xed\xfe\x6f",
                                             32)}};
        options.jobs.run = false;
        return options;
    }
    /// A process that takes the lease at once and cleans up every second.
    [[nodiscard]] ManagerOptions working() const {
        ManagerOptions options = this->options();
        options.jobs.run = true;
        options.jobs.replaced_within = 1000ms;
        options.jobs.cleanup_interval = 1s;
        return options;
    }
    [[nodiscard]] static SessionManager open(ManagerOptions options) {
        auto manager = SessionManager::open(std::move(options));
        EXPECT_TRUE(manager.has_value());
        return std::move(*manager);
    }
    [[nodiscard]] static std::string sign_in(const SessionManager& manager,
                                             const std::string& user) {
        auto session = manager.load({});
        EXPECT_TRUE(session && session->set("_user_id", user));
        auto cookie = manager.create_named(*session, {});
        EXPECT_TRUE(cookie.has_value()) << (cookie ? "" : cookie.error().detail);
        return cookie ? *cookie : std::string();
    }
    static RequestContext request(const std::string& cookie) {
        RequestContext request;
        request.cookie_header = "__Host-session=" + cookie;
        return request;
    }
    /// One request that sets a value.
    static void write(const SessionManager& manager, const std::string& cookie,
                      const std::string& key, std::int64_t value) {
        auto session = manager.load(request(cookie));
        ASSERT_TRUE(session && session->found());
        ASSERT_TRUE(session->set(key, value));
        ASSERT_TRUE(manager.commit(*session, request(cookie)));
    }
    /// The number under a key; -1: none, -2: no session, -3: unknown.
    static std::int64_t read(const SessionManager& manager, const std::string& cookie,
                             const std::string& key) {
        auto session = manager.load(request(cookie));
        if (!session) return -3;
        if (!session->found()) return -2;
        const auto value = session->get(key);
        const auto* number = value && *value ? std::get_if<std::int64_t>(&(*value)->data) : nullptr;
        return number != nullptr ? *number : -1;
    }
    /// Names of keys behind their shard: `expiry`, `user:…`, a digest.
    [[nodiscard]] std::multiset<std::string> kinds_of_keys() const {
        std::multiset<std::string> kinds;
        for (const auto& key : server.admin({"KEYS", "vedfolnir:session:*"}).items) {
            const std::string name = key.text.substr(key.text.find('}') + 2);
            kinds.insert(name.substr(0, name.find(':')));
        }
        return kinds;
    }
    [[nodiscard]] static JobStatus job(const SessionManager& manager, const std::string& name) {
        const auto report = manager.jobs();
        if (!report) return {};
        const auto found = std::ranges::find(report->jobs, name, &JobStatus::job);
        return found == report->jobs.end() ? JobStatus{} : *found;
    }

    TemporaryFolder folder;
    mutable RedisServer server;
};

}  // namespace vedfolnir::test
