// Very many sessions of one user fall due at once: the sweep takes them in small steps, and requests go on (F29).
// VEDFOLNIR_TEST_SESSIONS says how many.
#include "fault/installation.hpp"
#include "jobs/schedule.hpp"
#include "redis/keys.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <thread>
#include <vector>

namespace vedfolnir::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int requesters = 4;
/// A request budget on a busy machine; each of thousands of requests must keep it.
constexpr Millis budget{3'000};

class Crowd : public Installation {
protected:
    Crowd() { point_to(server); }

    static std::size_t wanted() {
        const char* chosen = std::getenv("VEDFOLNIR_TEST_SESSIONS");
        return chosen == nullptr ? 100'000 : std::stoul(chosen);
    }
    [[nodiscard]] ManagerOptions usual() const {
        ManagerOptions usual = options();
        usual.request_budget = budget;
        usual.jobs.run = false;
        return usual;
    }
    [[nodiscard]] ManagerOptions cleaning() const {
        ManagerOptions cleaning = usual();
        cleaning.jobs.run = true;
        cleaning.jobs.replaced_within = Millis{1000};
        cleaning.jobs.cleanup_interval = Seconds{1};
        return cleaning;
    }

    /// Rows of one user's open sessions whose records have idled out, as SQL and the sets of Redis hold them.
    void fill(const std::string& like_user, std::size_t count) {
        sqlite3* db = nullptr;
        ASSERT_EQ(sqlite3_open(folder.file("state/sessions.db").c_str(), &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 10'000);
        char* why = nullptr;
        const std::string insert =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
            std::to_string(count) +
            ") INSERT INTO sessions SELECT printf('%032x', i), substr(store_key, 1, 3) || "
            "printf('%021dA', i), user_id, user_tag, created_ms, authenticated_ms, "
            "absolute_expiry_ms, idle_limit_s, device, place, platform, epoch, begun_ms, 1, NULL, "
            "'', NULL FROM sessions, n WHERE user_id = '" +
            like_user + "'";
        ASSERT_EQ(sqlite3_exec(db, insert.c_str(), nullptr, nullptr, &why), SQLITE_OK) << why;
        std::vector<std::string> members;
        const auto collect = [](void* into, int, char** row, char**) {
            const auto key = StoreKey::parse(row[0]);
            const auto handle = Handle::parse(row[1]);
            if (!key || !handle) return 1;
            static_cast<std::vector<std::string>*>(into)->push_back(redis::raw(key->digest) +
                                                                    redis::raw(handle->bytes));
            return 0;
        };
        ASSERT_EQ(sqlite3_exec(db, "SELECT store_key, handle FROM sessions WHERE handle LIKE '00%'",
                               collect, &members, nullptr),
                  SQLITE_OK);
        sqlite3_close(db);
        ASSERT_EQ(members.size(), count);
        // Long enough ago to be due, and not so long that a login of the same shard would take a few away by itself.
        const auto ago = std::chrono::system_clock::now() - std::chrono::hours(1);
        const auto due_at =
            std::to_string(std::chrono::duration_cast<Millis>(ago.time_since_epoch()).count());
        const auto expiry = only_key("*:expiry");
        const auto index = only_key("*:user:*");
        for (std::size_t at = 0; at < members.size(); at += 1000) {
            std::vector<std::string> due{"ZADD", expiry};
            std::vector<std::string> listed{"ZADD", index};
            for (std::size_t i = at; i < std::min(at + 1000, members.size()); ++i) {
                due.insert(due.end(), {due_at, members[i]});
                listed.insert(listed.end(), {"4000000000000", members[i]});
            }
            ASSERT_FALSE(server.admin(due).failed());
            ASSERT_FALSE(server.admin(listed).failed());
        }
    }
    std::string only_key(const std::string& pattern) {
        const auto keys = server.admin({"KEYS", pattern});
        EXPECT_EQ(keys.items.size(), 1U) << pattern;
        return keys.items.empty() ? "" : keys.items.front().text;
    }

    struct Served {
        std::size_t requests = 0;
        std::vector<std::string> failures;
        std::vector<Clock::duration> times;
    };
    /// A login, some reads and a logout, over and over.
    void live(const SessionManager& manager, int number, const std::atomic<bool>& stop) {
        Served mine;
        const auto timed = [&](const auto& operation) {
            const auto before = Clock::now();
            const std::string failure = operation();
            mine.times.push_back(Clock::now() - before);
            ++mine.requests;
            if (!failure.empty()) mine.failures.push_back(failure);
        };
        for (int round = 0; !stop; ++round) {
            std::string cookie;
            timed([&]() -> std::string {
                auto session = manager.load(request({}));
                if (!session) return session.error().detail;
                static_cast<void>(
                    session->set("_user_id", std::to_string(number) + "-" + std::to_string(round)));
                auto made = manager.create_named(*session, request({}));
                if (!made) return made.error().detail;
                cookie = *made;
                return {};
            });
            for (int i = 0; i < 5; ++i)
                timed([&]() -> std::string {
                    const auto session = manager.load(request(cookie));
                    if (!session) return session.error().detail;
                    return session->found() ? "" : "logged out";
                });
            timed([&]() -> std::string {
                const auto ended = log_out(manager, cookie);
                return ended ? "" : ended.error().detail;
            });
        }
        const std::lock_guard lock(mutex);
        served.requests += mine.requests;
        served.failures.insert(served.failures.end(), mine.failures.begin(), mine.failures.end());
        served.times.insert(served.times.end(), mine.times.begin(), mine.times.end());
    }
    /// What an operator's page does meanwhile.
    void scan(const SessionManager& manager, const std::atomic<bool>& stop) {
        std::optional<Handle> after;
        while (!stop) {
            ListQuery query;
            query.limit = 100;
            query.after = after;
            const auto page = manager.list(query);
            after.reset();
            if (page && !page->empty()) after = page->back().handle;
            pause();
        }
    }

    RedisServer server;
    std::mutex mutex;
    Served served;
};

// ids: F29 R8 R10 C29
TEST_F(Crowd, the_sweep_of_a_huge_index_is_bounded_per_run_and_requests_go_on) {
    const std::size_t count = wanted();
    const SessionManager manager = open(usual());
    const std::string cookie = sign_in(manager, "crowd");
    fill("crowd", count);
    const std::string expiry = only_key("*:expiry");

    const SessionManager cleaner = open(cleaning());
    ASSERT_TRUE(cleaner.start_jobs());
    std::atomic<bool> stop{false};
    {
        std::vector<std::jthread> threads;
        for (int number = 0; number < requesters; ++number)
            threads.emplace_back([&, number] { live(manager, number, stop); });
        threads.emplace_back([&] { scan(manager, stop); });
        // A good part of it is swept while requests come; the rest without them.
        EXPECT_TRUE(eventually(
            [&] {
                return cleaner.counters().cleanup_removed >=
                       std::min<std::size_t>(count, 20'000) / 2;
            },
            std::chrono::seconds(120)));
        stop = true;
    }
    EXPECT_EQ(served.failures, std::vector<std::string>{});
    EXPECT_GT(served.requests, 100U);
    std::ranges::sort(served.times);
    const auto worst = std::chrono::duration_cast<Millis>(served.times.back());
    RecordProperty("requests", std::to_string(served.requests));
    RecordProperty("worst_ms", std::to_string(worst.count()));
    EXPECT_LT(worst, budget);

    const auto& bounds = cleaner.options().jobs;
    const auto per_run = bounds.batch * bounds.batches_max * jobs::step_growth_max;
    EXPECT_TRUE(eventually(
        [&] {
            return server.admin({"ZCARD", expiry}).integer <= 1;
        },
        std::chrono::minutes(2) + std::chrono::milliseconds(3 * count)));
    const auto counters = cleaner.counters();
    EXPECT_LE(counters.cleanup_removed, counters.cleanup_runs * per_run) << "a run has no bound";
    EXPECT_EQ(counters.cleanup_failures, 0U);
    EXPECT_GE(counters.cleanup_closed, count);
    EXPECT_EQ(look(manager, cookie), Seen::valid) << "the one that lives stays";
}

}  // namespace
}  // namespace vedfolnir::test
