// Killed between two steps, whichever they are (F19): `vedfolnir serve` and an application begin together, one of them dies
// at a chosen step, is started again, and what was acknowledged holds, once.
#include "fault/installation.hpp"
#include "journal/file.hpp"
#include "runtime/fail_point.hpp"
#include "support/child.hpp"
#include "support/seeds.hpp"

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sqlite3.h>
#include <sstream>
#include <string>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vedfolnir::test {
namespace {

constexpr auto dies_within = std::chrono::seconds(20);
constexpr auto heals_within = std::chrono::seconds(30);
constexpr int steps_of_a_life = 12;
constexpr std::uint64_t requests_at_once = 3;
constexpr int passes_max = 4;
constexpr const char* key_in_hex =
    "019e2d33f48556a70849baebccdd1e7f109122b334d5f66778899a0b5cedfe6f";

/// Where a process dies, and what must be away for it to come there.
struct Plan {
    std::string point;
    int pass = 1;
    bool sql_away = false;
    bool redis_away = false;

    Plan(std::uint64_t seed, std::mt19937_64& random)
        : point(runtime::fail_points[seed % runtime::fail_points.size()]) {
        const auto group = point.substr(0, point.find('.'));
        sql_away = group == "journal" || group == "replay";
        redis_away = group == "reconcile";
        const bool often = group == "login" || group == "sql" || group == "journal";
        pass = often ? 1 + static_cast<int>(random() % passes_max) : 1;
    }
};

/// What one user's session went through, as its application knows it.
struct Story {
    int logins = 0, rotations = 0, endings = 0;  ///< Acknowledged.
    std::string under_way;                       ///< Begun, and neither acknowledged nor refused.
    std::string cookie;
    std::vector<std::string> over;
};

/// A line for each step, written before and after it, which outlives its process.
class Log {
public:
    explicit Log(const std::string& path)
        : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
    ~Log() { ::close(file_); }
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void note(const std::string& state, const std::string& kind, const std::string& user,
              const std::string& cookie = "-") const {
        const std::string line = state + " " + kind + " " + user + " " + cookie + "\n";
        if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            throw std::runtime_error("the log cannot be written");
    }

    [[nodiscard]] static std::map<std::string, Story> read(const std::string& path) {
        std::map<std::string, Story> stories;
        std::ifstream lines(path);
        std::string state;
        std::string kind;
        std::string user;
        std::string cookie;
        while (lines >> state >> kind >> user >> cookie) {
            Story& story = stories[user];
            story.under_way = state == "begin" ? kind : "";
            if (state != "done") continue;
            (kind == "login" ? story.logins : kind == "rotate" ? story.rotations : story.endings)++;
            if (!story.cookie.empty()) story.over.push_back(story.cookie);
            story.cookie = kind == "end" ? "" : cookie;
        }
        return stories;
    }

private:
    int file_;
};

class FailPoints : public Installation {
protected:
    FailPoints() { point_to(server()); }
    static RedisServer& server() {
        static RedisServer instance;
        return instance;
    }

    /// The folder of one seed, with everything that its processes share.
    struct Place {
        std::string folder;
        std::string redis;
        [[nodiscard]] std::string log() const { return folder + "/log"; }
        [[nodiscard]] std::string journal() const { return folder + "/state/journal"; }
        [[nodiscard]] std::string database() const { return folder + "/state/sessions.db"; }
    };

    [[nodiscard]] ManagerOptions options_at(const Place& place) const {
        ManagerOptions at = options();
        at.state_dir = place.folder + "/state";
        at.redis.unix_socket = place.redis;
        at.sql.statement_timeout = Millis{300};
        at.jobs.run = false;
        at.fallback->poll_interval = Millis{100};
        return at;
    }

    static void die_at(const Plan* plan) {
        if (plan == nullptr) return;
        const std::string value = plan->point + ":" + std::to_string(plan->pass);
        ::setenv("VEDFOLNIR_FAIL_POINT", value.c_str(), 1);
    }

