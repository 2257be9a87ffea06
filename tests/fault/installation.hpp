// One host's installation: managers like processes, on a SQLite file and whatever Redis stands behind a path.
#pragma once

#include "model/record.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_folder.hpp"
#include "vedfolnir/session_manager.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace vedfolnir::test {

class Installation : public testing::Test {
protected:
    /// Where clients find Redis: a link, so that another server can take over behind it.
    [[nodiscard]] std::string front() const { return folder.file("redis.sock"); }
    void point_to(const RedisServer& server) const {
        std::filesystem::remove(front());
        std::filesystem::create_symlink(server.socket_path(), front());
    }

    [[nodiscard]] ManagerOptions options() const {
        ManagerOptions options;
        options.redis.unix_socket = front();
        options.redis.request_timeout = Millis{2000};
        options.request_budget = Millis{8000};
        options.sql.statement_timeout = Millis{8000};
        options.state_dir = folder.file("state");
        options.endings.poll_interval = Millis{100};
        options.keys.keys = {{1, std::string("\x01\x9e\x2d\x33\xf4\x85\x56\xa7\x08\x49\xba\xeb\xcc"
                                             "\xdd\x1e\x7f\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89"
                                             "\x9a\x0b\x5c\xed\xfe\x6f",
                                             32)}};
        return options;
    }
    [[nodiscard]] static SessionManager open(ManagerOptions options) {
        auto manager = SessionManager::open(std::move(options));
        EXPECT_TRUE(manager.has_value()) << (manager ? "" : manager.error().detail);
        return std::move(*manager);
    }
    [[nodiscard]] SessionManager process() const { return open(options()); }

    [[nodiscard]] static RequestContext request(const std::string& cookie) {
        RequestContext context;
        if (!cookie.empty()) context.cookie_header = "__Host-session=" + cookie;
        return context;
    }
    enum class Seen : std::uint8_t { valid, none, unknown };
    [[nodiscard]] static Seen look(const SessionManager& manager, const std::string& cookie) {
        const auto session = manager.load(request(cookie));
        if (!session) return Seen::unknown;
        return session->found() ? Seen::valid : Seen::none;
    }
    /// What is seen once the stores answer again.
    [[nodiscard]] static Seen look_patiently(const SessionManager& manager,
                                             const std::string& cookie) {
        Seen seen = Seen::unknown;
        eventually([&] { return (seen = look(manager, cookie)) != Seen::unknown; },
                   std::chrono::seconds(30));
        return seen;
    }
    [[nodiscard]] static std::string sign_in(const SessionManager& manager,
                                             const std::string& user) {
        auto session = manager.load(request({}));
        EXPECT_TRUE(session.has_value()) << (session ? "" : session.error().detail);
        if (!session) return {};
        EXPECT_TRUE(session->set("_user_id", user));
        auto cookie = manager.create_named(*session, request({}));
        EXPECT_TRUE(cookie.has_value()) << (cookie ? "" : cookie.error().detail);
        return cookie ? *cookie : std::string();
    }
    /// A logout from the browser.
    [[nodiscard]] static Result<Ending> log_out(const SessionManager& manager,
                                                const std::string& cookie) {
        auto session = manager.load(request(cookie));
        if (!session) return session.error();
        session->clear();
        const auto result = manager.commit(*session, request(cookie));
        if (!result) return result.error();
        return result->ending;
    }
    [[nodiscard]] static std::vector<std::string> users_of(const SessionManager& manager,
                                                           const std::string& type) {
        AuditFilter filter;
        filter.type = type;
        filter.limit = 1000;
        const auto entries = manager.audit(filter);
        EXPECT_TRUE(entries.has_value()) << (entries ? "" : entries.error().detail);
        std::vector<std::string> users;
        if (entries)
            for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry)
                users.push_back(entry->user_id);
        return users;
    }
    /// Sorted: servers list them in orders of their own.
    [[nodiscard]] static std::vector<std::string> record_keys(RedisServer& server) {
        std::vector<std::string> keys;
        for (const auto& key : server.admin({"KEYS", "vedfolnir:session:*"}).items) {
            const auto brace = key.text.find('}');
            if (key.text.find(':', brace + 2) == std::string::npos && key.text.size() - brace == 24)
                keys.push_back(key.text);
        }
        std::ranges::sort(keys);
        return keys;
    }
    /// Those whose place no note of an ending has taken.
    [[nodiscard]] static std::size_t live_records(RedisServer& server) {
        const auto keys = record_keys(server);
        return static_cast<std::size_t>(std::ranges::count_if(keys, [&](const std::string& key) {
            return !model::parse_note(server.admin({"GET", key}).text);
        }));
    }

    /// Ids of the clients that are connected now, without the one that asks.
    [[nodiscard]] static std::vector<std::string> connections(RedisServer& server) {
        std::vector<std::string> ids;
        std::istringstream lines(server.admin({"CLIENT", "LIST", "TYPE", "normal"}).text);
        for (std::string line; std::getline(lines, line);) {
            const bool mine = line.find("cmd=client") != std::string::npos;
            if (!mine && line.starts_with("id=")) ids.push_back(line.substr(3, line.find(' ') - 3));
        }
        return ids;
    }

    TemporaryFolder folder;
};

}  // namespace vedfolnir::test
