// What is counted of sessions, on each engine: as worked out by hand, before and after their rows are gone.
#include "sql/audit_retention.hpp"
#include "sql/rows.hpp"
#include "sql/statistics.hpp"
#include "sql/upkeep.hpp"
#include "support/archive_client.hpp"
#include "support/child.hpp"
#include "support/sql_server.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vedfolnir::test {
namespace {

using model::Counted;
using model::Dimension;
using sql::hex;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr const char* firefox =
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
constexpr const char* iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
                               "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1";
constexpr std::chrono::days day{1};

/// A session as it is to be: who, from when on, for how long.
struct Story {
    std::string user;
    Millis from;
    std::optional<Millis> length;  ///< Empty: nobody ends it.
    std::string device;
    std::string platform;
    std::string place;
    EndReason reason = EndReason::logout;
    Millis life = 60 * day;
};

/// One day and name as one line: what began, what ended by the class of length, and how long that lasted.
std::string line_of(const Counted& counted, TimePoint first) {
    std::string classes;
    for (std::size_t i = 0; i < model::length_classes; ++i)
        if (counted.ended.classes[i] > 0)
            classes += fmt::format(" {}:{}", i, counted.ended.classes[i]);
    const auto name = counted.day == TimePoint{}
                          ? counted.name
                          : fmt::format("day {}", (counted.day - first) / Millis(day));
    return fmt::format("{}: +{}{} {} s", name, counted.begun, classes,
                       counted.ended.total / Millis(1s));
}

class Statistics : public testing::TestWithParam<SqlEngine> {
protected:
    Statistics() { where_ = fresh_database(GetParam(), folder_.file("sessions.db")); }
    static TimePoint start() { return ArchiveClient::start(); }  // a midnight, on a Thursday
    static TimePoint now() { return start() + 2 * day + 12h; }
    static TimePoint later() { return start() + 1000 * day; }
    static Deadline soon() { return deadline_in(patience); }
    static UserTag tag_of(const std::string& user) { return audit_sealer()->subject_of(user); }

    ArchiveClient& client() {
        if (!client_) client_.emplace(where_);
        return *client_;
    }
    template <class T>
    T run(async::Task<T> task) {
        auto result = client().run(std::move(task));
        EXPECT_TRUE(result) << result.error().detail;
        return result ? std::move(*result) : T{};
    }

    void begin(std::uint32_t number, const Story& story) {
        grant(number, story);
        confirm(number);
    }
    void confirm(std::uint32_t number) {
        run(client().archive().confirm_login(ArchiveClient::handle(number),
                                             ArchiveClient::key(number), {}, soon()));
    }
    /// The hot store has not acknowledged it yet. `renewed`: how long after its beginning its user proved themselves anew.
    void grant(std::uint32_t number, const Story& story, Millis renewed = Millis{0}) {
        auto order = ArchiveClient::login_order(number, story.user);
        order.row.user = tag_of(story.user);
        order.row.created = order.row.authenticated = order.event.at = start() + story.from;
        order.row.authenticated += renewed;
        order.row.absolute_expiry = order.row.created + story.life;
        order.row.device = story.device;
        order.row.platform = story.platform;
        order.row.place = story.place;
        run(client().archive().begin_login(order, soon()));
    }
    void end(std::uint32_t number, const Story& story) {
        async::EndRequest request;
        request.handle = ArchiveClient::handle(number);
        request.reason = story.reason;
        request.event = ArchiveClient::event("session.ended");
        request.event.at = start() + story.from + story.length.value();
        run(client().archive().end(std::move(request), soon()));
    }
    void tell(const std::vector<Story>& stories) {
        for (std::uint32_t i = 0; i < stories.size(); ++i) {
            begin(i, stories[i]);
            if (stories[i].length) end(i, stories[i]);
        }
    }
    static std::vector<Story> stories() {
        return {{"alice", 0h, 30s, firefox, "mastodon", "192.0.2.7"},
                {"alice", 12h, 10min, firefox, "mastodon", "192.0.99.1"},
                {"bob", 23h + 50min, 20min, iphone, "pixelfed", "2001:db8:1::1",
                 EndReason::ended_by_operator},
                {"bob", day + 8h, 3h, "curl/8.5.0", "pixelfed", "DE"},
                {"carol", day + 9h, 30h, firefox, "mastodon \"x\\", "", EndReason::security},
                {"carol", 2 * day + 10h, {}, "", "mastodon", ""},
                {"carol", 2 * day + 11h, {}, "", "mastodon", ""},
                // Past its absolute end, and nobody closed it yet.
                {"dave", 6h, {}, "", "mastodon", "", EndReason::expired, 48h}};
    }

