#include "harness.hpp"

namespace vedfolnir::test {
namespace {

using Lifecycle = ManagerTest;

// ids: S14 V14
TEST_F(Lifecycle, anonymous_request_that_writes_nothing_leaves_nothing) {
    for (int i = 0; i < 50; ++i) {
        std::string cookie;
        Session session = load(cookie);
        EXPECT_FALSE(session.get("cart").value().has_value());
        const CommitResult result = commit(session, cookie);
        EXPECT_EQ(result.action, CommitAction::none);
        EXPECT_FALSE(result.set_cookie.has_value());
    }
    EXPECT_EQ(store->size(), 0U);
}

// ids: S15 S19
TEST_F(Lifecycle, first_write_creates_and_the_cookie_leads_back) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "cart", "apple");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::created);
    EXPECT_EQ(cookie.size(), 67U);
    EXPECT_EQ(text(load(cookie), "cart"), "apple");
}

// ids: S21
TEST_F(Lifecycle, reading_writes_nothing) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "cart", "apple");
    commit(session, cookie);
    Session reader = load(cookie);
    EXPECT_EQ(text(reader, "cart"), "apple");
    const CommitResult result = commit(reader, cookie);
    EXPECT_EQ(result.action, CommitAction::none);
    EXPECT_FALSE(result.set_cookie.has_value());
}

// ids: V25
TEST_F(Lifecycle, write_after_the_commit_is_refused) {
    std::string cookie;
    Session session = load(cookie);
    commit(session, cookie);
    const auto late = session.set("late", "x");
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, Errc::read_only);
    EXPECT_TRUE(manager->commit(session, request(cookie)).has_error());
}

// ids: C02 S6 V05 V22
TEST_F(Lifecycle, foreign_cookies_ask_no_store) {
    const std::string real = sign_in("7");
    std::string forged = real;
    forged[10] = forged[10] == 'A' ? 'B' : 'A';
    const std::uint64_t before = manager->counters().loads_unknown;
    store->set_down(true);  // a store call would fail, and be seen
    for (const std::string& cookie : {std::string("junk"), std::string(10'000, 'x'),
                                      std::string("../../etc"), std::string("eyJmb28iOjF9.abc.def"),
                                      std::string(".eJwrSS0uAQAEXQHB"), forged, real + "A"}) {
        auto session = manager->load(request(cookie));
        ASSERT_TRUE(session.has_value());
        EXPECT_FALSE(session->found());
    }
    EXPECT_EQ(manager->counters().loads_unknown, before);
    EXPECT_EQ(manager->counters().cookies_forged, 1U);
    EXPECT_EQ(manager->counters().cookies_malformed, 6U);
}

// ids: V05 C02
TEST_F(Lifecycle, issued_id_without_a_record_is_never_adopted) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "x", "1");
    commit(session, cookie);
    const std::string first = cookie;
    Session cleared = load(cookie);
    cleared.clear();
    commit(cleared, cookie);
    ASSERT_EQ(reason(first), LoadReason::missing);
    Session again = load(first);
    set(again, "x", "2");
    std::string fresh = first;
    EXPECT_EQ(commit(again, fresh).action, CommitAction::created);
    EXPECT_NE(fresh, first);
    EXPECT_EQ(reason(first), LoadReason::missing);
}

// ids: C12 S17
TEST_F(Lifecycle, two_cookies_of_our_name_are_no_session) {
    const std::string cookie = sign_in("7");
    RequestContext tossed = request(cookie);
    tossed.cookie_header += "; __Host-session=" + cookie;
    auto session = manager->load(tossed);
    ASSERT_TRUE(session.has_value());
    EXPECT_EQ(session->reason(), LoadReason::ambiguous);
    EXPECT_EQ(manager->counters().cookies_ambiguous, 1U);
}

// ids: C04 S8 V16
TEST_F(Lifecycle, idle_limit_slides_and_absolute_limit_does_not) {
    std::string cookie = sign_in("7");
    const std::int64_t start = clock_ms;
    for (int hour = 1; hour < 24; ++hour) {
        clock_ms = start + hour * 3'600'000LL;
        Session session = load(cookie);
        ASSERT_TRUE(session.found()) << hour;
        commit(session, cookie);
    }
    clock_ms = start + 24 * 3'600'000LL;
    EXPECT_FALSE(load(cookie).found());
}

// ids: S8 S23 C04
TEST_F(Lifecycle, passive_requests_keep_nobody_alive) {
    std::string cookie = sign_in("7");
    const std::int64_t start = clock_ms;
    for (int minute = 1; minute <= 120; ++minute) {
        clock_ms = start + minute * 60'000LL;
        Session session = load(cookie);
        ASSERT_TRUE(session.found());
        RequestContext passive = request(cookie);
        passive.passive = true;
        ASSERT_TRUE(manager->commit(session, passive).has_value());
    }
    clock_ms = start + 121 * 60'000LL;
    EXPECT_FALSE(load(cookie).found());
}

