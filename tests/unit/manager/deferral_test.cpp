// SQL is away: what must be durable goes into the journal, and from there into SQL, once.
#include "harness.hpp"
#include "journal/file.hpp"
#include "support/redis_server.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace vedfolnir::test {
namespace {

using ::testing::ElementsAre;

class Deferral : public ManagerTest {
protected:
    Deferral() {
        looks_around = true;
        open(quick());
    }
    static ManagerOptions quick() {
        ManagerOptions options;
        options.endings.poll_interval = Millis{20};
        return options;
    }
    [[nodiscard]] std::string folder() const { return state.path().string() + "/journal"; }
    [[nodiscard]] std::uint64_t waiting() const { return journal::look(folder())->entries; }
    void sql_returns() {
        archive->set_down(false);
        EXPECT_TRUE(eventually([&] { return waiting() == 0; }));
    }
    /// An entry that no version of ours writes.
    void write_odd_entry() const {
        journal::JournalFile file(folder(), JournalOptions{});
        const std::string odd =
            R"({"what":"event","event":{"at":1,"type":"NOT A TYPE","user_id":"","actor":"x","detail":"{}","operation":"11111111111111111111111111111111"}})";
        ASSERT_TRUE(file.append({{TimePoint(Millis{1}), odd}}, {}, deadline_in(Millis{5'000})));
    }
    [[nodiscard]] std::ptrdiff_t reported(std::string_view what) {
        const std::lock_guard lock(reports_mutex);
        return std::ranges::count_if(
            reports, [&](const std::string& report) { return report.starts_with(what); });
    }
    [[nodiscard]] std::vector<std::string> users_of(const std::string& type) {
        AuditFilter filter;
        filter.type = type;
        filter.limit = 1000;
        const auto entries = manager->audit(filter);
        std::vector<std::string> users;
        if (!entries) return users;
        for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry)
            users.push_back(entry->user_id);
        return users;
    }
    CommitResult log_out(const std::string& cookie) {
        Session session = load(cookie);
        session.clear();
        std::string browser = cookie;
        return commit(session, browser);
    }
};

// ids: S16 R3 R9 F17
TEST_F(Deferral, logins_without_sql_work_and_are_audited_once_in_order) {
    archive->set_down(true);
    std::vector<std::string> wanted;
    std::vector<std::string> cookies;
    for (int user = 0; user < 100; ++user) {
        wanted.push_back(std::to_string(user));
        cookies.push_back(sign_in(wanted.back()));
    }
    for (const std::string& cookie : cookies) EXPECT_TRUE(load(cookie).found());
    EXPECT_GE(manager->counters().journal_entries, 200U);
    EXPECT_GT(manager->counters().journal_since_ms, 0U);

    sql_returns();
    EXPECT_EQ(users_of("session.created"), wanted);
    EXPECT_EQ(users_of("sql.unavailable").size(), 1U);
    EXPECT_EQ(users_of("journal.replayed").size(), 1U);
    EXPECT_TRUE(eventually([&] { return manager->counters().journal_entries == 0; }));
    for (const auto& row : archive_rows()) EXPECT_TRUE(row.confirmed);
    for (const std::string& cookie : cookies) EXPECT_TRUE(load(cookie).found());
}

// ids: R3 C08 F17
TEST_F(Deferral, pending_ending_survives_its_process_while_sql_is_still_away) {
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    archive->set_down(true);
    EXPECT_EQ(log_out(cookie).ending, Ending::pending);
    EXPECT_EQ(store->size(), 0U);

    manager.reset();
    put_raw(key, record);
    open(quick());
    EXPECT_EQ(reason(cookie), LoadReason::ended) << "the journal says so";

    sql_returns();
    EXPECT_TRUE(eventually([&] { return store->size() == 0; }));
    EXPECT_TRUE(archive_rows().front().ended.has_value());
    EXPECT_EQ(users_of("session.ended"), std::vector<std::string>{"7"});
}

// ids: R3 R5 F17 F24
TEST_F(Deferral, other_processes_of_the_host_refuse_a_pending_ending) {
    const auto other = process(quick());
    const std::string cookie = sign_in("7");
    const StoreKey key = archive_rows().front().key;
    const std::string record = raw(key);
    EXPECT_TRUE(other->load(request(cookie))->found());
    archive->set_down(true);
    EXPECT_EQ(log_out(cookie).ending, Ending::pending);
    put_raw(key, record);
    EXPECT_TRUE(eventually([&] { return !other->load(request(cookie))->found(); }));
}

// ids: R3 F17
TEST_F(Deferral, ending_that_nothing_takes_holds_here_and_says_that_it_may_not_last) {
    const std::string cookie = sign_in("7");
    std::ofstream(folder()) << "a file stands in its place";
    archive->set_down(true);
    Session session = load(cookie);
    session.clear();
    const auto refused = manager->commit(session, request(cookie));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Errc::audit_unavailable);
    EXPECT_EQ(store->size(), 0U);
    EXPECT_FALSE(load(cookie).found());

    std::string next;
    Session login = load(next);
    set(login, "_user_id", "8");
    EXPECT_TRUE(manager->commit(login, request(next)).has_error());
    EXPECT_EQ(store->size(), 0U);
}

// ids: R3 R9
TEST_F(Deferral, login_and_logout_without_sql_stand_in_the_audit_in_order) {
    archive->set_down(true);
    std::string cookie = sign_in("7");
    EXPECT_EQ(log_out(cookie).ending, Ending::pending);
    sql_returns();
    const auto rows = archive_rows();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0].ended.has_value());
    EXPECT_THAT(event_types(), ElementsAre("sql.unavailable", "session.created", "session.ended",
                                           "journal.replayed"));
}

// ids: R3 R9 S13
TEST_F(Deferral, login_over_a_session_without_sql_replaces_it) {
    std::string cookie = sign_in("7");
    const std::string old = cookie;
    archive->set_down(true);
    Session session = load(cookie);
    session.clear();
    set(session, "_user_id", "8");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::logged_in);
    EXPECT_FALSE(load(old).found());
    EXPECT_TRUE(load(cookie).found());
    sql_returns();
    EXPECT_TRUE(load(cookie).found());
    EXPECT_EQ(users_of("session.created"), (std::vector<std::string>{"7", "8"}));
    EXPECT_EQ(users_of("session.ended"), std::vector<std::string>{"7"});
}

