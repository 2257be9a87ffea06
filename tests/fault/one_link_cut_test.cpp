// One process loses its way to a Redis that the others go on using: what it then does in SQL holds for them at once.
#include "fault/installation.hpp"

#include <chrono>
#include <filesystem>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

using namespace std::chrono_literals;

class OneLinkCut : public Installation {
protected:
    OneLinkCut() { point_to(server); }

    /// Without a look at SQL from time to time, which would make up for a word that was missed; and, where `copies` is
    /// false, without copies in SQL.
    [[nodiscard]] ManagerOptions unpolled(bool copies) const {
        ManagerOptions chosen = options();
        chosen.endings.poll_interval = Millis{0};
        chosen.jobs.run = copies;
        if (!copies) chosen.jobs.snapshots.reset();
        return chosen;
    }
    /// To be called before any other process connects.
    [[nodiscard]] SessionManager process_to_cut_off() {
        SessionManager far = open(unpolled(false));
        EXPECT_EQ(look(far, sign_in(far, "first")), Seen::valid);
        far_connections = connections(server);
        return far;
    }
    /// Those that are connected stay so; nobody connects any more.
    void cut_off() {
        std::filesystem::remove(front());
        for (const auto& id : far_connections) server.admin({"CLIENT", "KILL", "ID", id});
    }
    /// Sessions of which SQL has a copy.
    [[nodiscard]] int copies() const {
        sqlite3* db = nullptr;
        sqlite3_stmt* counting = nullptr;
        int count = 0;
        EXPECT_EQ(sqlite3_open(folder.file("state/sessions.db").c_str(), &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 10'000);
        sqlite3_prepare_v2(db, "SELECT count(*) FROM records", -1, &counting, nullptr);
        if (sqlite3_step(counting) == SQLITE_ROW) count = sqlite3_column_int(counting, 0);
        sqlite3_finalize(counting);
        sqlite3_close(db);
        return count;
    }
    static Result<CommitResult> put(const SessionManager& manager, Session& session,
                                    const std::string& cookie, const std::string& key) {
        EXPECT_TRUE(session.set(key, "here"));
        return manager.commit(session, request(cookie));
    }
    static std::vector<std::string> keys_of(const SessionManager& manager,
                                            const std::string& cookie) {
        auto session = manager.load(request(cookie));
        EXPECT_TRUE(session.has_value()) << (session ? "" : session.error().detail);
        std::vector<std::string> found;
        for (const char* key : {"near", "far"}) {
            if (!session) break;
            const auto value = session->get(key);
            if (value && *value) found.emplace_back(key);
        }
        return found;
    }

    RedisServer server;
    std::vector<std::string> far_connections;
};

// ids: I1 R5 S31
TEST_F(OneLinkCut, what_the_cut_off_process_ends_is_over_for_the_others_at_once) {
    constexpr int users = 4;
    const SessionManager far = process_to_cut_off();
    const SessionManager near = open(unpolled(true));
    std::vector<std::string> cookies;
    for (int user = 0; user < users; ++user) cookies.push_back(sign_in(near, std::to_string(user)));
    ASSERT_TRUE(eventually([&] { return copies() > users; }));
    cut_off();

    std::vector<std::string> over;
    for (const auto& cookie : cookies) {
        ASSERT_EQ(look(near, cookie), Seen::valid);
        const auto ending = log_out(far, cookie);
        ASSERT_TRUE(ending.has_value()) << ending.error().detail;
        over.push_back(cookie);
        const auto until = std::chrono::steady_clock::now() + 700ms;
        while (std::chrono::steady_clock::now() < until)
            for (const auto& ended : over) ASSERT_EQ(look(near, ended), Seen::none) << over.size();
    }
}

// ids: I1 S31
TEST_F(OneLinkCut, what_was_unknown_to_sql_a_moment_ago_may_be_over_now) {
    const SessionManager far = process_to_cut_off();
    const SessionManager near = open(unpolled(false));
    const std::string first = sign_in(near, "1");
    const std::string second = sign_in(near, "2");
    auto leaving = far.load(request(first));
    auto leaving_later = far.load(request(second));
    ASSERT_TRUE(leaving && leaving->found() && leaving_later && leaving_later->found());
    cut_off();

    leaving->clear();
    ASSERT_TRUE(far.commit(*leaving, request(first)).has_value());
    EXPECT_EQ(look(near, first), Seen::none);
    EXPECT_EQ(look(near, second), Seen::valid) << "SQL knows nothing of it, Redis does";
    leaving_later->clear();
    ASSERT_TRUE(far.commit(*leaving_later, request(second)).has_value());
    EXPECT_EQ(look(near, second), Seen::none);
}

// ids: S19 S31
TEST_F(OneLinkCut, writers_of_both_sides_lose_nothing) {
    const SessionManager far = process_to_cut_off();
    const SessionManager near = open(unpolled(true));
    const std::string cookie = sign_in(near, "7");
    ASSERT_TRUE(eventually([&] { return copies() > 1; }));
    cut_off();

    auto on_this_side = near.load(request(cookie));
    auto on_that_side = far.load(request(cookie));
    ASSERT_TRUE(on_this_side && on_that_side);
    const auto far_put = put(far, *on_that_side, cookie, "far");
    ASSERT_TRUE(far_put.has_value()) << far_put.error().detail;
    const auto near_put = put(near, *on_this_side, cookie, "near");
    ASSERT_TRUE(near_put.has_value()) << near_put.error().detail;
    EXPECT_EQ(keys_of(near, cookie), (std::vector<std::string>{"near", "far"}));
    // Where Redis was told of it in between, what far sees is the next copy.
    EXPECT_TRUE(eventually([&] {
        return keys_of(far, cookie) == std::vector<std::string>{"near", "far"};
    }));
}

}  // namespace
}  // namespace vedfolnir::test
