// Two hosts write one session on both sides of a partition: one through Redis, one through SQL (F22).
#include "fault/installation.hpp"
#include "support/seeds.hpp"

#include <chrono>
#include <filesystem>
#include <random>
#include <string>

namespace vedfolnir::test {
namespace {

class Partition : public Installation {
protected:
    Partition() { point_to(server); }

    /// They share Redis and SQL and nothing else, and copy only what one of them is told to.
    [[nodiscard]] ManagerOptions host(const std::string& name, const std::string& way) const {
        ManagerOptions host = options();
        host.sql.url = "sqlite:///" + folder.file("shared.db");
        host.state_dir = folder.file(name);
        host.redis.unix_socket = way;
        host.near_cache.reset();
        host.fallback->poll_interval = Millis{200};
        return host;
    }
    [[nodiscard]] std::string far_way() const { return folder.file("far.sock"); }
    void heal() const { std::filesystem::create_symlink(server.socket_path(), far_way()); }
    void part(const std::vector<std::string>& far_connections) {
        std::filesystem::remove(far_way());
        for (const auto& id : far_connections) server.admin({"CLIENT", "KILL", "ID", id});
    }
    [[nodiscard]] static Result<CommitAction> put(const SessionManager& manager,
                                                  const std::string& cookie, const std::string& key,
                                                  std::int64_t value) {
        auto session = manager.load(request(cookie));
        if (!session) return session.error();
        EXPECT_TRUE(session->set(key, value));
        const auto done = manager.commit(*session, request(cookie));
        if (!done) return done.error();
        return done->action;
    }
    /// Every key and value as this host sees it.
    [[nodiscard]] static std::string content(const SessionManager& manager,
                                             const std::string& cookie) {
        const auto session = manager.load(request(cookie));
        if (!session) return "unknown: " + session.error().detail;
        if (!session->found()) return "none";
        std::string all = std::to_string(session->generation());
        for (const auto& key : session->keys())
            all += " " + key + "=" + std::string(session->encoded(key).value_or("?"));
        return all;
    }

    RedisServer server;
};

// ids: F22 R6 I1 S22 S37
TEST_F(Partition, both_sides_agree_afterwards_and_what_ended_on_either_stays_ended) {
    const std::uint64_t seed = *Seeds(1).begin();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE(Seeds::words(seed));
    std::mt19937_64 random(seed);
    heal();
    const SessionManager far = open(host("far", far_way()));
    const std::string cookie = sign_in(far, "both");
    std::vector<std::string> far_connections = connections(server);
    const SessionManager near = open(host("near", front()));
    const std::string ended_near = sign_in(near, "ended near");
    const std::string ended_far = sign_in(near, "ended far");
    ASSERT_EQ(put(near, cookie, "before", 1).value(), CommitAction::saved);
    ASSERT_TRUE(eventually(
        [&] { return far.counters().snapshots_written + near.counters().snapshots_written >= 3; }));
    part(far_connections);

    for (int i = 0; i < 20; ++i) {
        const bool here = random() % 2 == 0;
        const auto saved = put(here ? near : far, cookie, here ? "near" : "far", i);
        ASSERT_TRUE(saved.has_value()) << saved.error().detail;
        EXPECT_EQ(*saved, CommitAction::saved);
    }
    ASSERT_TRUE(log_out(near, ended_near).has_value());
    ASSERT_TRUE(log_out(far, ended_far).has_value());
    EXPECT_GT(far.counters().fallback_writes, 0U) << "the way was not cut";
    heal();

    EXPECT_TRUE(eventually(
        [&] {
            const auto status = far.fallback_status();
            return status.has_value() && status->state.ahead == 0 &&
                   far.counters().fallback_active == 0 && near.counters().fallback_active == 0;
        },
        std::chrono::seconds(60)));
    EXPECT_EQ(content(near, cookie), content(far, cookie));
    EXPECT_EQ(content(open(host("third", front())), cookie), content(far, cookie));
    EXPECT_EQ(look_patiently(near, cookie), Seen::valid) << content(near, cookie);
    for (const auto* manager : {&near, &far}) {
        EXPECT_EQ(look_patiently(*manager, ended_near), Seen::none);
        EXPECT_EQ(look_patiently(*manager, ended_far), Seen::none);
    }
}

}  // namespace
}  // namespace vedfolnir::test