// ids: R3 R9 C09
TEST_F(Deferral, end_of_a_user_without_sql_spares_the_login_after_it) {
    const std::string before = sign_in("7");
    archive->set_down(true);
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(),
              Ending::pending);
    EXPECT_EQ(store->size(), 0U);
    const std::string after = sign_in("7");
    EXPECT_TRUE(load(after).found());
    sql_returns();
    EXPECT_TRUE(load(after).found());
    EXPECT_FALSE(load(before).found());
    int live = 0;
    for (const auto& row : archive_rows()) live += row.ended ? 0 : 1;
    EXPECT_EQ(live, 1);
    EXPECT_EQ(manager->end_user("7", {}, EndReason::security, "operator:x").value(), Ending::ended);
    EXPECT_FALSE(load(after).found());
}

// ids: R3 S22
TEST_F(Deferral, platform_change_without_sql_is_audited_once) {
    std::string cookie = sign_in("7");
    archive->set_down(true);
    Session session = load(cookie);
    set(session, "current_platform_id", "3");
    EXPECT_EQ(commit(session, cookie).action, CommitAction::saved);
    EXPECT_EQ(text(load(cookie), "current_platform_id"), "3");
    sql_returns();
    EXPECT_EQ(archive_rows().front().platform, "3");
    EXPECT_EQ(users_of("session.platform_switched"), std::vector<std::string>{"7"});
}

// ids: C28 R5 R12 F18
TEST_F(Deferral, store_that_may_have_lost_something_is_unknown_while_sql_is_away) {
    const std::string cookie = sign_in("7");
    std::string visitor;
    Session anonymous = load(visitor);
    set(anonymous, "cart", "apple");
    commit(anonymous, visitor);
    archive->set_down(true);
    watched->may_have_lost = true;
    watched->connection = 2;
    const auto unknown = manager->load(request(cookie));
    ASSERT_TRUE(unknown.has_error());
    EXPECT_EQ(unknown.error().code, Errc::store_unavailable);
    EXPECT_TRUE(load(visitor).found()) << "nobody can end it but Redis";
    archive->set_down(false);
    EXPECT_TRUE(eventually([&] { return manager->load(request(cookie)).has_value(); }));
    EXPECT_TRUE(load(cookie).found());
}

// ids: R5 F24 C08
TEST_F(Deferral, ending_in_sql_is_noticed_without_redis_and_without_a_request) {
    const std::string cookie = sign_in("7");
    EXPECT_TRUE(load(cookie).found());
    async::EndRequest ending;
    ending.key = archive_rows().front().key;
    ending.event.type = "session.ended";
    ending.event.at = TimePoint(Millis(clock_ms.load()));
    static_cast<void>(
        now<async::EndReceipt>(archive->end(std::move(ending), deadline_in(Millis{10'000}))));
    EXPECT_TRUE(eventually([&] { return reason(cookie) == LoadReason::ended; }));
    EXPECT_EQ(store->size(), 1U) << "nobody told the store";
}

// ids: R3 R9
TEST_F(Deferral, entry_that_sql_refuses_is_kept_aside_and_told) {
    static_cast<void>(sign_in("7"));
    archive->set_down(true);
    static_cast<void>(sign_in("8"));
    write_odd_entry();
    static_cast<void>(sign_in("9"));
    sql_returns();
    EXPECT_EQ(users_of("session.created"), (std::vector<std::string>{"7", "8", "9"}));
    EXPECT_TRUE(eventually([&] { return users_of("journal.refused").size() == 1; }));
    EXPECT_EQ(journal::look(folder())->aside.size(), 1U);
}

// ids: R3 R9 I4
TEST_F(Deferral, entry_that_cannot_be_kept_aside_waits_and_is_told_once) {
    archive->set_down(true);
    static_cast<void>(sign_in("7"));
    write_odd_entry();
    const std::string occupied = folder() + "/refused.jsonl";
    std::filesystem::create_directory(occupied);
    archive->set_down(false);
    EXPECT_TRUE(eventually([&] { return reported("SQL refuses an entry") >= 3; }));
    EXPECT_EQ(waiting(), 4U);
    EXPECT_EQ(users_of("journal.refused").size(), 0U);

    std::filesystem::remove(occupied);
    EXPECT_TRUE(eventually([&] { return waiting() == 0; }));
    EXPECT_TRUE(eventually([&] { return users_of("journal.refused").size() == 1; }));
}

// ids: R14 F17
TEST_F(Deferral, outage_in_which_nobody_did_anything_is_an_event_too) {
    static_cast<void>(sign_in("7"));
    archive->set_down(true);
    EXPECT_TRUE(eventually([&] { return waiting() == 1; }));
    sql_returns();
    EXPECT_TRUE(eventually([&] { return reported("SQL answers again") == 1; }));
    EXPECT_EQ(users_of("sql.unavailable").size(), 1U);
    EXPECT_EQ(users_of("journal.replayed").size(), 1U);
}

}  // namespace
}  // namespace vedfolnir::test