// ids: S20
TEST_F(Lifecycle, activity_is_recorded_once_per_touch_window) {
    std::string cookie = sign_in("7");
    clock_ms += 61'000;
    for (int i = 0; i < 100; ++i) {
        Session session = load(cookie);
        commit(session, cookie);
    }
    EXPECT_EQ(manager->counters().touches, 1U);
}

// ids: C04 V15
TEST_F(Lifecycle, clock_steps_never_extend_a_life) {
    std::string cookie = sign_in("7");
    const std::int64_t start = clock_ms;
    clock_ms = start + 3'600'000;  // one hour ahead, and used there
    Session ahead = load(cookie);
    ASSERT_TRUE(ahead.found());
    commit(ahead, cookie);
    clock_ms = start;  // and back: last_seen now lies an hour in the future
    EXPECT_FALSE(load(cookie).found());
}

// ids: S11
TEST_F(Lifecycle, cookie_with_max_age_moves_with_the_session_but_not_on_every_response) {
    ManagerOptions options;
    options.cookie.max_age = Seconds(7200);
    open(options);
    std::string cookie = sign_in("7");
    Session first = load(cookie);
    EXPECT_FALSE(commit(first, cookie).set_cookie.has_value());
    clock_ms += 61'000;
    Session second = load(cookie);
    const CommitResult touched = commit(second, cookie);
    ASSERT_TRUE(touched.set_cookie.has_value());
    EXPECT_NE(touched.set_cookie->find("Max-Age=7200"), std::string::npos);
    EXPECT_TRUE(load(cookie).found());
}

// ids: C06
TEST_F(Lifecycle, max_age_never_exceeds_what_is_left_of_the_session) {
    ManagerOptions options;
    options.cookie.max_age = Seconds(400'000);
    open(options);
    std::string cookie;
    Session session = load(cookie);
    set(session, "_user_id", "7");
    const CommitResult result = commit(session, cookie);
    ASSERT_TRUE(result.set_cookie.has_value());
    EXPECT_NE(result.set_cookie->find("Max-Age=86400"), std::string::npos) << *result.set_cookie;
}

// ids: S6 C01 V13
TEST_F(Lifecycle, failing_random_source_creates_nothing) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "x", "1");
    random->fail = true;
    const auto result = manager->commit(session, request(cookie));
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, Errc::random_unavailable);
    EXPECT_EQ(store->size(), 0U);
}

// ids: S14 V17
TEST_F(Lifecycle, repeating_random_source_overwrites_nothing) {
    random->repeat = true;
    std::string first;
    Session session = load(first);
    set(session, "owner", "first");
    commit(session, first);
    std::string second;
    Session other = load(second);
    set(other, "owner", "second");
    const auto refused = manager->commit(other, request(second));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::random_unavailable);
    EXPECT_EQ(text(load(first), "owner"), "first");
}

// ids: C25
TEST_F(Lifecycle, oversize_is_refused_with_both_sizes_and_the_stored_session_stays) {
    std::string cookie;
    Session session = load(cookie);
    set(session, "x", "small");
    commit(session, cookie);
    Session big = load(cookie);
    set(big, "x", std::string(300'000, 'x'));
    const auto refused = manager->commit(big, request(cookie));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::too_large);
    EXPECT_NE(refused.error().public_message.find("3000"), std::string::npos)
        << refused.error().public_message;
    EXPECT_NE(refused.error().public_message.find("262144"), std::string::npos);
    EXPECT_EQ(text(load(cookie), "x"), "small");
}

// ids: N3 C28
TEST_F(Lifecycle, store_that_cannot_answer_is_unknown_and_never_none) {
    std::string cookie = sign_in("7");
    store->set_down(true);
    const auto unknown = manager->load(request(cookie));
    ASSERT_TRUE(unknown.has_error());
    EXPECT_EQ(unknown.error().code, Errc::store_unavailable);
    store->set_down(false);
    Session session = load(cookie);
    ASSERT_TRUE(session.found());
    set(session, "x", "1");
    store->set_down(true);
    const auto failed = manager->commit(session, request(cookie));
    ASSERT_TRUE(failed.has_error());
    store->set_down(false);
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(text(load(cookie), "x"), "<none>");
}

// ids: S64
TEST_F(Lifecycle, a_store_without_figures_has_empty_ones) {
    const StoreInfo info = manager->store_info().value();
    EXPECT_FALSE(info.used_memory.has_value());
    EXPECT_FALSE(info.connected_clients.has_value());
    EXPECT_EQ(info.version, "");
}

// ids: S24 E2
TEST_F(Lifecycle, device_place_and_platform_are_in_the_session) {
    std::string cookie = sign_in("7");
    Session session = load(cookie);
    EXPECT_EQ(session.device(), "Mozilla/5.0 (test)");
    EXPECT_EQ(session.place(), "127.0.0.1");
    EXPECT_EQ(session.platform(), "");
    set(session, "platform_connection_id", std::int64_t{5});
    EXPECT_EQ(session.platform(), "");
    commit(session, cookie);
    EXPECT_EQ(load(cookie).platform(), "5");
    EXPECT_EQ(Session().device(), "");
}

}  // namespace
}  // namespace vedfolnir::test