    /// The background process, as it is shipped.
    [[nodiscard]] static int serve(const Place& place, const Plan* plan) {
        die_at(plan);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int log =
            ::open((place.folder + "/serve.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(log, STDOUT_FILENO);
        ::dup2(log, STDERR_FILENO);
        const std::pair<const char*, std::string> environment[] = {
            {"VEDFOLNIR_KEY", key_in_hex},
            {"VEDFOLNIR_STATE_DIR", place.folder + "/state"},
            {"REDIS_URL", "unix://" + place.redis},
            {"VEDFOLNIR_SQL_POLL_MS", "100"},
            {"VEDFOLNIR_SNAPSHOT_LAG_MS", "100"},
            {"VEDFOLNIR_JOBS_LEASE_MS", "500"},
            {"VEDFOLNIR_SQL_STATEMENT_TIMEOUT_MS", "300"}};
        for (const auto& [name, value] : environment) ::setenv(name, value.c_str(), 1);
        const std::string program = VEDFOLNIR_BINARY_DIR "/bin/vedfolnir";
        ::execl(program.c_str(), program.c_str(), "serve", nullptr);
        return 71;
    }

    /// Logins, rotations, platform switches and logouts, and a line for each.
    class Application {
    public:
        Application(const SessionManager& manager, const Place& place, std::uint64_t seed,
                    std::string life)
            : manager_(manager), log_(place.log()), random_(seed), life_(std::move(life)) {}

        void live() {
            for (int step = 0; step < steps_of_a_life; ++step) {
                const auto kind = random_() % 5;
                if (users_.empty() || kind < 2) {
                    log_in();
                } else if (kind == 2) {
                    change(true);
                } else if (kind == 3) {
                    change(false);
                } else {
                    end();
                }
            }
            // Whatever chance left out: enough for each point, and somebody stays whose record is to be copied.
            for (int i = 0; i < passes_max; ++i) {
                log_in();
                change(true);
                end();
            }
            log_in();
        }

    private:
        struct User {
            std::string name;
            std::string cookie;
        };
        User& any() { return users_[random_() % users_.size()]; }

        void log_in() {
            User user{life_ + std::to_string(++count_), {}};
            log_.note("begin", "login", user.name);
            auto session = manager_.load(request({}));
            if (!session) return;
            static_cast<void>(session->set("_user_id", user.name));
            const auto cookie = manager_.create_named(*session, request({}));
            if (!cookie) return;
            log_.note("done", "login", user.name, *cookie);
            user.cookie = *cookie;
            users_.push_back(std::move(user));
        }
        /// A rotation, or an ordinary save.
        void change(bool rotates) {
            User& user = any();
            if (rotates) log_.note("begin", "rotate", user.name);
            auto session = manager_.load(request(user.cookie));
            if (!session || !session->found()) return;
            static_cast<void>(session->set("seen", std::int64_t{++count_}));
            if (rotates) session->mark_login();
            const auto result = manager_.commit(*session, request(user.cookie));
            if (!result || result->action != CommitAction::logged_in) return;
            const auto& header = *result->set_cookie;
            const auto from = header.find('=') + 1;
            user.cookie = header.substr(from, header.find(';') - from);
            log_.note("done", "rotate", user.name, user.cookie);
        }
        void end() {
            const auto place = random_() % users_.size();
            const User user = users_[place];
            users_.erase(users_.begin() + static_cast<std::ptrdiff_t>(place));
            log_.note("begin", "end", user.name);
            const auto ended = log_out(manager_, user.cookie);
            if (ended && *ended != Ending::absent) log_.note("done", "end", user.name);
        }

        const SessionManager& manager_;
        Log log_;
        std::mt19937_64 random_;
        std::string life_;
        int count_ = 0;
        std::vector<User> users_;
    };

    [[nodiscard]] int application(const Place& place, const Plan* plan, std::uint64_t seed,
                                  const std::string& life, Wire& wire) const {
        die_at(plan);
        const SessionManager manager = open(options_at(place));
        // Several at once, so that some share a commit.
        std::deque<Application> apps;
        for (std::uint64_t number = 0; number < requests_at_once; ++number)
            apps.emplace_back(manager, place, seed + number, life + std::to_string(number) + "-");
        const auto live = [&] {
            std::vector<std::jthread> threads;
            for (Application& app : apps) threads.emplace_back([&app] { app.live(); });
        };
        live();
        wire.say("well");
        for (;;) {
            const auto next = wire.hear();
            if (!next) return 1;
            if (*next == "redis away") {
                if (!manager.set_fallback(FallbackMode::on, "test")) return 2;
            } else if (*next == "redis back") {
                if (!manager.set_fallback(FallbackMode::off, "test")) return 2;
            } else if (*next == "live") {
                live();
            } else {
                return 0;
            }
            wire.say("done");
        }
    }

    /// Another program's transaction that does not end.
    class WriteLock {
    public:
        explicit WriteLock(const std::string& file) {
            sqlite3_open(file.c_str(), &db_);
            sqlite3_busy_timeout(db_, 10'000);
            held_ = sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK;
        }
        ~WriteLock() { sqlite3_close(db_); }
        WriteLock(const WriteLock&) = delete;
        WriteLock& operator=(const WriteLock&) = delete;
        [[nodiscard]] bool held() const noexcept { return held_; }

    private:
        sqlite3* db_ = nullptr;
        bool held_ = false;
    };

    /// An order, and whether it was carried out: who dies does not answer.
    static bool ask(Child& app, const std::string& order) {
        try {
            app.wire().say(order);
        } catch (const std::exception&) {
            return false;
        }
        return app.wire().hear().has_value();
    }
    static void live_through(const Plan& plan, const Place& place, Child& app) {
        if (!app.wire().hear()) return;
        if (plan.redis_away) {
            if (!ask(app, "redis away") || !ask(app, "live") || !ask(app, "redis back")) return;
        }
        if (plan.sql_away) {
            const WriteLock lock(place.database());
            static_cast<void>(ask(app, "live"));
        }
    }
    [[nodiscard]] static bool is_gone(pid_t pid) {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == pid;
    }

    /// What is wrong after one run; empty: nothing. In a process of its own, which has no threads before the last fork.
    [[nodiscard]] std::string run(const Place& place, std::uint64_t seed) const {
        std::mt19937_64 random(seed);
        const Plan plan(seed, random);
        std::optional<Child> serving;
        serving.emplace([&](Wire&) { return serve(place, &plan); });
        std::optional<Child> app;
        app.emplace([&](Wire& wire) { return application(place, &plan, seed, "a", wire); });
        live_through(plan, place, *app);
        const auto someone_died = [&] { return is_gone(serving->pid()) || is_gone(app->pid()); };
        if (!eventually(someone_died, dies_within))
            return "nobody came to " + plan.point + ":" + std::to_string(plan.pass);
        for (auto* process : {&serving, &app}) {
            if (!is_gone((*process)->pid())) continue;
            const int status = (*process)->wait();
            const bool serves = process == &serving;
            if (status != -SIGKILL)
                return std::string(serves ? "serve" : "the application") + " ended with " +
                       std::to_string(status) + " instead of being killed at " + plan.point;
            process->reset();
            if (serves)
                process->emplace([&](Wire&) { return serve(place, nullptr); });
            else
                process->emplace(
                    [&](Wire& wire) { return application(place, nullptr, seed + 1, "b", wire); });
            if (!serves) {
                if (!(*process)->wire().hear()) return "the application does not live again";
                if (plan.redis_away) static_cast<void>(ask(**process, "redis back"));
            }
        }
        return look_at(place);
    }

    [[nodiscard]] static std::map<std::string, int> count_by_user(const SessionManager& manager,
                                                                  const std::string& type) {
        std::map<std::string, int> counts;
        for (const auto& user : users_of(manager, type)) ++counts[user];
        return counts;
    }

    [[nodiscard]] std::string look_at(const Place& place) const {
        const SessionManager manager = open(options_at(place));
        static_cast<void>(look(manager, {}));
        const bool healed = eventually(
            [&] {
                const auto waiting = journal::look(place.journal());
                const auto status = manager.fallback_status();
                return (!waiting || waiting->entries == 0) && status && status->state.ahead == 0;
            },
            heals_within);
        if (!healed) return "something still waits for SQL, or is ahead of Redis";
        std::ostringstream wrong;
        auto created = count_by_user(manager, "session.created");
        auto rotated = count_by_user(manager, "session.reauthenticated");
        auto ended = count_by_user(manager, "session.ended");
        const auto check = [&](const std::string& user, const char* what, int told, int in_audit,
                               bool maybe_one_more) {
            if (in_audit == told || (maybe_one_more && in_audit == told + 1)) return;
            wrong << user << ": " << told << " " << what << " acknowledged, " << in_audit
                  << " in the audit\n";
        };
        for (const auto& [user, story] : Log::read(place.log())) {
            check(user, "logins", story.logins, created[user], story.under_way == "login");
            check(user, "rotations", story.rotations, rotated[user], story.under_way == "rotate");
            check(user, "endings", story.endings, ended[user], story.under_way == "end");
            for (const auto& cookie : story.over)
                if (look_patiently(manager, cookie) != Seen::none)
                    wrong << user << " is let in by a cookie that is over\n";
            if (story.cookie.empty() || !story.under_way.empty()) continue;
            if (look_patiently(manager, story.cookie) != Seen::valid)
                wrong << user << " is logged out\n";
        }
        if (!users_of(manager, "journal.refused").empty())
            wrong << "SQL refuses what it has already\n";
        // Each journal begins with the one and ends with the other.
        if (users_of(manager, "journal.replayed").size() >
            users_of(manager, "sql.unavailable").size())
            wrong << "the end of one outage is told more than once\n";
        return wrong.str();
    }
};

// ids: F19 I1 I2 I4 R3 R9 S16
TEST_F(FailPoints, whoever_dies_between_two_steps_takes_nothing_back_and_does_nothing_twice) {
    server().admin({"PING"});
    std::uint64_t number = std::random_device{}();
    for (const std::uint64_t drawn : Seeds(50)) {
        // One point after the other, so that all are met; a seed that was chosen stays what it is.
        const std::uint64_t seed = std::getenv("VEDFOLNIR_TEST_SEED") != nullptr
                                       ? drawn
                                       : drawn - drawn % runtime::fail_points.size() +
                                             number++ % runtime::fail_points.size();
        server().admin({"FLUSHALL"});
        const TemporaryFolder own;
        const Place place{own.path().string(), front()};
        Child running([&](Wire& wire) {
            std::string wrong = run(place, seed);
            std::ranges::replace(wrong, '\n', ';');
            wire.say(wrong.empty() ? "well" : wrong);
            return 0;
        });
        std::optional<std::string> verdict;
        eventually([&] { return (verdict = running.wire().hear()).has_value(); },
                   std::chrono::minutes(2));
        ASSERT_EQ(verdict.value_or("no verdict"), "well")
            << Seeds::words(seed) << ", "
            << runtime::fail_points[seed % runtime::fail_points.size()];
    }
}

}  // namespace
}  // namespace vedfolnir::test
