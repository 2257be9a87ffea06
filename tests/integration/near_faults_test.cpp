// Three workers read, write and end sessions through their near caches while what keeps them coherent breaks, in each way
// there is. A checker goes over what they saw: nothing older than the age bound, and among workers that share a table
// nothing at all that was replaced or ended before.
#include "near_worker.hpp"
#include "support/history.hpp"
#include "support/push_filter.hpp"
#include "support/shared_memory.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace vedfolnir::test {
namespace {

constexpr std::size_t workers = 3;
/// Workers 0 and 1, and the one that worker 0 forks, share a table; worker 2 has one of its own.
constexpr std::array<std::uint8_t, workers + 1> group_of{0, 0, 1, 0};
constexpr std::uint8_t group_of_nobody = 9;
constexpr Millis age{300};
constexpr std::int64_t age_ns = std::chrono::nanoseconds(age).count();

std::int64_t steady_ns() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

/// What the processes of one test share.
struct Arena {
    struct Slot {
        std::atomic<bool> ready{false};
        bool of_user = false;
        std::array<char, 95> cookie{};
    };
    std::atomic<bool> stop{false};
    std::atomic<bool> fork_wanted{false};
    std::array<std::atomic<std::uint64_t>, workers + 1> steps{};
    std::array<std::atomic<std::uint64_t>, workers + 1> answers{};  ///< Noted in the history.
    std::atomic<std::uint64_t> hits{0};  ///< Of all near caches, told at the end.
    std::atomic<std::uint32_t> sessions{0};
    std::array<Slot, 40'000> slots{};

    using Counts = std::array<std::atomic<std::uint64_t>, workers + 1>;
    [[nodiscard]] static std::uint64_t sum(const Counts& counts) {
        std::uint64_t all = 0;
        for (const auto& each : counts) all += each.load();
        return all;
    }
};

struct Plan {
    std::uint32_t crowd = 4;    ///< Sessions that each worker makes before all start.
    std::uint32_t recent = 16;  ///< Most requests are for the newest sessions.
    std::uint32_t reads = 80;   ///< Of a hundred steps.
    std::uint32_t users = 50;   ///< Of a hundred new sessions.
    std::size_t entries_max = 20'000;
};

/// One process: random requests, one after the other, each noted with its times.
class Player {
public:
    Player(Arena& arena, std::uint16_t number, Plan plan, const ManagerOptions& options,
           std::string folder)
        : arena_(arena),
          number_(number),
          plan_(plan),
          worker_(options),
          folder_(std::move(folder)),
          random_(number + 1U) {}

    int play(Wire& wire) {
        for (std::uint32_t made = 0; made < plan_.crowd; ++made) enter();
        wire.say("ready");
        if (!wire.hear()) return 1;
        pid_t child = -1;
        while (!arena_.stop) {
            step();
            ++arena_.steps[number_];
            if (number_ != 0 || child >= 0 || !arena_.fork_wanted) continue;
            child = ::fork();
            if (child == 0) become_the_child();
        }
        note_down();
        arena_.hits += worker_.manager().counters().near_hits;
        if (number_ == workers) ::_exit(0);
        int status = 0;
        if (child > 0) ::waitpid(child, &status, 0);
        return status;
    }

private:
    /// As an application server's worker that was forked with the manager in use.
    void become_the_child() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        number_ = workers;
        random_.seed(number_ + 1U);
        events_.clear();
    }
    std::uint32_t roll(std::uint32_t sides) {
        return static_cast<std::uint32_t>(random_() % sides);
    }

    void step() {
        const std::uint32_t session = pick();
        if (!arena_.slots[session].ready) return;
        const std::uint32_t what = roll(100);
        if (what < plan_.reads) {
            static_cast<void>(load(session));
        } else if (what < 98 || roll(4) != 0) {
            write(session);
        } else {
            end(session);
            enter();
        }
    }
    std::uint32_t pick() {
        const std::uint32_t all = arena_.sessions;
        // Now and then an old one: most of them have ended.
        if (roll(10) == 0) return roll(all);
        return all - 1 - roll(std::min(all, plan_.recent));
    }
    [[nodiscard]] std::string cookie(std::uint32_t session) const {
        return arena_.slots[session].cookie.data();
    }
    void note(Event::Kind kind, std::uint32_t session, std::uint64_t version, std::int64_t start,
              std::int64_t finish, std::uint64_t base = 0) {
        events_.push_back(
            {kind, group_of[number_], number_, session, version, base, start, finish});
        if (finish != Event::never) ++arena_.answers[number_];
    }

