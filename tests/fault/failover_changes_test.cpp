// Redis forgets changes that were copied: what it still holds in an older form gives way to the copy in SQL (F01, F06).
#include "fault/failover.hpp"
#include "model/bytes.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

namespace vedfolnir::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::int64_t nothing = -1;
constexpr std::int64_t no_session = -2;
constexpr std::int64_t unknown = -3;

void write(const SessionManager& manager, const RequestContext& request, const std::string& key,
           std::int64_t value) {
    auto session = manager.load(request);
    ASSERT_TRUE(session && session->found());
    ASSERT_TRUE(session->set(key, value));
    const auto committed = manager.commit(*session, request);
    ASSERT_TRUE(committed) << committed.error().detail;
}

std::int64_t number_in(const Session& session, const std::string& key) {
    const auto value = session.get(key);
    const auto* number = value && *value ? std::get_if<std::int64_t>(&(*value)->data) : nullptr;
    return number != nullptr ? *number : nothing;
}

std::int64_t read(const SessionManager& manager, const RequestContext& request,
                  const std::string& key) {
    const auto session = manager.load(request);
    if (!session) return unknown;
    return session->found() ? number_in(*session, key) : no_session;
}

std::int64_t read_patiently(const SessionManager& manager, const RequestContext& request,
                            const std::string& key) {
    std::int64_t number = unknown;
    eventually([&] { return (number = read(manager, request, key)) != unknown; }, 30s);
    return number;
}

template <class Base>
class Changes : public Base {
protected:
    /// A process that leaves background work to others.
    [[nodiscard]] ManagerOptions serving() const {
        ManagerOptions options = this->options();
        options.jobs.run = false;
        fs::create_directory(this->folder.file("audit"));
        options.sql.url = "sqlite:///" + this->folder.file("audit/sessions.db");
        options.sql.statement_timeout = Millis{500};
        return options;
    }
    [[nodiscard]] ManagerOptions working() const {
        ManagerOptions options = serving();
        options.jobs.run = true;
        options.jobs.replaced_within = 1000ms;
        options.jobs.snapshots->lag_max = 200ms;
        return options;
    }
    /// Its background work begins with its first call.
    [[nodiscard]] SessionManager worker() const {
        SessionManager made = this->open(working());
        EXPECT_TRUE(made.fallback_status());
        return made;
    }
    /// Everything that changed in `server` has its copy.
    [[nodiscard]] static bool copied(RedisServer& server) {
        const auto is_copied = [&](const auto& dirty) {
            const auto now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
            const auto until = std::to_string(now.time_since_epoch().count());
            return server.admin({"ZCOUNT", dirty.text, "-inf", until}).integer == 0;
        };
        return eventually(
            [&] {
                return std::ranges::all_of(server.admin({"KEYS", "*dirty*"}).items, is_copied);
            },
            30s);
    }
    [[nodiscard]] static std::uint64_t generation(RedisServer& server, const std::string& key) {
        return model::get_be<std::uint64_t>(server.admin({"GET", key}).text,
                                            model::offset::generation);
    }
    /// Its folder goes, with all that belongs to it.
    void take_sql_away() { fs::rename(this->folder.file("audit"), this->folder.file("away")); }
    void bring_sql_back() { fs::rename(this->folder.file("away"), this->folder.file("audit")); }
};

class FailoverOfChanges : public Changes<Failover> {
protected:
    /// Two sessions, changed once as the replica knows it, and once behind its back. Then the replica takes over.
    void lose_changes(const std::function<void()>& while_both_know = {}) {
        std::optional<SessionManager> before = open(working());
        mine = request(sign_in(*before, "7"));
        other = request(sign_in(*before, "8"));
        write(*before, mine, "n", 1);
        write(*before, other, "n", 1);
        ASSERT_TRUE(eventually([&] { return replicated() && same_generations(); }));
        if (while_both_know) while_both_know();
        link.cut();
        write(*before, mine, "n", 2);
        write(*before, other, "m", 2);
        ASSERT_TRUE(copied(primary));
        ASSERT_FALSE(same_generations()) << "otherwise the link was not cut (O2)";
        before.reset();
        fail_over();
    }
    [[nodiscard]] bool same_generations() {
        const auto keys = record_keys(primary);
        return std::ranges::all_of(keys, [&](const std::string& key) {
            return generation(primary, key) == generation(replica, key);
        });
    }

