// Logins by a remember-me token: one session for parallel requests, in whatever process they run.
#include "harness.hpp"
#include "model/record.hpp"

#include <algorithm>
#include <barrier>
#include <set>
#include <thread>

namespace vedfolnir::test {
namespace {

class Remembered : public ManagerTest {
protected:
    /// A request with nothing but the token.
    static Session request_of(SessionManager& process, const std::string& user) {
        auto session = process.load(request(""));
        EXPECT_TRUE(session.has_value());
        set(*session, "_user_id", user);
        return std::move(*session);
    }
    /// Its login, and what the browser is told.
    CommitResult log_in(SessionManager& process, Session& session, const std::string& token,
                        std::string& cookie) {
        auto result = process.login_remembered(session, request(""), token);
        EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().detail);
        if (!result) return {};
        follow(*result, cookie);
        return *result;
    }
    std::string log_in(const std::string& user, const std::string& token) {
        std::string cookie;
        Session session = request_of(*manager, user);
        log_in(*manager, session, token, cookie);
        return cookie;
    }
    /// Between two looks of the next login at a place that is taken.
    void passes_while_it_waits(Millis time) {
        watched->after = [this, time, looks = 0](std::string_view call) mutable {
            if (call == "load" && ++looks == 2) clock_ms += time.count();
        };
    }
    [[nodiscard]] StoreKey place(const std::string& user, const std::string& token) {
        const auto ring = crypto::KeyRing::open(with_keys({}).keys);
        return ring->meeting_place(user, token).key;
    }
    [[nodiscard]] std::size_t live_rows() {
        return static_cast<std::size_t>(
            std::ranges::count_if(archive_rows(), [](const auto& row) { return !row.ended; }));
    }
};

// ids: E1 S19
TEST_F(Remembered, parallel_requests_of_all_processes_make_one_session) {
    constexpr int processes = 3;
    constexpr int requests = 4;
    std::vector<std::unique_ptr<SessionManager>> workers;
    for (int i = 0; i < processes; ++i) workers.push_back(process({}));
    std::barrier loaded(processes * requests);
    std::mutex mutex;
    std::multiset<std::string> cookies;
    std::multiset<CommitAction> actions;
    std::vector<std::thread> threads;
    for (int i = 0; i < processes * requests; ++i) {
        threads.emplace_back([&, i] {
            SessionManager& worker = *workers[static_cast<std::size_t>(i % processes)];
            Session session = request_of(worker, "7");
            loaded.arrive_and_wait();
            std::string cookie;
            const auto result = log_in(worker, session, "token", cookie);
            set(session, "mark" + std::to_string(i), true);
            EXPECT_TRUE(worker.commit(session, request(cookie)).has_value());
            const std::lock_guard lock(mutex);
            cookies.insert(cookie);
            actions.insert(result.action);
        });
    }
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(cookies.count(*cookies.begin()), 12U);
    EXPECT_EQ(actions.count(CommitAction::logged_in), 1U);
    EXPECT_EQ(actions.count(CommitAction::joined), 11U);
    EXPECT_EQ(live_rows(), 1U);
    EXPECT_EQ(event_types(), std::vector<std::string>{"session.remembered"});
    const Session session = load(*cookies.begin());
    EXPECT_EQ(session.user_id(), "7");
    for (int i = 0; i < processes * requests; ++i) {
        EXPECT_TRUE(session.contains("mark" + std::to_string(i))) << i;
    }
}

// ids: E1
TEST_F(Remembered, other_users_tokens_and_later_requests_make_sessions_of_their_own) {
    const std::string first = log_in("7", "token");
    EXPECT_EQ(log_in("7", "token"), first);
    std::set<std::string> cookies{first, log_in("7", "other"), log_in("8", "token")};
    EXPECT_EQ(cookies.size(), 3U);
    clock_ms += 10'001;
    cookies.insert(log_in("7", "token"));
    EXPECT_EQ(cookies.size(), 4U);
}

// ids: E1 C08
TEST_F(Remembered, a_session_that_ended_meanwhile_is_replaced_once) {
    std::string cookie = log_in("7", "token");
    const std::string first = cookie;
    Session session = load(cookie);
    session.clear();
    EXPECT_EQ(commit(session, cookie).ending, Ending::ended);
    const std::string second = log_in("7", "token");
    EXPECT_NE(second, first);
    EXPECT_TRUE(load(second).found());
    EXPECT_FALSE(load(first).found());
    EXPECT_EQ(log_in("7", "token"), second);
    EXPECT_EQ(live_rows(), 1U);
}

// ids: E1
TEST_F(Remembered, what_the_request_wrote_goes_along_and_the_session_may_be_written_on) {
    const std::string cookie = log_in("7", "token");
    Session session = request_of(*manager, "7");
    set(session, "before", "login");
    std::string same;
    EXPECT_EQ(log_in(*manager, session, "token", same).action, CommitAction::joined);
    EXPECT_EQ(same, cookie);
    EXPECT_TRUE(session.found());
    set(session, "after", "login");
    EXPECT_EQ(commit(session, same).action, CommitAction::saved);
    EXPECT_EQ(text(load(cookie), "before"), "login");
    EXPECT_EQ(text(load(cookie), "after"), "login");
}

// ids: E1
TEST_F(Remembered, a_request_with_a_session_of_its_own_is_left_alone) {
    std::string cookie;
    Session visitor = load(cookie);
    set(visitor, "cart", "apple");
    commit(visitor, cookie);
    Session session = load(cookie);
    set(session, "_user_id", "7");
    auto result = manager->login_remembered(session, request(cookie), "token");
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->action, CommitAction::none);
    EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
    EXPECT_EQ(text(load(cookie), "cart"), "apple");
    EXPECT_EQ(event_types(), std::vector<std::string>{"session.remembered"});
    Session nobody = load("");
    result = manager->login_remembered(nobody, request(""), "token");
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->action, CommitAction::none);
}

