#include "harness.hpp"

namespace vedfolnir::test {
namespace {

using Login = ManagerTest;

// ids: S13 C03 V06 S91
TEST_F(Login, id_changes_and_the_old_one_never_leads_into_the_login) {
    std::string cookie;
    Session anonymous = load(cookie);
    set(anonymous, "cart", "apple");
    commit(anonymous, cookie);
    const std::string planted = cookie;

    Session session = load(cookie);
    set(session, "_user_id", "7");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
    EXPECT_NE(cookie, planted);
    Session victim = load(cookie);
    EXPECT_EQ(victim.user_id(), "7");
    EXPECT_EQ(text(victim, "cart"), "apple");

    // For a moment the old id runs without a session: nothing set, nothing cleared, nothing saved.
    Session attacker = load(planted);
    EXPECT_EQ(attacker.reason(), LoadReason::rotated);
    EXPECT_TRUE(attacker.keys().empty());
    set(attacker, "x", "1");
    std::string attacker_cookie = planted;
    const CommitResult quiet = commit(attacker, attacker_cookie);
    EXPECT_EQ(quiet.action, CommitAction::none);
    EXPECT_FALSE(quiet.set_cookie.has_value());
    clock_ms += 11'000;
    EXPECT_EQ(reason(planted), LoadReason::missing);
}

// ids: S13 V07 C03
TEST_F(Login, csrf_secret_from_before_the_login_is_dropped_and_a_new_one_stays) {
    std::string cookie;
    Session anonymous = load(cookie);
    set(anonymous, "csrf_token", "planted");
    set(anonymous, "next", "/inbox");
    commit(anonymous, cookie);
    Session session = load(cookie);
    set(session, "_user_id", "7");
    commit(session, cookie);
    EXPECT_EQ(text(load(cookie), "csrf_token"), "<none>");
    EXPECT_EQ(text(load(cookie), "next"), "/inbox");

    std::string other;
    Session before = load(other);
    set(before, "csrf_token", "planted");
    commit(before, other);
    Session login = load(other);
    set(login, "_user_id", "8");
    set(login, "csrf_token", "fresh");
    commit(login, other);
    EXPECT_EQ(text(load(other), "csrf_token"), "fresh");
}

// ids: S13
TEST_F(Login, allow_list_keeps_only_what_it_names) {
    ManagerOptions options;
    options.identity.kept_at_login = {{"cart"}};
    open(options);
    std::string cookie;
    Session anonymous = load(cookie);
    set(anonymous, "cart", "apple");
    set(anonymous, "next", "/inbox");
    commit(anonymous, cookie);
    Session session = load(cookie);
    set(session, "user_id", std::int64_t{7});
    commit(session, cookie);
    EXPECT_EQ(text(load(cookie), "cart"), "apple");
    EXPECT_EQ(text(load(cookie), "next"), "<none>");
}

// ids: S12 S15 S16
TEST_F(Login, one_row_and_one_creation_event) {
    const std::string cookie = sign_in("7");
    EXPECT_EQ(event_types(), std::vector<std::string>{"session.created"});
    const auto rows = manager->list({.user_id = "7"});
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->front().handle, load(cookie).handle());
    EXPECT_EQ(rows->front().live, std::optional(true));
}

// ids: S82
TEST_F(Login, assigning_the_same_identity_is_no_login) {
    std::string cookie = sign_in("7");
    const std::string before = cookie;
    Session session = load(cookie);
    set(session, "_user_id", "7");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::none);
    EXPECT_EQ(cookie, before);
}

// ids: S13 C03 E1
TEST_F(Login, marked_fresh_or_cleared_logins_of_the_same_user_rotate_and_keep_the_handle) {
    std::string cookie = sign_in("7");
    const auto handle = load(cookie).handle();
    {
        Session marked = load(cookie);
        marked.mark_login();
        const std::string old = cookie;
        EXPECT_EQ(commit(marked, cookie).action, CommitAction::logged_in);
        EXPECT_NE(cookie, old);
        EXPECT_FALSE(load(old).found());
    }
    {
        Session fresh = load(cookie);
        set(fresh, "_fresh", true);
        EXPECT_EQ(commit(fresh, cookie).action, CommitAction::logged_in);
    }
    {
        Session cleared = load(cookie);
        cleared.clear();
        set(cleared, "_user_id", "7");
        EXPECT_EQ(commit(cleared, cookie).action, CommitAction::logged_in);
    }
    EXPECT_EQ(load(cookie).handle(), handle);
    EXPECT_EQ(event_types().back(), "session.reauthenticated");
    EXPECT_EQ(manager->list({.user_id = "7"})->size(), 1U);
}