    RequestContext mine;
    RequestContext other;
};

// ids: F01 R6 S36
TEST_F(FailoverOfChanges,
       what_the_replica_holds_in_an_older_form_is_restored_before_it_is_answered) {
    lose_changes();
    const SessionManager manager = open(serving());
    EXPECT_EQ(read_patiently(manager, mine, "n"), 2);
    EXPECT_EQ(read_patiently(manager, other, "m"), 2);
    EXPECT_GE(manager.counters().fallback_restored, 2U);
    // In Redis as well, so that the next who comes finds it there.
    write(manager, mine, "n", 3);
    const SessionManager next = open(serving());
    EXPECT_EQ(read_patiently(next, mine, "n"), 3);
}

// ids: F01 R6 S36
TEST_F(FailoverOfChanges, save_of_who_loaded_before_it_keeps_what_was_copied_meanwhile) {
    // A session is committed once: a busy SQL may take its time.
    ManagerOptions patient = serving();
    patient.request_budget = patient.redis.request_timeout = patient.sql.statement_timeout =
        Millis{5'000};
    patient.fallback->hot_timeout = Millis{2'000};
    const SessionManager manager = open(patient);
    std::optional<Session> early;
    ASSERT_NO_FATAL_FAILURE(lose_changes([&] {
        auto loaded = manager.load(other);
        ASSERT_TRUE(loaded && loaded->found());
        early.emplace(std::move(*loaded));
    }));
    // The generation that it loaded is what the replica holds: without a look at SQL this would fit.
    ASSERT_TRUE(early->set("k", std::int64_t{5}));
    const auto committed = manager.commit(*early, other);
    ASSERT_TRUE(committed) << committed.error().detail;
    for (const auto& [key, value] : {std::pair("n", 1), std::pair("m", 2), std::pair("k", 5)})
        EXPECT_EQ(read_patiently(manager, other, key), value) << key;
    const SessionManager working = worker();
    ASSERT_TRUE(copied(replica));
    for (const auto& [key, value] : {std::pair("n", 1), std::pair("m", 2), std::pair("k", 5)})
        EXPECT_EQ(read_patiently(working, other, key), value) << key;
}

// ids: F01 R6 S36 S66
TEST_F(FailoverOfChanges, all_copies_are_put_back_beside_the_requests_and_then_sql_is_not_asked) {
    const SessionManager watching = open(serving());
    lose_changes();
    std::vector<std::uint64_t> old;
    for (const std::string& key : record_keys(replica)) old.push_back(generation(replica, key));
    const SessionManager working = worker();
    const auto keys = record_keys(replica);
    ASSERT_EQ(keys.size(), old.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        EXPECT_TRUE(eventually([&] { return generation(replica, keys[i]) > old[i]; }, 30s))
            << keys[i];
    EXPECT_TRUE(eventually([&] { return users_of(working, "recovery.done").size() == 1; }, 30s));
    // Each of them looks once a second until it is so.
    EXPECT_EQ(read_patiently(watching, mine, "n"), 2);
    ASSERT_TRUE(eventually([&] {
        const auto before = watching.counters().sql_statements;
        return read(watching, other, "m") == 2 && watching.counters().sql_statements == before;
    }));
    ManagerOptions far = serving();
    far.near_cache.reset();
    const SessionManager fresh = open(far);
    EXPECT_EQ(read_patiently(fresh, mine, "n"), 2);
    const auto before = fresh.counters().sql_statements;
    for (int i = 0; i < 20; ++i) EXPECT_EQ(read(fresh, other, "m"), 2);
    // The polls of the background are a few; not one of each load.
    EXPECT_LT(fresh.counters().sql_statements - before, 20U);
}

// ids: F01 F17 R6 C28
TEST_F(FailoverOfChanges, while_sql_is_away_an_older_form_is_not_taken_for_the_newest) {
    lose_changes();
    const SessionManager manager = open(serving());
    ASSERT_EQ(read_patiently(manager, mine, "n"), 2);
    take_sql_away();
    const auto until = std::chrono::steady_clock::now() + 4s;
    while (std::chrono::steady_clock::now() < until) {
        ASSERT_EQ(read(manager, other, "m"), unknown);
        ASSERT_EQ(read(manager, mine, "n"), 2) << "it was compared";
    }
    bring_sql_back();
    EXPECT_EQ(read_patiently(manager, other, "m"), 2);
}

/// One key of one session, written by one thread: 1, 2, 3...
struct Writer {
    Writer(RequestContext session_, std::string key_)
        : session(std::move(session_)), key(std::move(key_)) {}

    RequestContext session;
    std::string key;
    std::atomic<std::int64_t> acknowledged = 0;

    void once(const SessionManager& manager) {
        auto loaded = manager.load(session);
        if (!loaded) return;
        ASSERT_TRUE(loaded->found()) << "logged out";
        ASSERT_TRUE(loaded->set(key, ++tried_));
        if (manager.commit(*loaded, session)) acknowledged = tried_;
    }

private:
    std::int64_t tried_ = 0;
};

// ids: F01 R6 S36
TEST_F(FailoverOfChanges, saves_of_many_in_the_middle_of_it_lose_nothing_that_was_copied) {
    const SessionManager one = worker();
    const SessionManager two = open(serving());
    std::deque<Writer> writers;
    for (const char* user : {"7", "8", "9", "10"}) {
        const RequestContext session = request(sign_in(one, user));
        writers.emplace_back(session, "one");
        writers.emplace_back(session, "two");
    }
    ASSERT_TRUE(eventually([&] { return replicated(); }));
    const auto all_write = [&](const std::function<void()>& meanwhile) {
        std::atomic<bool> ended{false};
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < writers.size(); ++i)
            threads.emplace_back([&, i] {
                while (!ended) writers[i].once(i % 2 == 0 ? one : two);
            });
        meanwhile();
        ended = true;
        for (std::thread& thread : threads) thread.join();
    };
    const auto all_have = [&](std::int64_t more) {
        std::vector<std::int64_t> goals;
        for (const Writer& writer : writers) goals.push_back(writer.acknowledged + more);
        return eventually([&] {
            return std::ranges::equal(goals, writers, [](std::int64_t goal, const Writer& writer) {
                return writer.acknowledged >= goal;
            });
        });
    };
    all_write([&] {
        EXPECT_TRUE(all_have(5));
        link.cut();
        EXPECT_TRUE(all_have(5));
    });
    for (Writer& writer : writers) write(one, writer.session, "quiet " + writer.key, 5);
    ASSERT_TRUE(copied(primary));
    all_write([&] {
        EXPECT_TRUE(all_have(3));
        fail_over();
        EXPECT_TRUE(all_have(20));
    });
    const SessionManager fresh = open(serving());
    for (const Writer& writer : writers) {
        EXPECT_EQ(read_patiently(fresh, writer.session, "quiet " + writer.key), 5);
        EXPECT_GE(read_patiently(fresh, writer.session, writer.key), writer.acknowledged);
    }
}

class RestartOfChanges : public Changes<Installation> {
protected:
    RestartOfChanges() { point_to(server); }

    RedisServer server{RedisServerOptions{.settings = {"appendonly no", "save \"\""}}};
};

// ids: F05 F17 R6 C28
TEST_F(RestartOfChanges, what_an_emptied_redis_was_not_given_back_is_unknown_while_sql_is_away) {
    std::optional<SessionManager> before = open(working());
    const RequestContext mine = request(sign_in(*before, "7"));
    const RequestContext other = request(sign_in(*before, "8"));
    write(*before, mine, "n", 1);
    write(*before, other, "n", 1);
    ASSERT_TRUE(copied(server));
    before.reset();
    server.kill();
    server.start();

    ManagerOptions far = serving();
    far.near_cache.reset();
    std::optional<SessionManager> manager = open(far);
    ASSERT_EQ(read_patiently(*manager, mine, "n"), 1);
    take_sql_away();
    auto until = std::chrono::steady_clock::now() + 6s;
    while (std::chrono::steady_clock::now() < until) {
        ASSERT_EQ(read(*manager, other, "n"), unknown);
        ASSERT_EQ(read(*manager, mine, "n"), 1);
    }
    bring_sql_back();
    EXPECT_EQ(read_patiently(*manager, other, "n"), 1);

    // Once all was put back, what is not there never was.
    std::optional<SessionManager> working = worker();
    const auto whole = [&] {
        const auto fields = server.admin({"HGETALL", "vedfolnir:session:{00}:compared"}).items;
        return std::ranges::any_of(fields,
                                   [](const auto& field) { return field.text == "copies"; });
    };
    ASSERT_TRUE(eventually(whole, 30s));
    working.reset();
    for (const std::string& key : record_keys(server)) server.admin({"DEL", key});
    take_sql_away();
    EXPECT_EQ(read_patiently(*manager, other, "n"), no_session);
    bring_sql_back();
    EXPECT_TRUE(eventually([&] { return read(*manager, other, "n") == 1; }));
}

// ids: F05 F17 R6 C28
TEST_F(RestartOfChanges, what_a_flushed_redis_lost_is_unknown_while_sql_is_away) {
    std::optional<SessionManager> before = open(working());
    const RequestContext mine = request(sign_in(*before, "7"));
    write(*before, mine, "n", 1);
    ASSERT_TRUE(copied(server));
    const auto whole = [&] {
        return !server.admin({"HGET", "vedfolnir:session:{00}:compared", "copies"}).text.empty();
    };
    ASSERT_TRUE(eventually(whole, 30s));
    before.reset();

    ManagerOptions far = serving();
    far.near_cache.reset();
    const SessionManager manager = open(far);
    ASSERT_EQ(read_patiently(manager, mine, "n"), 1);
    auto early = manager.load(mine);
    ASSERT_TRUE(early && early->found());
    ASSERT_TRUE(early->set("m", std::int64_t{2}));
    take_sql_away();
    for (const std::string& key : record_keys(server)) server.admin({"DEL", key});
    // From now on it is known that SQL does not answer, and this connection is known to lack nothing.
    ASSERT_EQ(read_patiently(manager, mine, "n"), no_session);
    server.admin({"FLUSHALL"});
    for (int times = 0; times < 20; ++times) ASSERT_EQ(read(manager, mine, "n"), unknown);
    const auto committed = manager.commit(*early, mine);
    ASSERT_FALSE(committed);
    bring_sql_back();
    EXPECT_EQ(read_patiently(manager, mine, "n"), 1);
}

// ids: F05 F17 R6 C28
TEST_F(RestartOfChanges, what_is_no_session_under_a_key_of_one_keeps_no_others_out) {
    std::optional<SessionManager> before = open(working());
    const RequestContext mine = request(sign_in(*before, "7"));
    write(*before, mine, "n", 1);
    const std::vector<std::string> keys = record_keys(server);
    const RequestContext other = request(sign_in(*before, "8"));
    write(*before, other, "n", 1);
    ASSERT_TRUE(copied(server));
    before.reset();
    server.kill();
    server.start();
    for (const std::string& key : keys) server.admin({"SET", key, "no session"});
    const SessionManager working = worker();
    const auto whole = [&] {
        return !server.admin({"HGET", "vedfolnir:session:{00}:compared", "copies"}).text.empty();
    };
    EXPECT_TRUE(eventually(whole, 30s));
    EXPECT_EQ(record_keys(server).size(), 2U);
}

}  // namespace
}  // namespace vedfolnir::test