// ids: E1 V20
TEST_F(Remembered, what_is_shared_is_sealed_under_the_token) {
    const std::string cookie = log_in("7", "token");
    const std::string bytes = raw(place("7", "token"));
    ASSERT_GT(bytes.size(), model::offset::body);
    EXPECT_EQ(bytes.find(cookie), std::string::npos);
    EXPECT_EQ(bytes.find("token"), std::string::npos);
    // Somebody who can write to the store moves it to where another token would look.
    put_raw(place("7", "other"), bytes);
    passes_while_it_waits(Millis{30'000});
    EXPECT_NE(log_in("7", "other"), cookie);
}

// ids: E1 R9
TEST_F(Remembered, a_login_that_died_holds_nobody_up_for_longer_than_its_lease) {
    model::RecordHeader header;
    header.absolute_expiry = TimePoint(Millis(clock_ms.load() + 30'000));
    put_raw(place("7", "token"), model::pack_header(header));
    passes_while_it_waits(Millis{31'000});
    const std::string cookie = log_in("7", "token");
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(log_in("7", "token"), cookie);
}

// ids: E1 S37
TEST_F(Remembered, a_login_that_failed_leaves_the_place_free) {
    keeps_journal = false;
    open({});
    archive->set_down(true);
    Session session = request_of(*manager, "7");
    const auto refused = manager->login_remembered(session, request(""), "token");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_EQ(session.set("late", Value(1)).error().code, Errc::read_only);
    archive->set_down(false);
    EXPECT_EQ(raw(place("7", "token")), "");
    EXPECT_TRUE(load(log_in("7", "token")).found());
}

// ids: E1 C08 V03
TEST_F(Remembered, a_session_ended_between_its_row_and_its_record_is_not_shared) {
    auto other = process({});
    watched->before = [&](std::string_view call) {
        if (call != "create") return;
        for (const auto& row : archive_rows())
            EXPECT_TRUE(other->end(row.handle.text(), EndReason::security, "operator:x"));
    };
    Session session = request_of(*manager, "7");
    std::string cookie;
    EXPECT_EQ(log_in(*manager, session, "token", cookie).action, CommitAction::dropped);
    watched->before = [](std::string_view) {};
    EXPECT_EQ(cookie, "");
    EXPECT_EQ(session.reason(), LoadReason::ended);
    EXPECT_EQ(commit(session, cookie).action, CommitAction::none);
    EXPECT_EQ(store->size(), 0U);
    EXPECT_TRUE(load(log_in("7", "token")).found());
}

}  // namespace
}  // namespace vedfolnir::test
