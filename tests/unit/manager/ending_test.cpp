#include "harness.hpp"
#include "model/record.hpp"

#include <thread>

namespace vedfolnir::test {
namespace {

using EndingTest = ManagerTest;

// ids: C08 V03 N1 S22
TEST_F(EndingTest, request_that_loaded_before_the_logout_changes_nothing_after_it) {
    std::string cookie = sign_in("7");
    Session slow = load(cookie);
    Session slow_switch = load(cookie);
    Session logout = load(cookie);
    ASSERT_TRUE(logout.erase("_user_id"));
    std::string browser = cookie;
    const CommitResult ended = commit(logout, browser);
    EXPECT_EQ(ended.action, CommitAction::ended);
    EXPECT_EQ(ended.ending, Ending::ended);
    ASSERT_TRUE(ended.set_cookie.has_value());
    EXPECT_NE(ended.set_cookie->find("Max-Age=0"), std::string::npos);

    const auto events = event_types().size();
    set(slow, "x", "late");
    EXPECT_EQ(commit(slow, cookie).action, CommitAction::dropped);
    set(slow_switch, "current_platform_id", std::int64_t{9});
    EXPECT_EQ(commit(slow_switch, cookie).action, CommitAction::dropped);
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
    EXPECT_EQ(event_types().size(), events);
    EXPECT_TRUE(manager->list({.user_id = "7"})->empty());
}

// ids: S13 C03 V03
TEST_F(EndingTest, login_in_a_late_request_needs_an_authentication) {
    const std::string cookie = sign_in("7");
    Session refilled = load(cookie);
    Session authenticated = load(cookie);
    const auto old = *authenticated.handle();
    Session logout = load(cookie);
    logout.clear();
    std::string browser = cookie;
    EXPECT_EQ(commit(logout, browser).action, CommitAction::ended);

    refilled.clear();
    set(refilled, "_user_id", "7");
    std::string late = cookie;
    const CommitResult refused = commit(refilled, late);
    EXPECT_EQ(refused.action, CommitAction::dropped);
    EXPECT_FALSE(refused.set_cookie.has_value());
    EXPECT_EQ(store->size(), 0U);

    authenticated.mark_login();
    late = cookie;
    EXPECT_EQ(commit(authenticated, late).action, CommitAction::logged_in);
    Session session = load(late);
    EXPECT_EQ(session.user_id(), "7");
    EXPECT_NE(*session.handle(), old);
    EXPECT_FALSE(load(cookie).found());
}

// ids: S45 S46
TEST_F(EndingTest, clear_ends_the_session_and_what_is_written_then_starts_a_new_one) {
    std::string cookie = sign_in("7");
    const std::string old = cookie;
    Session session = load(cookie);
    session.clear();
    set(session, "_flashes", Array{{Value("bye")}});
    const CommitResult result = commit(session, cookie);
    EXPECT_EQ(result.action, CommitAction::ended);
    EXPECT_EQ(result.ending, Ending::ended);
    EXPECT_NE(cookie, old);
    Session next = load(cookie);
    EXPECT_TRUE(next.found());
    EXPECT_TRUE(next.user_id().empty());
    EXPECT_TRUE(next.contains("_flashes"));
}

// ids: S45
TEST_F(EndingTest, logout_by_key_removal_carries_only_flashes_and_later_writes) {
    std::string cookie = sign_in("7");
    Session before = load(cookie);
    set(before, "private", "x");
    commit(before, cookie);
    Session session = load(cookie);
    session.erase("_user_id");
    set(session, "seen", "after");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::ended);
    Session next = load(cookie);
    EXPECT_EQ(text(next, "seen"), "after");
    EXPECT_EQ(text(next, "private"), "<none>");
}

// ids: C28 N1
TEST_F(EndingTest, without_sql_an_ending_is_pending_denied_and_gone_from_the_store) {
    std::string cookie = sign_in("7");
    archive->set_down(true);
    Session session = load(cookie);
    session.clear();
    std::string browser = cookie;
    const CommitResult result = commit(session, browser);
    EXPECT_EQ(result.ending, Ending::pending);
    EXPECT_TRUE(result.set_cookie.has_value());
    EXPECT_EQ(store->size(), 0U);
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(manager->counters().endings_pending, 1U);
}

// ids: C08 C28
TEST_F(EndingTest, ended_session_that_reappears_in_the_store_is_refused_here) {
    std::string cookie = sign_in("7");
    const Session seen = load(cookie);
    const auto rows = archive_rows();
    ASSERT_EQ(rows.size(), 1U);
    const std::string kept = raw(rows.front().key);
    Session logout = load(cookie);
    logout.clear();
    std::string browser = cookie;
    commit(logout, browser);
    put_raw(rows.front().key, kept);
    EXPECT_EQ(reason(cookie), LoadReason::ended);
}

// ids: C08 N1
TEST_F(EndingTest, new_process_replays_endings_that_the_store_lost) {
    std::string cookie = sign_in("7");
    const auto rows = archive_rows();
    const std::string kept = raw(rows.front().key);
    Session logout = load(cookie);
    logout.clear();
    std::string browser = cookie;
    commit(logout, browser);

    // The store comes back without the ending, as after a failover: an old record, and no mark.
    manager.reset();
    empty_store();
    put_raw(rows.front().key, kept);
    open(ManagerOptions{});
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
}

// ids: C08 S44
TEST_F(EndingTest, session_ends_by_handle_for_its_owner_only) {
    const std::string cookie = sign_in("7");
    const std::string handle = load(cookie).handle()->text();
    EXPECT_EQ(manager->end(handle, EndReason::ended_by_user, "user", "8").value(), Ending::absent);
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(manager->end(handle, EndReason::ended_by_user, "user", "7").value(), Ending::ended);
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(manager->end(handle, EndReason::ended_by_user, "user", "7").value(), Ending::absent);
    EXPECT_EQ(manager->end("nonsense", EndReason::ended_by_operator, "operator:x").value(),
              Ending::absent);
}

// ids: C08 S44 C28
TEST_F(EndingTest, handle_that_nobody_can_look_up_is_unknown_and_not_absent) {
    const std::string handle = load(sign_in("7")).handle()->text();
    archive->set_down(true);
    exchange_store();  // emptied: its copy comes back when SQL does
    EXPECT_TRUE(manager->end(handle, EndReason::ended_by_user, "user", "7").has_error());
}

// ids: C08 S44 S16
TEST_F(EndingTest, session_that_sql_does_not_know_yet_ends_by_handle) {
    const std::string cookie = sign_in("7");
    const std::string handle = load(cookie).handle()->text();
    // Its login waits in the journal of another host.
    manager.reset();
    archive = std::make_shared<memory::MemoryArchive>();
    open(ManagerOptions{});
    EXPECT_EQ(manager->end(handle, EndReason::ended_by_user, "user", "8").value(), Ending::absent);
    EXPECT_EQ(manager->end(handle, EndReason::ended_by_user, "user", "7").value(), Ending::ended);
    EXPECT_FALSE(load(cookie).found());
}

// ids: C08 S44
TEST_F(EndingTest, session_ends_by_cookie_for_its_owner_only) {
    const std::string cookie = sign_in("7");
    std::string visitor;
    Session anonymous = load(visitor);
    set(anonymous, "cart", "apple");
    commit(anonymous, visitor);
    const auto end = [&](const std::string& name, std::string_view owner) {
        return manager->end(name, EndReason::ended_by_user, "user", owner);
    };
    EXPECT_EQ(end(cookie, "8").value(), Ending::absent);
    EXPECT_EQ(end(visitor, "8").value(), Ending::absent);
    EXPECT_TRUE(load(cookie).found());
    EXPECT_TRUE(load(visitor).found());

    // Without SQL the record says whose it is, and without both nobody can.
    archive->set_down(true);
    EXPECT_EQ(end(cookie, "8").value(), Ending::absent);
    watched->unreachable = true;
    EXPECT_TRUE(end(cookie, "8").has_error());
    EXPECT_TRUE(end(cookie, "7").has_error());
    watched->unreachable = false;
    archive->set_down(false);
    EXPECT_TRUE(load(cookie).found());

    // For this manager SQL was away a moment ago; a fresh one asks it.
    open(ManagerOptions{});
    EXPECT_EQ(end(cookie, "7").value(), Ending::ended);
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(end(visitor, "").value(), Ending::ended);
    EXPECT_FALSE(load(visitor).found());
}

// ids: S44 C08
TEST_F(EndingTest, all_other_sessions_of_a_user_end_and_nobody_elses) {
    const std::string mine = sign_in("7");
    const std::string phone = sign_in("7");
    const std::string tablet = sign_in("7");
    const std::string other = sign_in("8");
    std::uint32_t count = 0;
    const auto ending =
        manager->end_user("7", load(mine).handle(), EndReason::ended_by_user, "user", &count);
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(count, 2U);
    EXPECT_TRUE(load(mine).found());
    EXPECT_FALSE(load(phone).found());
    EXPECT_FALSE(load(tablet).found());
    EXPECT_TRUE(load(other).found());
}

// ids: C08 E8
TEST_F(EndingTest, ending_a_user_raises_the_epoch_and_the_next_login_works) {
    const std::string cookie = sign_in("7");
    Session slow = load(cookie);
    ASSERT_TRUE(manager->end_user("7", {}, EndReason::security, "operator:x").has_value());
    set(slow, "x", "late");
    std::string browser = cookie;
    EXPECT_EQ(commit(slow, browser).action, CommitAction::dropped);
    EXPECT_FALSE(load(cookie).found());
    const std::string again = sign_in("7");
    EXPECT_EQ(load(again).user_id(), "7");
}

// ids: S87 C22 V02
TEST_F(EndingTest, record_that_does_not_open_is_no_session_and_audited) {
    const std::string cookie = sign_in("7");
    const auto rows = archive_rows();
    std::string record = raw(rows.front().key);
    record.back() = static_cast<char>(record.back() ^ 1);
    put_raw(rows.front().key, record);
    EXPECT_EQ(reason(cookie), LoadReason::unreadable);
    EXPECT_EQ(manager->counters().records_unreadable, 1U);
    // The event is written behind the request; the next operations on the same loop come after it.
    const auto deadline = deadline_in(Millis{10'000});
    while (event_types().back() != "record.unreadable" &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_EQ(event_types().back(), "record.unreadable");
}

// ids: S99
TEST_F(EndingTest, inspection_masks_secrets_and_leaves_an_event) {
    std::string cookie = sign_in("7");
    Session session = load(cookie);
    set(session, "csrf_token", "very-secret");
    set(session, "cart", "apple");
    commit(session, cookie);
    const auto inspection = manager->inspect(load(cookie).handle()->text(), "operator:ada");
    ASSERT_TRUE(inspection.has_value());
    ASSERT_TRUE(inspection->has_value());
    EXPECT_NE((*inspection)->payload_json.find("apple"), std::string::npos);
    EXPECT_EQ((*inspection)->payload_json.find("very-secret"), std::string::npos);
    EXPECT_EQ(event_types().back(), "session.inspected");
}

// ids: S99 S102
TEST_F(EndingTest, a_list_says_of_a_record_it_cannot_open_that_it_does_not_know) {
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    std::string damaged = raw(key);
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    put_raw(key, damaged);
    const auto list = manager->list({.user_id = "7"});
    ASSERT_TRUE(list.has_value());
    ASSERT_EQ(list->size(), 1U);
    EXPECT_FALSE(list->front().live.has_value());
}

// ids: S44 S8
TEST_F(EndingTest, what_is_live_is_judged_by_the_stores_clock) {
    clock_ms = 1'600'000'000'000;  // years behind this host
    (void)sign_in("7");
    const auto list = manager->list({.user_id = "7"});
    ASSERT_TRUE(list.has_value());
    ASSERT_EQ(list->size(), 1U);
    EXPECT_EQ(list->front().live, std::optional(true));
}

// ids: S45 S65
TEST_F(EndingTest, expired_sessions_are_closed_in_sql_with_the_time_they_ended) {
    constexpr std::size_t users = 1003;
    for (std::size_t user = 0; user < users; ++user) (void)sign_in(std::to_string(user));
    EXPECT_EQ(manager->close_expired().value(), 0U);
    clock_ms += 86'400'000;
    EXPECT_EQ(manager->close_expired().value(), users);
    EXPECT_EQ(manager->close_expired().value(), 0U);
    archive->set_down(true);
    EXPECT_EQ(manager->close_expired().error().code, Errc::audit_unavailable);
}

}  // namespace
}  // namespace vedfolnir::test