    void enter() {
        const bool of_user = roll(100) < plan_.users;
        auto session = worker_.manager().load(NearWorker::request({}));
        if (!session || !session->set("n", "0")) return;
        if (of_user && !session->set("_user_id", "user-" + std::to_string(roll(8)))) return;
        const auto start = steady_ns();
        const auto done = worker_.manager().commit(*session, NearWorker::request({}));
        // What nobody got a cookie for is nobody's session.
        if (!done || !done->set_cookie) return;
        const auto finish = steady_ns();
        const std::uint32_t number = arena_.sessions++;
        Arena::Slot& slot = arena_.slots.at(number);
        const auto from = done->set_cookie->find('=') + 1;
        const auto size = done->set_cookie->find(';') - from;
        done->set_cookie->copy(slot.cookie.data(), std::min(size, slot.cookie.size() - 1), from);
        slot.of_user = of_user;
        note(Event::Kind::write, number, session->generation(), start, finish);
        slot.ready = true;
    }

    /// Empty when no store could say, and when there is none.
    std::optional<Session> load(std::uint32_t number) {
        const auto start = steady_ns();
        auto session = worker_.manager().load(NearWorker::request(cookie(number)));
        if (!session) return std::nullopt;
        note(Event::Kind::read, number, session->found() ? session->generation() : 0, start,
             steady_ns());
        if (!session->found()) return std::nullopt;
        return std::move(*session);
    }
    void write(std::uint32_t number) {
        auto session = load(number);
        if (!session || !session->set("n", std::to_string(random_()))) return;
        const std::uint64_t base = session->generation();
        const auto start = steady_ns();
        const auto done = worker_.manager().commit(*session, NearWorker::request(cookie(number)));
        const auto finish = steady_ns();
        if (done && done->action == CommitAction::saved) {
            note(Event::Kind::write, number, session->generation(), start, finish, base);
            return;
        }
        // Also where the session was gone in the end: the first try may have been written before.
        note(Event::Kind::write, number, 0, start, Event::never);
        if (done && done->action == CommitAction::dropped)
            note(Event::Kind::read, number, 0, start, finish);
    }
    void end(std::uint32_t number) {
        const auto start = steady_ns();
        const auto done = worker_.manager().end(cookie(number), EndReason::ended_by_operator, "x");
        const bool sure = done && *done == Ending::ended;
        note(Event::Kind::end, number, 0, start, sure ? steady_ns() : Event::never);
    }
    void note_down() const {
        std::ofstream file(folder_ + "/history-" + std::to_string(number_), std::ios::binary);
        file.write(reinterpret_cast<const char*>(events_.data()),
                   static_cast<std::streamsize>(events_.size() * sizeof(Event)));
    }

    Arena& arena_;
    std::uint16_t number_;
    Plan plan_;
    NearWorker worker_;
    std::string folder_;
    std::mt19937 random_;
    std::vector<Event> events_;
};

class NearFaults : public testing::Test {
protected:
    NearFaults()
        // What Redis acknowledged, it has after a crash: else a read may be old whatever a cache does.
        : server({.settings = {"appendonly yes", "appendfsync always"}}) {}

