// SQL decides on endings: what the hot store missed reaches it, and the processes that read from it.
#include "harness.hpp"
#include "support/redis_server.hpp"

namespace vedfolnir::test {
namespace {

class Authority : public ManagerTest {
protected:
    /// Another process ended it in SQL, and the hot store never heard of it.
    void end_in_sql_only(StoreKey key) {
        async::EndRequest request;
        request.key = key;
        request.event.type = "session.ended";
        request.event.at = TimePoint(Millis(clock_ms.load()));
        const auto receipt =
            now<async::EndReceipt>(archive->end(std::move(request), deadline_in(Millis{10'000})));
        EXPECT_EQ(receipt.sessions, 1U);
    }
};

// ids: C08 R5 N1
TEST_F(Authority, new_connection_compares_the_marks_before_the_next_answer) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    end_in_sql_only(archive_rows().front().key);
    EXPECT_TRUE(load(cookie).found()) << "this connection has been compared, and nobody told it";

    watched->connection = 2;
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
}

// A store that lost all hears of every ending that is kept, and nobody gets in before that.
// ids: R5 R12 I6
TEST_F(Authority, endings_of_single_sessions_are_replayed_many_at_a_time) {
    const auto end_some = [this] {
        for (int i = 0; i < 60; ++i)
            EXPECT_TRUE(manager->end(sign_in("7"), EndReason::security, "operator:x").has_value());
    };
    end_some();
    EXPECT_FALSE(sign_in("7").empty());
    EXPECT_TRUE(manager->end_user("7", {}, EndReason::security, "operator:x").has_value());
    end_some();
    clock_ms += 1000;
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);

    exchange_store();
    put_raw(key, record);
    int told = 0;
    watched->before = [&](std::string_view call) { told += call == "end" ? 1 : 0; };
    open(ManagerOptions{});
    EXPECT_TRUE(load(cookie).found());
    // The first sixty, that of the user, what is behind it in the same page, and the rest.
    EXPECT_EQ(told, 4);
    const auto marks = now<std::vector<std::uint64_t>>(store->marks(deadline_in(Millis{10'000})));
    EXPECT_EQ(marks.at(key.shard), 121U);
}

// ids: C08 R5 N1
TEST_F(Authority, answer_that_came_over_a_new_connection_is_asked_for_again) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    end_in_sql_only(archive_rows().front().key);
    int loads = 0;
    watched->before = [&](std::string_view call) {
        if (call == "load" && ++loads == 1) watched->connection = 2;
    };
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(loads, 2);
}

// ids: C08 R5 N1
TEST_F(Authority, marks_of_one_server_do_not_vouch_for_the_next) {
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    ASSERT_EQ(manager->end(cookie, EndReason::security, "operator:x").value(), Ending::ended);
    const auto first = store;
    exchange_store();
    put_raw(key, record);
    const auto second = store;
    watched->exchange(first);

    watched->after = [&](std::string_view call) {
        if (call != "marks" || watched->connection != 2) return;
        watched->exchange(second);
        watched->connection = 3;
    };
    watched->connection = 2;
    open(ManagerOptions{});
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(watched->connection, 3U);
    EXPECT_EQ(second->size(), 0U);
}

// ids: C08 R5
TEST_F(Authority, marks_are_compared_once_for_each_connection) {
    const std::string cookie = sign_in("7");
    int comparisons = 0;
    watched->before = [&](std::string_view call) { comparisons += call == "marks" ? 1 : 0; };
    for (std::uint64_t connection = 2; connection <= 4; ++connection) {
        watched->connection = connection;
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(load(cookie).found());
    }
    EXPECT_EQ(comparisons, 3);
}

// ids: C08 R1 R5
TEST_F(Authority, endings_after_a_restored_sql_are_found_by_their_marks) {
    ASSERT_EQ(manager->end(sign_in("7"), EndReason::security, "operator:x").value(), Ending::ended);
    // SQL is lost, or restored from before that ending, whose number Redis has applied.
    manager.reset();
    archive = std::make_shared<memory::MemoryArchive>();
    open(ManagerOptions{});
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    ASSERT_EQ(manager->end(cookie, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_EQ(std::ranges::count(event_types(), "sql.older_than_marks"), 1);

    // Then Redis fails over to a copy that saw the first ending only.
    exchange_store();
    put_raw(key, record);
    async::EndOrder seen;
    seen.shard = key.shard;
    seen.sequence = 1;
    static_cast<void>(now<async::EndReply>(store->end(seen, deadline_in(Millis{10'000}))));
    open(ManagerOptions{});
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
}

// ids: C08 R1 R5
TEST_F(Authority, logout_of_a_session_that_sql_lost_holds_over_a_loss_of_the_store) {
    std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    manager.reset();
    archive = std::make_shared<memory::MemoryArchive>();
    open(ManagerOptions{});
    Session session = load(cookie);
    const Handle handle = *session.handle();
    session.clear();
    std::string browser = cookie;
    EXPECT_EQ(commit(session, browser).ending, Ending::ended);
    EXPECT_EQ(manager->audit({.handle = handle}).value().size(), 1U);

    exchange_store();
    put_raw(key, record);
    open(ManagerOptions{});
    EXPECT_FALSE(load(cookie).found());
}

// ids: C09 R1 R5
TEST_F(Authority, user_epochs_of_a_restored_sql_go_beyond_those_of_the_store) {
    static_cast<void>(sign_in("7"));
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(manager->end_user("7", {}, EndReason::security, "operator:x").has_value());
    }
    manager.reset();
    archive = std::make_shared<memory::MemoryArchive>();
    open(ManagerOptions{});
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_EQ(store->size(), 0U);
    EXPECT_FALSE(load(cookie).found());
}

// ids: R5
TEST_F(Authority, reopened_archive_is_compared_again) {
    const std::string cookie = sign_in("7");
    int comparisons = 0;
    watched->before = [&](std::string_view call) { comparisons += call == "marks" ? 1 : 0; };
    EXPECT_TRUE(load(cookie).found());
    archive->reopen();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(comparisons, 1);
}

// ids: C28 R5
TEST_F(Authority, reads_go_on_over_a_new_connection_while_sql_is_away) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    archive->set_down(true);
    watched->connection = 2;
    int loads = 0;
    watched->before = [&](std::string_view call) { loads += call == "load" ? 1 : 0; };
    EXPECT_TRUE(load(cookie).found());
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(loads, 2);
}

// ids: R5 N3
TEST_F(Authority, report_of_a_failed_comparison_names_the_store_that_did_not_answer) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    end_in_sql_only(archive_rows().front().key);
    watched->before = [&](std::string_view call) { watched->unreachable = call == "end"; };
    watched->connection = 2;
    (void)manager->load(request(cookie));
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_TRUE(reports.front().starts_with("the hot store did not answer")) << reports.front();

    new_connection();
    open(ManagerOptions{});
    archive->set_down(true);
    (void)manager->load(request(cookie));
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_TRUE(reports.back().starts_with("SQL did not answer")) << reports.back();
}

// ids: C08 N1 R3
TEST_F(Authority, ending_that_the_store_missed_reaches_it_when_it_answers_again) {
    const auto cut = watched;
    new_connection();
    const auto other = process(ManagerOptions{});
    const std::string cookie = sign_in("7");
    const std::string handle = load(cookie).handle()->text();
    EXPECT_TRUE(other->load(request(cookie))->found());

    cut->unreachable = true;
    EXPECT_EQ(manager->end(handle, EndReason::security, "operator:x").value(), Ending::pending);
    EXPECT_TRUE(other->load(request(cookie))->found()) << "nobody could tell the store";
    cut->unreachable = false;
    EXPECT_TRUE(eventually([&] { return store->size() == 0; }));
    EXPECT_FALSE(other->load(request(cookie))->found());
}

// ids: C08 R3 R5 I1
TEST_F(Authority,
       ending_before_which_the_store_missed_others_is_not_done_before_it_is_told_of_them) {
    const std::string missed = sign_in("7");
    EXPECT_TRUE(load(missed).found());
    end_in_sql_only(archive_rows().front().key);
    const std::string cookie = sign_in("7");
    const std::string handle = load(cookie).handle()->text();
    std::atomic<bool> cut = true;
    watched->after = [&](std::string_view call) {
        if (call == "end" && cut.exchange(false)) watched->unreachable = true;
    };
    // Its mark is all that keeps a copy from before this ending from being put back.
    EXPECT_EQ(manager->end(handle, EndReason::security, "operator:x").value(), Ending::pending);
    watched->unreachable = false;
    EXPECT_TRUE(eventually([&] {
        const auto all = now<std::vector<std::uint64_t>>(store->marks(deadline_in(Millis{10'000})));
        return std::ranges::count(all, 2U) == 1;
    }));
    EXPECT_EQ(store->size(), 0U);
}

// ids: C08 C28 R3
TEST_F(Authority, ending_that_neither_took_still_reaches_the_store) {
    const std::string cookie = sign_in("7");
    Session session = load(cookie);
    session.clear();
    archive->set_down(true);
    watched->unreachable = true;
    std::string browser = cookie;
    EXPECT_EQ(commit(session, browser).ending, Ending::pending);
    EXPECT_EQ(store->size(), 1U);
    watched->unreachable = false;
    EXPECT_TRUE(eventually([&] { return store->size() == 0; }));
}

// ids: C08 N1 R3
TEST_F(Authority, late_ending_of_a_user_spares_a_login_that_came_after_it) {
    const auto cut = watched;
    new_connection();
    auto other = process(ManagerOptions{});
    const std::string before = sign_in("7");
    EXPECT_TRUE(other->load(request(before))->found()) << "compared, so that it looks no more";
    cut->unreachable = true;
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(),
              Ending::pending);
    manager.swap(other);
    const std::string after = sign_in("7");
    EXPECT_EQ(store->size(), 2U);
    cut->unreachable = false;
    EXPECT_TRUE(eventually([&] { return store->size() == 1; }));
    EXPECT_FALSE(load(before).found());
    EXPECT_TRUE(load(after).found());
}

// ids: C08 N1 R3
TEST_F(Authority, ending_of_a_user_reaches_a_session_that_sql_does_not_know) {
    const std::string cookie = sign_in("7");
    const std::string unknown = raw(archive_rows().front().key);
    const StoreKey key = archive_rows().front().key;
    // SQL was restored from before the login.
    manager.reset();
    archive = std::make_shared<memory::MemoryArchive>();
    open(ManagerOptions{});
    ASSERT_TRUE(load(cookie).found());

    std::uint32_t count = 0;
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x", &count).value(),
              Ending::ended);
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(store->size(), 0U);
    // Nor does it come back with a Redis that had a copy.
    put_raw(key, unknown, async::CreateStatus::stale_epoch);
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(),
              Ending::absent);
}

// ids: C09 C28 R2
TEST_F(Authority, ended_user_whom_the_table_of_epochs_forgot_is_asked_for) {
    ManagerOptions options;
    options.endings.epochs_max = 1;
    options.endings.denied_max = 1;
    open(options);
    const std::string ended = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    ASSERT_TRUE(manager->end_user("7", {}, EndReason::security, "operator:x").has_value());
    const std::string other = sign_in("8");
    const StoreKey other_key = archive_rows().front().user_id == "8" ? archive_rows().front().key
                                                                     : archive_rows().back().key;
    const std::string other_record = raw(other_key);
    static_cast<void>(sign_in("9"));
    ASSERT_TRUE(manager->end_user("9", {}, EndReason::security, "operator:x").has_value());

    // A store that was exchanged for an older one shows the record again.
    exchange_store();
    put_raw(key, record);
    put_raw(other_key, other_record);
    archive->set_down(true);
    EXPECT_TRUE(manager->load(request(ended)).has_error()) << "nobody can say";
    EXPECT_TRUE(manager->load(request(other)).has_error());
    archive->set_down(false);
    EXPECT_EQ(reason(ended), LoadReason::ended);
    EXPECT_TRUE(load(other).found());
    EXPECT_EQ(manager->list({.user_id = "8"})->front().live, std::optional(true));
}

// ids: C08 N1
TEST_F(Authority, endings_beyond_the_bound_are_found_by_comparing_the_marks) {
    ManagerOptions options;
    options.endings.waiting_max = 1;
    open(options);
    std::vector<std::string> handles;
    std::string cookie;
    for (int i = 0; i < 3; ++i) {
        cookie = sign_in("7");
        handles.push_back(load(cookie).handle()->text());
    }
    watched->unreachable = true;
    for (const std::string& handle : handles) {
        EXPECT_EQ(manager->end(handle, EndReason::security, "operator:x").value(), Ending::pending);
    }
    watched->unreachable = false;
    EXPECT_FALSE(load(cookie).found());
    EXPECT_EQ(store->size(), 0U);
}

// ids: S13 C03 R3
TEST_F(Authority, id_that_a_failed_login_was_to_replace_goes_later) {
    const std::string cookie = sign_in("7");
    Session session = load(cookie);
    session.mark_login();
    watched->unreachable = true;
    EXPECT_TRUE(manager->commit(session, request(cookie)).has_error());
    EXPECT_EQ(store->size(), 1U) << "dead in SQL only";
    watched->unreachable = false;
    EXPECT_TRUE(eventually([&] { return store->size() == 0; }));
}

// ids: S13 C03
TEST_F(Authority, anonymous_record_of_a_login_goes_later_if_it_could_not_go_at_once) {
    std::string cookie;
    Session anonymous = load(cookie);
    set(anonymous, "cart", "apple");
    commit(anonymous, cookie);
    const std::string planted = cookie;
    watched->before = [&](std::string_view call) { watched->unreachable = call == "erase"; };
    Session session = load(cookie);
    set(session, "_user_id", "7");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
    EXPECT_EQ(store->size(), 2U);
    EXPECT_TRUE(eventually([&] { return store->size() == 1; }));
    EXPECT_TRUE(load(cookie).found());
}

// ids: S15 C08
TEST_F(Authority, login_that_could_not_be_confirmed_is_confirmed_later) {
    watched->after = [&](std::string_view call) {
        if (call == "create") archive->set_down(true);
    };
    const std::string cookie = sign_in("7");
    archive->set_down(false);
    EXPECT_TRUE(eventually([&] { return archive_rows().front().confirmed; }));
    EXPECT_TRUE(load(cookie).found());
}

// ids: S13 C08
TEST_F(Authority, login_that_ended_before_it_could_be_confirmed_goes_later) {
    watched->before = [&](std::string_view call) {
        if (call == "create") end_in_sql_only(archive_rows().front().key);
    };
    watched->after = [&](std::string_view call) {
        if (call == "create") archive->set_down(true);
    };
    const std::string cookie = sign_in("7");
    archive->set_down(false);
    EXPECT_TRUE(eventually([&] { return store->size() == 0; }));
    EXPECT_FALSE(load(cookie).found());
}

}  // namespace
}  // namespace vedfolnir::test
