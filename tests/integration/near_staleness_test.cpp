// Workers that share a table of counters never show what another of them has replaced or ended: ten thousand times each,
// with every core busy.
#include "near_worker.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

namespace vedfolnir::test {
namespace {

constexpr int rounds = 10'000;

class NearStaleness : public testing::Test {
protected:
    [[nodiscard]] ManagerOptions options() const {
        return near_options(server, folder.path().string(), folder.file("sessions.db"));
    }
    /// The session stands in this worker's near cache, unless a push that is still under way refused the fill.
    static void warm(NearClient& worker, const std::string& cookie) {
        static_cast<void>(worker.ask("read " + cookie + " n"));
    }
    static void print(const char* what, NearClient& worker) {
        const auto seen = worker.figures();
        std::printf("%s: %lu hits, %lu refused by the table, %lu told by Redis, %lu fills, "
                    "%lu fills overtaken\n",
                    what, seen.hits, seen.stale, seen.invalidations, seen.fills, seen.refused);
    }

    TemporaryFolder folder;
    RedisServer server;
};

// ids: S18 S32
TEST_F(NearStaleness, post_redirect_get_on_another_worker_never_shows_the_old_value) {
    std::array<NearClient, 3> workers{NearClient(options()), NearClient(options()),
                                      NearClient(options())};
    const CpuLoad load;
    const std::string cookie = workers[0].ask("enter");
    int stale = 0;
    for (int round = 0; round < rounds; ++round) {
        NearClient& writer = workers[round % 3];
        NearClient& reader = workers[(round + 1 + round / 3 % 2) % 3];
        warm(reader, cookie);
        const std::string value = std::to_string(round);
        ASSERT_EQ(writer.ask("n " + cookie + " " + value), "saved") << round;
        const std::string seen = reader.ask("read " + cookie + " n");
        if (seen != value) ++stale;
        EXPECT_EQ(seen, value) << "round " << round;
        if (stale > 10) FAIL() << "enough seen";
    }
    std::printf("%d rounds, %d stale reads\n", rounds, stale);
    for (NearClient& worker : workers) {
        print("worker", worker);
        EXPECT_GT(worker.figures().hits, 0U) << "else nothing was tested";
        EXPECT_GT(worker.figures().stale, 0U) << "else pushes came first every time";
    }
}

/// One login, a switch of the platform, and one of the four ways to end it; every other worker asked after each.
class Endings {
public:
    Endings(NearClient& writer, std::array<NearClient*, 2> readers, int round)
        : writer_(writer), readers_(readers), round_(round) {}

    /// How many workers were wrong.
    int run() {
        user_ = "user-" + std::to_string(round_ % 50);
        cookie_ = writer_.ask("enter " + user_);
        warm();
        const std::string platform = "platform-" + std::to_string(round_);
        EXPECT_EQ(writer_.ask("current_platform_id " + cookie_ + " " + platform), "saved");
        int wrong = 0;
        for (NearClient* reader : readers_) {
            wrong += reader->ask("read " + cookie_ + " current_platform_id") != platform;
        }
        warm();
        EXPECT_EQ(end(), "ended") << round_;
        for (NearClient* reader : readers_) {
            wrong += !reader->ask("read " + cookie_ + " _user_id").starts_with("none");
        }
        return wrong;
    }

private:
    void warm() {
        for (NearClient* reader : readers_) {
            EXPECT_EQ(reader->ask("read " + cookie_ + " _user_id"), user_);
        }
    }
    std::string end() {
        switch (round_ % 4) {
        case 0:
            return writer_.ask("logout " + cookie_);
        case 1:
            return writer_.ask("end-other " + cookie_ + " " + user_);
        case 2:
            return writer_.ask("end " + cookie_);
        default:
            return writer_.ask("end-user " + user_);
        }
    }

    NearClient& writer_;
    std::array<NearClient*, 2> readers_;
    int round_;
    std::string user_;
    std::string cookie_;
};

// ids: S18 S32 R2
TEST_F(NearStaleness, logout_revocation_and_platform_switch_hold_for_the_next_request_anywhere) {
    std::array<NearClient, 3> workers{NearClient(options()), NearClient(options()),
                                      NearClient(options())};
    const CpuLoad load;
    int wrong = 0;
    // Two events a round: a switch and an ending.
    for (int round = 0; round < rounds / 2; ++round) {
        NearClient& writer = workers[round % 3];
        wrong +=
            Endings(writer, {&workers[(round + 1) % 3], &workers[(round + 2) % 3]}, round).run();
        ASSERT_LT(wrong, 10) << "enough seen";
    }
    std::printf("%d events, %d wrong answers\n", rounds, wrong);
    EXPECT_EQ(wrong, 0);
    for (NearClient& worker : workers) {
        print("worker", worker);
        EXPECT_GT(worker.figures().hits, 0U) << "else nothing was tested";
    }
}

// ids: S18 S32
TEST_F(NearStaleness, processes_without_a_common_table_see_a_write_within_the_age_bound) {
    constexpr Millis age{300};
    ManagerOptions here = options();
    here.near_cache->age_max = age;
    ManagerOptions elsewhere = here;
    elsewhere.near_cache->share_between_workers = false;
    NearClient writer(here);
    NearClient reader(elsewhere);
    const CpuLoad load;
    const std::string cookie = writer.ask("enter");
    for (int round = 0; round < 200; ++round) {
        warm(reader, cookie);
        const std::string value = std::to_string(round);
        ASSERT_EQ(writer.ask("n " + cookie + " " + value), "saved");
        const auto written = std::chrono::steady_clock::now();
        // A read that begins later than this may not show the old value; earlier ones may.
        for (bool due = false; reader.ask("read " + cookie + " n") != value;) {
            ASSERT_FALSE(due) << "round " << round;
            due = std::chrono::steady_clock::now() - written > age;
        }
    }
    EXPECT_GT(reader.figures().hits, 0U);
}

}  // namespace
}  // namespace vedfolnir::test
