// Keys that were retired, are lost, or differ on one node (F28): who is concerned logs in again, and nobody else notices.
#include "harness.hpp"
#include "support/redis_server.hpp"

#include <gmock/gmock.h>

namespace vedfolnir::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Keys : public ManagerTest {
protected:
    static RingKey key(std::uint16_t id, char first) {
        std::string secret(32, '\0');
        for (std::size_t i = 0; i < secret.size(); ++i)
            secret[i] = static_cast<char>(first + static_cast<char>(i * 37 + i * i));
        return {id, secret};
    }
    [[nodiscard]] std::unique_ptr<SessionManager> node(std::vector<RingKey> keys) {
        ManagerOptions options;
        options.keys.keys = std::move(keys);
        // Users have one name on all nodes, whatever keys come and go.
        options.keys.index_secret = std::string("\x7f\x10\x91\x22\xb3\x34\xd5\xf6\x67\x78\x89\x9a"
                                                "\x0b\x5c\xed\xfe\x6f\x01\x9e\x2d\x33\xf4\x85\x56"
                                                "\xa7\x08\x49\xba\xeb\xcc\xdd\x1e",
                                                32);
        return process(std::move(options));
    }
    /// The request of a page that only reads: what it finds, and what it does to the cookie.
    struct Visit {
        LoadReason reason;
        bool cookie_set;
    };
    static Visit visit(const SessionManager& node, const std::string& cookie) {
        auto session = node.load(request(cookie));
        EXPECT_TRUE(session.has_value());
        const auto result = node.commit(*session, request(cookie));
        EXPECT_TRUE(result.has_value());
        return {session->reason(), result->set_cookie.has_value()};
    }
    std::string log_in(const SessionManager& node, const std::string& user) {
        auto session = node.load(request({}));
        set(*session, "_user_id", user);
        std::string cookie;
        follow(node.commit(*session, request({})).value(), cookie);
        return cookie;
    }
    std::size_t reported(std::string_view what) {
        const std::lock_guard lock(reports_mutex);
        return static_cast<std::size_t>(
            std::ranges::count_if(reports, [&](const std::string& report) {
                return report.find(what) != std::string::npos;
            }));
    }

    const RingKey old_key = key(1, 'a');
    const RingKey new_key = key(2, 'q');
};

// ids: F28 C23 C28 S11
TEST_F(Keys, after_a_key_was_retired_its_sessions_log_in_again_and_the_rest_goes_on) {
    const auto before = node({old_key});
    const std::string old_cookie = log_in(*before, "7");
    const auto during = node({new_key, old_key});
    EXPECT_EQ(visit(*during, old_cookie).reason, LoadReason::found);
    const std::string new_cookie = log_in(*during, "8");

    const auto after = node({new_key});
    for (int i = 0; i < 3; ++i) {
        const Visit concerned = visit(*after, old_cookie);
        EXPECT_EQ(concerned.reason, LoadReason::forged);
        EXPECT_FALSE(concerned.cookie_set) << "another node may know it";
    }
    EXPECT_EQ(visit(*after, new_cookie).reason, LoadReason::found);
    EXPECT_EQ(visit(*after, log_in(*after, "7")).reason, LoadReason::found);
    EXPECT_EQ(after->counters().cookies_forged, 3U);
    EXPECT_EQ(reported("a cookie was refused"), 1U) << "once, not for each request";
}

// ids: F28 C23 C28 C26
TEST_F(Keys, a_node_without_the_key_of_a_record_says_so_and_harms_nobody) {
    const auto whole = node({new_key, old_key});
    const auto lacking = node({old_key});
    const std::string cookie = log_in(*lacking, "7");
    // Saved by a node that has the new key, it is sealed with that one.
    auto session = whole->load(request(cookie));
    set(*session, "seen", "here");
    ASSERT_TRUE(whole->commit(*session, request(cookie)).has_value());

    const Visit concerned = visit(*lacking, cookie);
    EXPECT_EQ(concerned.reason, LoadReason::unreadable);
    EXPECT_FALSE(concerned.cookie_set);
    EXPECT_EQ(visit(*lacking, cookie).reason, LoadReason::unreadable);
    EXPECT_EQ(lacking->counters().records_unreadable, 2U);
    EXPECT_EQ(reported("cannot be opened"), 1U);
    EXPECT_EQ(reported("sealed with key 2, which this process does not have"), 1U);
    // What it writes for this visitor is a session of its own.
    auto visitor = lacking->load(request(cookie));
    set(*visitor, "flash", "please log in");
    const auto written = lacking->commit(*visitor, request(cookie));
    ASSERT_TRUE(written.has_value());
    EXPECT_EQ(written->action, CommitAction::created);
    EXPECT_EQ(visit(*whole, cookie).reason, LoadReason::found) << "the others are not harmed";

    std::vector<std::string> details;
    EXPECT_TRUE(eventually([&] {
        AuditFilter filter;
        filter.type = "record.unreadable";
        details.clear();
        for (const auto& entry : lacking->audit(filter).value()) details.push_back(entry.detail);
        return details.size() >= 2;
    }));
    EXPECT_THAT(details, Contains(HasSubstr("\"key_id\":\"2\",\"reason\":\"key_missing\"")));
}

// ids: F28 C23 C28
TEST_F(Keys, another_key_of_the_same_id_on_one_node_is_that_nodes_trouble_alone) {
    const auto right = node({old_key});
    const auto wrong = node({key(1, 'z')});
    const std::string cookie = log_in(*right, "7");
    EXPECT_EQ(visit(*wrong, cookie).reason, LoadReason::forged);
    EXPECT_FALSE(visit(*wrong, cookie).cookie_set);
    const std::string theirs = log_in(*wrong, "7");
    EXPECT_EQ(visit(*wrong, theirs).reason, LoadReason::found);
    EXPECT_EQ(visit(*right, theirs).reason, LoadReason::forged);
    EXPECT_EQ(visit(*right, cookie).reason, LoadReason::found);
    // An ending of all sessions reaches those of both.
    EXPECT_EQ(right->end_user("7", {}, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_NE(visit(*wrong, theirs).reason, LoadReason::found);
    EXPECT_NE(visit(*right, cookie).reason, LoadReason::found);
}

// ids: F28 C23
TEST_F(Keys, a_record_that_the_key_of_its_id_does_not_open_is_told_apart) {
    const auto right = node({new_key, old_key});
    const auto wrong = node({new_key, key(1, 'z')});
    const auto early = node({old_key});
    const std::string cookie = log_in(*early, "7");
    EXPECT_EQ(visit(*wrong, cookie).reason, LoadReason::forged);
    const std::string fresh = log_in(*right, "8");
    EXPECT_EQ(visit(*wrong, fresh).reason, LoadReason::found) << "of the key that they share";
}

}  // namespace
}  // namespace vedfolnir::test