    std::vector<Counted> read(Dimension by, bool each_day = false, const std::string& name = {}) {
        const sql::StatisticsQuery query{by,    each_day, start() - 30 * day, start() + 60 * day,
                                         now(), name};
        std::function<std::vector<Counted>(sql::Connection&)> work = [query](auto& db) {
            return sql::read_statistics(db, query);
        };
        return run(client().database().read<std::vector<Counted>>(std::move(work), soon()));
    }
    std::vector<std::string> lines(Dimension by, bool each_day = false,
                                   const std::string& name = {}) {
        std::vector<std::string> all;
        for (const auto& counted : read(by, each_day, name))
            all.push_back(line_of(counted, start()));
        return all;
    }
    /// Whatever is told of anything.
    std::map<std::string, std::vector<std::string>> everything() {
        std::map<std::string, std::vector<std::string>> all;
        for (const auto by : {Dimension::all, Dimension::user, Dimension::device,
                              Dimension::platform, Dimension::place, Dimension::reason}) {
            const std::string name(model::to_string(by));
            all[name] = lines(by);
            all[name + " by day"] = lines(by, true);
        }
        return all;
    }
    std::uint32_t purge(std::uint32_t limit, async::Fence fence = 1) {
        sql::SqlUpkeep upkeep(client().shared_database(), audit_sealer());
        return run(
            upkeep.purge({"retention", fence}, async::Retained::sessions, later(), limit, soon()));
    }
    std::uint32_t purge_all(std::uint32_t limit) {
        std::uint32_t all = 0;
        while (const auto purged = purge(limit)) all += purged;
        return all;
    }
    /// Four figures at most.
    std::uint32_t drop(TimePoint before) {
        sql::SqlUpkeep upkeep(client().shared_database(), audit_sealer());
        return run(upkeep.purge({"retention", 1}, async::Retained::statistics, before, 4, soon()));
    }
    static void erase(ArchiveClient& by, const std::string& user) {
        const auto erased = by.write<sql::ErasureReceipt>([user](sql::Connection& db) {
            return sql::erase_subject(db, {*audit_sealer(), now()}, tag_of(user), "operator:test",
                                      30s);
        });
        EXPECT_TRUE(erased) << erased.error().detail;
    }
    std::string noted_erasures() {
        std::function<std::string(sql::Connection&)> work = [](auto& db) {
            return db.statement("SELECT COUNT(*) FROM statistics_erased", 1).value_or("");
        };
        return run(client().database().read<std::string>(std::move(work), soon()));
    }

