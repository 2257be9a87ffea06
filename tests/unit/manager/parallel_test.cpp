#include "harness.hpp"

#include <algorithm>
#include <barrier>
#include <thread>

namespace vedfolnir::test {
namespace {

using Parallel = ManagerTest;

// ids: S22 N2
TEST_F(Parallel, writers_of_different_keys_lose_nothing) {
    std::string cookie = sign_in("7");
    constexpr int writers = 8;
    for (int round = 0; round < 20; ++round) {
        std::barrier loaded(writers);
        std::vector<std::thread> threads;
        for (int writer = 0; writer < writers; ++writer) {
            threads.emplace_back([&, writer] {
                Session session = load(cookie);
                loaded.arrive_and_wait();
                set(session, "k" + std::to_string(writer), std::int64_t{round});
                std::string mine = cookie;
                EXPECT_EQ(commit(session, mine).action, CommitAction::saved);
            });
        }
        for (auto& thread : threads) thread.join();
        const Session now = load(cookie);
        for (int writer = 0; writer < writers; ++writer) {
            EXPECT_EQ(now.get("k" + std::to_string(writer)).value(), Value(std::int64_t{round}));
        }
    }
    EXPECT_EQ(manager->counters().conflicts_same_key, 0U);
}

// ids: S22 N2
TEST_F(Parallel, slow_reader_never_reverts_a_platform_switch) {
    std::string cookie = sign_in("7");
    Session slow = load(cookie);
    Session quick = load(cookie);
    set(quick, "current_platform_id", std::int64_t{2});
    commit(quick, cookie);
    set(slow, "seen", true);
    commit(slow, cookie);
    EXPECT_EQ(load(cookie).get("current_platform_id").value(), Value(std::int64_t{2}));
    EXPECT_EQ(load(cookie).get("seen").value(), Value(true));
}

// ids: V04
TEST_F(Parallel, of_many_logouts_one_ends_the_session) {
    std::string cookie = sign_in("7");
    constexpr int tabs = 6;
    std::barrier loaded(tabs);
    std::atomic<int> ended{0};
    std::vector<std::thread> threads;
    for (int tab = 0; tab < tabs; ++tab) {
        threads.emplace_back([&] {
            Session session = load(cookie);
            loaded.arrive_and_wait();
            session.clear();
            std::string mine = cookie;
            if (commit(session, mine).ending == Ending::ended) ++ended;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(ended.load(), 1);
    EXPECT_FALSE(load(cookie).found());
    const auto types = event_types();
    EXPECT_EQ(std::ranges::count(types, std::string("session.ended")), 1);
}

// ids: S32
TEST_F(Parallel, two_processes_share_one_session) {
    auto other = process(ManagerOptions{});
    const std::string cookie = sign_in("7");
    auto there = other->load(request(cookie));
    ASSERT_TRUE(there.has_value());
    EXPECT_EQ(there->user_id(), "7");
    there->clear();
    ASSERT_TRUE(other->commit(*there, request(cookie)).has_value());
    EXPECT_FALSE(load(cookie).found());
}

}  // namespace
}  // namespace vedfolnir::test
