#include "harness.hpp"
#include "model/record.hpp"

namespace vedfolnir::test {
namespace {

using LoginRace = ManagerTest;

// ids: S13 C08 V03
TEST_F(LoginRace, session_ended_between_its_row_and_its_record_is_not_handed_out) {
    auto other = process(ManagerOptions{});
    std::string cookie;
    Session before = load(cookie);
    set(before, "cart", "apple");
    commit(before, cookie);
    const std::string anonymous = cookie;

    for (const std::string& from : {std::string(), anonymous}) {
        watched->before = [&](std::string_view call) {
            if (call != "create") return;
            for (const auto& row : archive_rows()) {
                if (row.ended) continue;
                EXPECT_EQ(other->end(row.handle.text(), EndReason::security, "operator:x").value(),
                          Ending::ended);
            }
        };
        std::string browser = from;
        Session session = load(browser);
        set(session, "_user_id", "7");
        const CommitResult result = commit(session, browser);
        watched->before = [](std::string_view) {};
        EXPECT_EQ(result.action, CommitAction::dropped);
        EXPECT_FALSE(result.set_cookie.has_value());
        EXPECT_EQ(store->size(), 1U) << "only the anonymous session";
    }
    EXPECT_TRUE(load(anonymous).found());
    EXPECT_TRUE(manager->list({.user_id = "7"})->empty());
    EXPECT_EQ(manager->counters().logins, 0U);
}

// ids: S13 S32 C03 N1
TEST_F(LoginRace, of_two_reauthentications_at_once_one_session_is_left_and_sql_can_name_it) {
    auto other = process(ManagerOptions{});
    const std::string cookie = sign_in("7");
    auto there = other->load(request(cookie));
    ASSERT_TRUE(there.has_value());
    there->mark_login();
    std::string winner = cookie;
    bool entered = false;
    watched->before = [&](std::string_view call) {
        if (call != "create" || std::exchange(entered, true)) return;
        const auto overtaking = other->commit(*there, request(cookie));
        ASSERT_TRUE(overtaking.has_value());
        EXPECT_EQ(overtaking->action, CommitAction::logged_in);
        follow(*overtaking, winner);
    };
    Session here = load(cookie);
    here.mark_login();
    std::string browser = cookie;
    const CommitResult result = commit(here, browser);
    EXPECT_EQ(result.action, CommitAction::dropped);
    EXPECT_FALSE(result.set_cookie.has_value());

    EXPECT_TRUE(load(winner).found());
    const auto rows = archive_rows();
    ASSERT_EQ(rows.size(), 1U);
    const auto listed = now<std::vector<async::IndexEntry>>(
        store->list_user(rows.front().user, deadline_in(Millis{10'000})));
    ASSERT_EQ(listed.size(), 1U) << "no record that the row does not name";
    EXPECT_EQ(listed.front().key, rows.front().key);
    ASSERT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_FALSE(load(winner).found());
}

// ids: S13 C03
TEST_F(LoginRace, every_id_the_session_had_is_dead_before_the_new_record_stands) {
    std::string cookie = sign_in("7");
    Session late = load(cookie);
    Session first = load(cookie);
    first.mark_login();
    std::string second = cookie;
    ASSERT_EQ(commit(first, second).action, CommitAction::logged_in);
    const StoreKey second_key = archive_rows().front().key;

    std::vector<std::string> calls;
    bool dead = false;
    watched->before = [&](std::string_view call) {
        calls.emplace_back(call);
        if (call == "create") dead = model::parse_note(raw(second_key)).has_value();
    };
    late.mark_login();
    EXPECT_EQ(commit(late, cookie).action, CommitAction::logged_in);
    watched->before = [](std::string_view) {};
    EXPECT_TRUE(dead);
    EXPECT_EQ(calls, (std::vector<std::string>{"end", "create"}));
    EXPECT_EQ(reason(second), LoadReason::rotated);
    EXPECT_EQ(load(cookie).user_id(), "7");
}

}  // namespace
}  // namespace vedfolnir::test