// ids: S13 C03
TEST_F(Login, what_one_user_left_is_not_handed_to_the_next) {
    std::string cookie = sign_in("7");
    Session first = load(cookie);
    set(first, "private", "of 7");
    set(first, "role", "reader");
    commit(first, cookie);
    const std::string old = cookie;
    Session second = load(cookie);
    set(second, "_user_id", "8");
    set(second, "welcome", "8");
    set(second, "role", "reader");  // The same value, but this login's own.
    EXPECT_EQ(commit(second, cookie).action, CommitAction::logged_in);
    Session now = load(cookie);
    EXPECT_EQ(now.user_id(), "8");
    EXPECT_EQ(text(now, "private"), "<none>");
    EXPECT_EQ(text(now, "welcome"), "8");
    EXPECT_EQ(text(now, "role"), "reader");
    EXPECT_FALSE(load(old).found());
    EXPECT_TRUE(manager->list({.user_id = "7"})->empty());
}

// ids: S13 C03 V06
TEST_F(Login, replaced_authenticated_id_runs_without_a_session_and_sets_no_cookie) {
    std::string cookie = sign_in("7");
    const std::string old = cookie;
    Session again = load(cookie);
    again.mark_login();
    commit(again, cookie);
    ASSERT_NE(cookie, old);

    Session late = load(old);
    EXPECT_EQ(late.reason(), LoadReason::rotated);
    set(late, "x", "1");
    std::string browser = old;
    const CommitResult quiet = commit(late, browser);
    EXPECT_EQ(quiet.action, CommitAction::none);
    EXPECT_FALSE(quiet.set_cookie.has_value());
    EXPECT_TRUE(load(cookie).found());
    clock_ms += 11'000;
    EXPECT_EQ(reason(old), LoadReason::missing);
}

// ids: S91 C03
TEST_F(Login, two_identities_at_once_are_refused_and_audited) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "_user_id", "7");
    set(session, "user_id", std::int64_t{8});
    const auto refused = manager->commit(session, request(cookie));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_EQ(store->size(), 0U);

    std::string same;
    Session agreeing = load(same);
    set(agreeing, "_user_id", "7");
    set(agreeing, "user_id", std::int64_t{7});
    EXPECT_EQ(commit(agreeing, same).action, CommitAction::logged_in);
}

// ids: E1
TEST_F(Login, remembered_login_is_audited_as_remembered) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "_user_id", "7");
    session.mark_remembered();
    EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
    EXPECT_EQ(event_types().back(), "session.remembered");
}

// ids: C28
TEST_F(Login, without_sql_and_journal_a_login_writes_nothing) {
    keeps_journal = false;
    open({});
    archive->set_down(true);
    std::string cookie;
    Session session = load(cookie);
    set(session, "_user_id", "7");
    const auto refused = manager->commit(session, request(cookie));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_EQ(store->size(), 0U);
}

// ids: V17
TEST_F(Login, repeating_random_source_never_overwrites_at_rotation) {
    random->repeat = true;
    const std::string first = sign_in("7");
    std::string second;
    Session session = load(second);
    set(session, "_user_id", "7");
    EXPECT_TRUE(manager->commit(session, request(second)).has_error());
    EXPECT_EQ(load(first).user_id(), "7");
}

// ids: S22 S24 E2
TEST_F(Login, platform_switch_is_one_event_and_ordinary_writes_are_none) {
    std::string cookie = sign_in("7");
    const auto before = event_types().size();
    for (int i = 0; i < 20; ++i) {
        Session session = load(cookie);
        set(session, "counter", std::int64_t{i});
        commit(session, cookie);
    }
    EXPECT_EQ(event_types().size(), before);
    Session session = load(cookie);
    set(session, "platform_connection_id", std::int64_t{3});
    EXPECT_EQ(commit(session, cookie).action, CommitAction::saved);
    const auto types = event_types();
    ASSERT_EQ(types.size(), before + 1);
    EXPECT_EQ(types.back(), "session.platform_switched");
    EXPECT_EQ(manager->list({.user_id = "7"})->front().platform, "3");
}

// ids: E2
TEST_F(Login, twin_names_are_one_value) {
    std::string cookie = sign_in("7");
    Session session = load(cookie);
    set(session, "platform_connection_id", std::int64_t{3});
    EXPECT_EQ(session.get("current_platform_id").value(), Value(std::int64_t{3}));
    commit(session, cookie);
    Session next = load(cookie);
    EXPECT_EQ(next.get("platform_connection_id").value(), Value(std::int64_t{3}));
    EXPECT_TRUE(next.erase("current_platform_id"));
    EXPECT_FALSE(next.contains("platform_connection_id"));
}

}  // namespace
}  // namespace vedfolnir::test