    const TemporaryFolder folder_;
    std::string where_;
    std::optional<ArchiveClient> client_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Statistics,
                         testing::Values(SqlEngine::sqlite, SqlEngine::postgresql,
                                         SqlEngine::mysql),
                         [](const auto& tested) { return engine_name(tested.param); });

// ids: S52
TEST_P(Statistics, figures_are_those_worked_out_by_hand_also_after_the_rows_are_gone) {
    tell(stories());
    const auto check = [&] {
        EXPECT_THAT(lines(Dimension::all, true),
                    ElementsAre("day 0: +4 0:1 2:1 630 s", "day 1: +2 3:1 6:1 12000 s",
                                "day 2: +2 9:1 10:1 280800 s"));
        EXPECT_THAT(lines(Dimension::all), ElementsAre(": +8 0:1 2:1 3:1 6:1 9:1 10:1 293430 s"));
        EXPECT_THAT(lines(Dimension::device),
                    UnorderedElementsAre("Firefox on Linux: +3 0:1 2:1 9:1 108630 s",
                                         "Safari on iOS: +1 3:1 1200 s", "Program: +1 6:1 10800 s",
                                         "unknown: +3 10:1 172800 s"));
        EXPECT_THAT(lines(Dimension::platform),
                    UnorderedElementsAre("mastodon: +5 0:1 2:1 10:1 173430 s",
                                         "mastodon \"x\\: +1 9:1 108000 s",
                                         "pixelfed: +2 3:1 6:1 12000 s"));
        EXPECT_THAT(lines(Dimension::place),
                    UnorderedElementsAre("192.0.0.0/16: +2 0:1 2:1 630 s",
                                         "2001:db8::/32: +1 3:1 1200 s", "DE: +1 6:1 10800 s",
                                         "unknown: +4 9:1 10:1 280800 s"));
        EXPECT_THAT(lines(Dimension::reason),
                    UnorderedElementsAre("logout: +0 0:1 2:1 6:1 11430 s",
                                         "ended_by_operator: +0 3:1 1200 s",
                                         "security: +0 9:1 108000 s", "expired: +0 10:1 172800 s"));
        EXPECT_THAT(lines(Dimension::user, false, hex(tag_of("bob").bytes)),
                    ElementsAre(hex(tag_of("bob").bytes) + ": +2 3:1 6:1 12000 s"));
        EXPECT_EQ(read(Dimension::user).size(), 4U);
    };
    check();
    EXPECT_EQ(read(Dimension::user, false, hex(tag_of("bob").bytes)).front().user_id, "bob");
    const auto before = everything();

    EXPECT_EQ(run(client().archive().close_expired(now(), 100, soon())), 1U);
    EXPECT_EQ(everything(), before) << "a row is closed late";
    EXPECT_EQ(purge(2), 2U);
    EXPECT_EQ(everything(), before) << "some rows are gone";
    EXPECT_EQ(purge_all(2), 4U);
    ASSERT_EQ(client().sessions().size(), 2U) << "those that live stay";
    check();
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(read(Dimension::user, false, hex(tag_of("bob").bytes)).front().user_id, "");
}

// ids: S52
TEST_P(Statistics, many_addresses_of_few_networks_fit) {
    std::vector<Story> all;
    for (int i = 0; i < 6; ++i)
        all.push_back({fmt::format("user {}", i), 1h, 1min * i, fmt::format("curl/8.{}", i),
                       "mastodon", fmt::format("192.0.2.{}", i)});
    tell(all);
    const auto read_two = [&](Dimension by) {
        sql::StatisticsQuery query{by, false, start(), start() + day, now(), {}};
        query.names_max = 2;
        std::function<std::vector<Counted>(sql::Connection&)> work = [query](auto& db) {
            return sql::read_statistics(db, query);
        };
        return client().run(
            client().database().read<std::vector<Counted>>(std::move(work), soon()));
    };
    for (const auto by : {Dimension::place, Dimension::device}) {
        const auto counted = read_two(by);
        ASSERT_TRUE(counted) << counted.error().detail;
        ASSERT_EQ(counted->size(), 1U);
        EXPECT_EQ(counted->front().ended.count(), all.size());
    }
    const auto users = read_two(Dimension::user);
    ASSERT_FALSE(users);
    EXPECT_EQ(users.error().code, Errc::too_large);
}

// ids: S52
TEST_P(Statistics, every_class_of_length_is_the_same_before_and_after) {
    std::vector<Story> all;
    for (const Millis end : model::length_class_ends)
        for (const Millis length : {end - 1ms, end})
            all.push_back({"alice", 1h, length, firefox, "mastodon", "192.0.2.7"});
    tell(all);
    const auto ended = read(Dimension::all).front().ended;
    for (std::size_t i = 0; i < model::length_classes; ++i)
        EXPECT_EQ(ended.classes[i], i == 0 || i + 1 == model::length_classes ? 1U : 2U) << i;
    const auto before = everything();
    EXPECT_EQ(purge_all(5), all.size());
    EXPECT_EQ(everything(), before);
}

// ids: S52
TEST_P(Statistics, ages_and_users_of_those_that_live) {
    tell(stories());
    std::function<sql::LiveSessions(sql::Connection&)> work = [](auto& db) {
        return sql::read_live_sessions(db, now());
    };
    const auto live = run(client().database().read<sql::LiveSessions>(std::move(work), soon()));
    EXPECT_EQ(live.users, 1U);
    EXPECT_EQ(live.users_with_several, 1U);
    EXPECT_EQ(live.ages.count(), 2U);
    EXPECT_EQ(live.ages.classes[5], 1U);
    EXPECT_EQ(live.ages.classes[6], 1U);
    EXPECT_EQ(live.ages.total, Millis(3h));
}

// ids: S52
TEST_P(Statistics, a_login_that_never_became_a_session_is_not_counted_and_goes) {
    tell(stories());
    const auto before = everything();
    const Story failed{"erin", 1h, {}, firefox, "mastodon", "192.0.2.7", EndReason::expired, 2h};
    grant(20, failed);
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(run(client().archive().close_expired(now(), 100, soon())), 2U);
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(purge_all(100), 7U);
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(client().sessions().size(), 2U);

    grant(21, failed, 30min);
    const auto counted = hex(tag_of("erin").bytes) + ": +1 6:1 7200 s";
    const auto erin = [&] { return lines(Dimension::user, false, hex(tag_of("erin").bytes)); };
    EXPECT_THAT(erin(), ElementsAre(counted)) << "it was a session before it was renewed";
    EXPECT_EQ(run(client().archive().close_expired(now(), 100, soon())), 1U);
    EXPECT_EQ(purge_all(100), 1U);
    EXPECT_THAT(erin(), ElementsAre(counted));
}

// ids: S52
TEST_P(Statistics, an_ending_that_arrives_late_counts_once) {
    const Story late{"erin", 1h, 5min, firefox, "mastodon", "192.0.2.7"};
    tell(stories());
    begin(20, late);
    purge_all(100);
    EXPECT_THAT(lines(Dimension::user, false, hex(tag_of("erin").bytes)),
                ElementsAre(hex(tag_of("erin").bytes) + ": +1 0 s"));
    end(20, late);
    const auto before = everything();
    EXPECT_EQ(purge_all(100), 1U);
    EXPECT_EQ(everything(), before);
    EXPECT_THAT(lines(Dimension::user, false, hex(tag_of("erin").bytes)),
                ElementsAre(hex(tag_of("erin").bytes) + ": +1 2:1 300 s"));
}

// ids: S52
TEST_P(Statistics, a_purge_that_is_killed_half_way_neither_loses_nor_doubles) {
    // Forked before this process starts threads.
    Child child([&](Wire& wire) {
        if (!wire.hear()) return 1;
        ArchiveClient own(where_);
        static_cast<void>(own.write<std::uint32_t>([](sql::Connection& db) {
            const auto purged = sql::purge_sessions(db, later(), 3);
            ::kill(::getpid(), SIGKILL);
            return purged;
        }));
        return 2;
    });
    tell(stories());
    const auto before = everything();
    const auto rows = client().sessions().size();
    child.wire().say("go");
    EXPECT_EQ(child.wait(), -SIGKILL);
    EXPECT_EQ(client().sessions().size(), rows);
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(purge_all(3), 5U);
    EXPECT_EQ(everything(), before);
}

// ids: S52 S25
TEST_P(Statistics, two_holders_of_different_fences_count_each_session_once) {
    std::vector<Story> all;
    for (int i = 0; i < 40; ++i)
        all.push_back({"alice", 1h * i, 7min, firefox, "mastodon", "192.0.2.7"});
    tell(all);
    const auto before = everything();
    const auto work = [&](async::Fence fence, std::uint32_t& purged) {
        ArchiveClient own(where_);
        sql::SqlUpkeep upkeep(own.shared_database(), audit_sealer());
        for (;;) {
            const auto done = own.run(
                upkeep.purge({"retention", fence}, async::Retained::sessions, later(), 1, soon()));
            if (!done) {
                EXPECT_EQ(done.error().code, Errc::denied) << done.error().detail;
                return;
            }
            if (*done == 0) return;
            purged += *done;
        }
    };
    std::uint32_t by_old = 0;
    std::uint32_t by_new = 0;
    std::thread old([&] { work(1, by_old); });
    std::thread fresh([&] { work(2, by_new); });
    old.join();
    fresh.join();
    EXPECT_EQ(by_old + by_new, all.size());
    EXPECT_EQ(everything(), before);

    begin(90, all.front());
    end(90, all.front());
    sql::SqlUpkeep upkeep(client().shared_database(), audit_sealer());
    const auto refused =
        client().run(upkeep.purge({"retention", 1}, async::Retained::sessions, later(), 1, soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_EQ(client().sessions().size(), 1U);
}

// ids: S52 C27
TEST_P(Statistics, who_is_erased_has_no_figures_and_those_of_all_stay) {
    tell(stories());
    const auto all = lines(Dimension::all, true);
    EXPECT_EQ(purge(1), 1U);  // of alice's two
    const auto alice = hex(tag_of("alice").bytes);
    EXPECT_EQ(read(Dimension::user, false, alice).size(), 1U);
    erase(client(), "alice");
    const auto check = [&](const char* nobody) {
        EXPECT_EQ(read(Dimension::user, false, alice).size(), 0U);
        EXPECT_EQ(read(Dimension::user).front().user_id, "");
        EXPECT_EQ(lines(Dimension::user).front(), nobody) << "what was not folded yet";
        EXPECT_EQ(lines(Dimension::all, true), all);
    };
    check(": +1 2:1 600 s");
    purge_all(100);
    check(": +1 2:1 600 s");
    // Of a host whose clock is ahead.
    begin(31, {"alice", 2 * day + 12h + 30s, {}, firefox, "mastodon", "192.0.2.7"});
    EXPECT_EQ(read(Dimension::user, false, alice).size(), 0U);
    // Who comes back is counted anew.
    begin(30, {"alice", 2 * day + 13h, {}, firefox, "mastodon", "192.0.2.7"});
    EXPECT_THAT(lines(Dimension::user, false, alice), ElementsAre(alice + ": +1 0 s"));
}

// ids: S52 C27
TEST_P(Statistics, who_is_erased_while_figures_are_added_has_none) {
    tell(stories());
    EXPECT_EQ(purge(1), 1U);
    const auto all = lines(Dimension::all, true);
    ArchiveClient other(where_);
    std::counting_semaphore<> added(0);
    std::counting_semaphore<> erased(0);
    std::thread erasing([&] {
        added.acquire();
        erase(other, "alice");
        erased.release();
    });
    const auto purged = client().write<std::uint32_t>([&](sql::Connection& db) {
        sql::act_under(db, {"retention", 1});
        const auto removed = sql::purge_sessions(db, later(), 100);
        added.release();
        EXPECT_FALSE(erased.try_acquire_for(1s)) << "it has to wait for this";
        return removed;
    });
    erasing.join();
    ASSERT_TRUE(purged) << purged.error().detail;
    EXPECT_EQ(*purged, 4U);
    EXPECT_THAT(lines(Dimension::user, false, hex(tag_of("alice").bytes)), ElementsAre());
    EXPECT_EQ(lines(Dimension::all, true), all);
}

// ids: S52 S27
TEST_P(Statistics, an_erasure_is_noted_until_no_row_can_have_begun_before_it) {
    tell({{"alice", 0h, 30s, firefox, "mastodon", "192.0.2.7"}});
    erase(client(), "alice");
    EXPECT_EQ(drop(now() + day), 0U);
    EXPECT_EQ(noted_erasures(), "1") << "the row is there";
    EXPECT_EQ(purge_all(100), 1U);
    drop(now());
    EXPECT_EQ(noted_erasures(), "1") << "a row may arrive late";
    drop(now() + day);
    EXPECT_EQ(noted_erasures(), "0");
}

// ids: S52 S27
TEST_P(Statistics, figures_go_when_their_time_of_keeping_is_over) {
    tell(stories());
    EXPECT_EQ(run(client().archive().close_expired(now(), 100, soon())), 1U);
    purge_all(100);
    EXPECT_EQ(drop(start()), 0U);
    EXPECT_EQ(drop(start() + day), 4U);
    while (drop(start() + day) > 0) {
    }
    EXPECT_THAT(lines(Dimension::all, true),
                ElementsAre("day 1: +2 3:1 6:1 12000 s", "day 2: +2 9:1 10:1 280800 s"));
}

}  // namespace
}  // namespace vedfolnir::test