    [[nodiscard]] ManagerOptions options(std::size_t worker) const {
        const auto state = folder.file("state-" + std::to_string(group_of[worker]));
        ManagerOptions made = near_options(server, state, folder.file("sessions.db"));
        // Faults last; nobody is to wait for their end.
        made.redis.request_timeout = Millis{250};
        made.request_budget = Millis{1'000};
        made.near_cache->age_max = age;
        made.near_cache->entries_max = plan.entries_max;
        if (port != 0) {
            made.redis.unix_socket.clear();
            made.redis.host = "127.0.0.1";
            made.redis.port = port;
        }
        return made;
    }
    void start() {
        for (std::size_t number = 0; number < workers; ++number) {
            const auto state = folder.file("state-" + std::to_string(group_of[number]));
            std::filesystem::create_directories(state);
            std::filesystem::permissions(state, std::filesystem::perms::owner_all);
            children.push_back(std::make_unique<Child>([this, number](Wire& wire) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                return Player(*arena, static_cast<std::uint16_t>(number), plan, options(number),
                              folder.path().string())
                    .play(wire);
            }));
            // One after the other, so that each finds the library and the schema as it should.
            ASSERT_EQ(children.back()->wire().hear(), "ready");
        }
        for (const auto& child : children) child->wire().say("go");
    }
    /// Lets the workers ask so many times between them, whether they are answered or not.
    void let_ask(std::uint64_t steps) { let_rise(arena->steps, steps); }
    /// Lets them be answered so many times.
    void let_work(std::uint64_t answers) { let_rise(arena->answers, answers); }
    void let_rise(const Arena::Counts& counts, std::uint64_t by) const {
        const auto until = Arena::sum(counts) + by;
        ASSERT_TRUE(eventually([&] { return Arena::sum(counts) >= until; }, Millis{60'000}));
    }
    void finish() {
        arena->stop = true;
        for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
        for (std::size_t number = 0; number <= workers; ++number) {
            std::ifstream file(folder.file("history-" + std::to_string(number)), std::ios::binary);
            Event event;
            while (file.read(reinterpret_cast<char*>(&event), sizeof event)) history.add(event);
        }
    }
    void check() {
        const auto violations = history.violations(age_ns);
        for (std::size_t i = 0; i < std::min<std::size_t>(violations.size(), 5); ++i)
            ADD_FAILURE() << violations[i];
        EXPECT_EQ(violations.size(), 0U);
        EXPECT_GT(arena->hits, 0U) << "else nothing was tested";
        std::printf(
            "%zu events, %u sessions, %lu hits, %zu violations, %zu late but within the age\n",
            history.size(), arena->sessions.load(), arena->hits.load(), violations.size(),
            history.violations(0).size() - violations.size());
    }
    /// The whole story: `fault` so many times, with work before, between and after.
    void run(int times, const std::function<void(int)>& fault) {
        start();
        for (int time = 0; time < times && !HasFatalFailure(); ++time) {
            let_work(3'000);
            fault(time);
        }
        let_work(3'000);
        finish();
        check();
    }

    Plan plan;
    TemporaryFolder folder;
    RedisServer server;
    std::uint16_t port = 0;  ///< 0: over the socket.
    SharedMemory<Arena> arena;
    std::vector<std::unique_ptr<Child>> children;
    History history;
};

// ids: S18 S32
TEST_F(NearFaults, nothing_breaks) {
    run(10, [](int) {});
}

// ids: S18 S32 N1
TEST_F(NearFaults, connections_are_killed) {
    run(8, [this](int) { server.admin({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); });
}

// ids: S18 S32 N1
TEST_F(NearFaults, redis_pauses) {
    run(10, [this](int time) {
        if (time % 2 == 0) {
            server.admin({"CLIENT", "PAUSE", "100", "ALL"});
            return;
        }
        server.freeze();
        let_ask(20);
        server.thaw();
    });
}

// ids: S18 S32 N1
TEST_F(NearFaults, redis_is_gone_for_longer_than_the_age) {
    run(3, [this](int) {
        const auto frozen = std::chrono::steady_clock::now();
        server.freeze();
        EXPECT_TRUE(
            eventually([&] { return std::chrono::steady_clock::now() - frozen > 5 * age; }));
        server.thaw();
    });
}

// ids: S18 S32 C29
TEST_F(NearFaults, pushes_flood_the_workers) {
    plan.crowd = 1'000;
    plan.recent = 3'000;
    plan.users = 0;
    run(8, [this](int) {
        server.admin({"EVAL",
                      "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do "
                      "  if redis.call('TYPE', key).ok == 'string' then "
                      "    redis.call('SET', key, redis.call('GET', key), 'KEEPTTL') "
                      "  end "
                      "end",
                      "0", "vedfolnir:session:{*"});
    });
}

// ids: S18 S32 N1
TEST_F(NearFaults, pushes_are_dropped_on_the_way) {
    const PushFilter filter(server.socket_path());
    port = filter.port();
    run(10, [](int) {});
    EXPECT_GT(filter.dropped(), 0U);
}

// ids: S18 S32 C08
TEST_F(NearFaults, redis_restarts) {
    run(4, [this](int) {
        server.kill();
        let_ask(20);
        server.start();
    });
}

// ids: S18 S32
TEST_F(NearFaults, everything_is_flushed) {
    std::vector<std::pair<std::int64_t, std::int64_t>> flushes;
    start();
    for (int time = 0; time < 8; ++time) {
        let_work(3'000);
        const auto before = steady_ns();
        server.admin({"FLUSHALL"});
        flushes.emplace_back(before, steady_ns());
    }
    let_work(3'000);
    finish();
    for (const Event& made : history.first_writes()) {
        for (const auto& [before, after] : flushes) {
            if (made.start >= after) continue;
            const bool sure = made.finish < before;
            history.add({Event::Kind::end, group_of_nobody, group_of_nobody, made.session, 0, 0,
                         before, sure ? after : Event::never});
        }
    }
    check();
}

// ids: S18 S32 C29
TEST_F(NearFaults, the_near_cache_is_full) {
    plan.entries_max = 4;
    run(10, [](int) {});
}

// ids: S18 S32 S34
TEST_F(NearFaults, a_worker_forks_with_its_near_cache_in_use) {
    run(10, [this](int time) {
        if (time == 3) arena->fork_wanted = true;
    });
    EXPECT_GT(arena->steps[workers], 0U);
}

Event event(Event::Kind kind, std::uint8_t group, std::uint64_t version, std::int64_t start,
            std::int64_t finish) {
    return {kind, group, group, 1, version, version == 0 ? 0 : version - 1, start, finish};
}

/// A write of version 1 and one of version 2 by group 0, then `last`.
std::size_t violations_with(std::initializer_list<Event> last) {
    History history;
    history.add(event(Event::Kind::write, 0, 1, 0, 10));
    history.add(event(Event::Kind::write, 0, 2, 20, 30));
    for (const Event& each : last) history.add(each);
    return history.violations(100).size();
}

// ids: S18
TEST(History, a_read_of_the_same_group_may_be_old_only_while_the_write_is_under_way) {
    EXPECT_EQ(violations_with({event(Event::Kind::read, 0, 1, 25, 35)}), 0U);
    EXPECT_EQ(violations_with({event(Event::Kind::read, 0, 2, 31, 35)}), 0U);
    EXPECT_EQ(violations_with({event(Event::Kind::read, 0, 1, 31, 35)}), 1U);
}

// ids: S18
TEST(History, a_read_of_another_group_may_be_old_within_the_age) {
    EXPECT_EQ(violations_with({event(Event::Kind::read, 1, 1, 130, 135)}), 0U);
    EXPECT_EQ(violations_with({event(Event::Kind::read, 1, 1, 131, 135)}), 1U);
    EXPECT_EQ(violations_with({event(Event::Kind::read, 1, 2, 131, 135)}), 0U);
}

// ids: S18
TEST(History, an_ending_counts_once_it_was_acknowledged) {
    const auto ended = event(Event::Kind::end, 0, 0, 40, 50);
    EXPECT_EQ(violations_with({ended, event(Event::Kind::read, 0, 2, 45, 55)}), 0U);
    EXPECT_EQ(violations_with({ended, event(Event::Kind::read, 0, 2, 51, 55)}), 1U);
    EXPECT_EQ(violations_with({ended, event(Event::Kind::read, 1, 2, 51, 55)}), 0U);
    EXPECT_EQ(violations_with({ended, event(Event::Kind::read, 1, 2, 151, 155)}), 1U);
    const auto perhaps = event(Event::Kind::end, 0, 0, 40, Event::never);
    EXPECT_EQ(violations_with({perhaps, event(Event::Kind::read, 0, 2, 400, 401)}), 0U);
    EXPECT_EQ(violations_with({perhaps, event(Event::Kind::read, 0, 0, 400, 401)}), 0U);
}

// ids: S18
TEST(History, nothing_is_lost_and_nothing_invented) {
    EXPECT_EQ(violations_with({event(Event::Kind::read, 0, 0, 31, 35)}), 1U);
    EXPECT_EQ(violations_with({event(Event::Kind::read, 0, 3, 31, 35)}), 1U);
    const auto perhaps = event(Event::Kind::write, 0, 0, 40, Event::never);
    EXPECT_EQ(violations_with({perhaps, event(Event::Kind::read, 0, 3, 31, 35)}), 1U);
    EXPECT_EQ(violations_with({perhaps, event(Event::Kind::read, 0, 3, 41, 45)}), 0U);
    // Applied as 3, sent again, and merged into 4 of another: it says 5.
    Event twice = event(Event::Kind::write, 0, 5, 40, 60);
    twice.base = 2;
    EXPECT_EQ(violations_with({twice, event(Event::Kind::read, 0, 3, 41, 45)}), 0U);
    EXPECT_EQ(violations_with({twice, event(Event::Kind::read, 0, 6, 41, 45)}), 1U);
}

// ids: S18
TEST(RespScanner, messages_come_out_whole_however_the_bytes_arrive) {
    const std::vector<std::string> messages{"+OK\r\n",
                                            "$5\r\na\r\nb\x01\r\n",
                                            ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
                                            "%1\r\n+a\r\n*-1\r\n",
                                            "_\r\n",
                                            "*2\r\n:1\r\n~1\r\n#t\r\n",
                                            "$-1\r\n",
                                            "$0\r\n\r\n"};
    RespScanner scanner;
    for (const std::string& message : messages) {
        for (const char byte : message) {
            EXPECT_EQ(scanner.next(), std::nullopt);
            scanner.feed(std::string_view(&byte, 1));
        }
        EXPECT_EQ(scanner.next(), message);
    }
}

}  // namespace
}  // namespace vedfolnir::test
