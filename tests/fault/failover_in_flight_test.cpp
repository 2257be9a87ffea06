// A failover loses what a lagging replica never heard of, in the middle of logins, rotations and evictions (F02).
// The mutant `no_mark_comparison` (R5) turns this red as well.
#include "fault/failover.hpp"
#include "support/seeds.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace vedfolnir::test {
namespace {

using Clock = std::chrono::steady_clock;

/// What was acknowledged about one cookie, and when. Empty: it was not.
struct Fate {
    std::string user;
    std::string cookie;
    std::optional<Clock::time_point> over{};
    bool unsure =
        false;  ///< Something that could end it failed, and may have been done all the same.
};

/// What all threads did, and what must therefore not be seen. Cookies are only added, so that places stay.
class Book {
public:
    std::size_t issued(std::string user, std::string cookie) {
        const std::lock_guard lock(mutex_);
        fates_.push_back({std::move(user), std::move(cookie), std::nullopt, false});
        return fates_.size() - 1;
    }
    void over(std::size_t place) {
        const std::lock_guard lock(mutex_);
        fates_[place].over = Clock::now();
    }
    void unsure(std::size_t place) {
        const std::lock_guard lock(mutex_);
        fates_[place].unsure = true;
    }
    [[nodiscard]] std::vector<Fate> all() const {
        const std::lock_guard lock(mutex_);
        return fates_;
    }
    [[nodiscard]] Fate at(std::size_t place) const {
        const std::lock_guard lock(mutex_);
        return fates_[place];
    }
    void complain(std::string what) {
        const std::lock_guard lock(mutex_);
        complaints_.push_back(std::move(what));
    }
    [[nodiscard]] std::string complaints() const {
        const std::lock_guard lock(mutex_);
        std::string all;
        for (const auto& complaint : complaints_) all += complaint + "\n";
        return all;
    }

private:
    mutable std::mutex mutex_;
    std::vector<Fate> fates_;
    std::vector<std::string> complaints_;
};

enum class Kind : std::uint8_t { create, rotate, evict };
struct Step {
    Kind kind;
    std::size_t place = 0;  ///< Of the session it is about.
};

constexpr int steps_max = 200;
constexpr int per_kind = steps_max / 4;
constexpr int threads_of_a_process = 2;
/// For so long other processes may not have heard (failure_modes.md).
constexpr auto heard_within = std::chrono::seconds(1);

class FailoverInFlight : public Failover {
protected:
    [[nodiscard]] static std::string cookie_in(const std::string& set_cookie) {
        const auto from = set_cookie.find('=') + 1;
        return set_cookie.substr(from, set_cookie.find(';') - from);
    }
    /// The user proved who they are, and has more rights from here on: the id changes.
    [[nodiscard]] static std::optional<std::string> rotate(const SessionManager& manager,
                                                           const std::string& cookie) {
        auto session = manager.load(request(cookie));
        if (!session || !session->found()) return std::nullopt;
        EXPECT_TRUE(session->set("role", "admin"));
        session->mark_login();
        const auto result = manager.commit(*session, request(cookie));
        if (!result || result->action != CommitAction::logged_in) return std::nullopt;
        return cookie_in(result->set_cookie.value());
    }
    /// A login that may fail, unlike `sign_in`.
    [[nodiscard]] static std::optional<std::string> try_sign_in(const SessionManager& manager,
                                                                const std::string& user) {
        auto session = manager.load(request({}));
        if (!session) return std::nullopt;
        EXPECT_TRUE(session->set("_user_id", user));
        auto cookie = manager.create_named(*session, request({}));
        if (!cookie) return std::nullopt;
        return *cookie;
    }
    /// Who was told that it is over shows it to nobody from then on.
    void must_be_over_here(const SessionManager& manager, std::size_t place, const char* after) {
        const Fate fate = book.at(place);
        if (look(manager, fate.cookie) == Seen::valid)
            book.complain(fate.user + " is let in where it was acknowledged: " + after);
    }
    void do_step(const SessionManager& manager, const Step& step) {
        if (step.kind == Kind::create) {
            static std::atomic<int> number{0};
            const std::string user = "new " + std::to_string(++number);
            if (auto cookie = try_sign_in(manager, user)) book.issued(user, std::move(*cookie));
            return;
        }
        const Fate old = book.at(step.place);
        book.unsure(step.place);
        if (step.kind == Kind::rotate) {
            auto cookie = rotate(manager, old.cookie);
            if (!cookie) return;
            book.over(step.place);
            book.issued(old.user, std::move(*cookie));
            return must_be_over_here(manager, step.place, "a rotation");
        }
        // At a limit of one session the user's next login evicts the one before.
        auto cookie = try_sign_in(manager, old.user);
        if (!cookie) return;
        book.issued(old.user, std::move(*cookie));
        const auto ended = manager.end(old.cookie, EndReason::evicted, "system", old.user);
        if (!ended || *ended == Ending::absent) return;
        book.over(step.place);
        must_be_over_here(manager, step.place, "an eviction");
    }
    void watch(const SessionManager& manager, const std::atomic<bool>& stop) {
        while (!stop) {
            for (const Fate& fate : book.all()) {
                if (!fate.over || Clock::now() - *fate.over < heard_within) continue;
                if (look(manager, fate.cookie) == Seen::valid)
                    book.complain(fate.user + " is let in by another process");
            }
            pause();
        }
    }
    [[nodiscard]] std::vector<Step> shuffled_steps(std::mt19937_64& random) {
        std::vector<Step> steps(steps_max - 2 * per_kind, Step{Kind::create});
        for (const Kind kind : {Kind::rotate, Kind::evict}) {
            for (int i = 0; i < per_kind; ++i) {
                const std::string user =
                    (kind == Kind::rotate ? "rotated " : "evicted ") + std::to_string(i);
                steps.push_back({kind, book.issued(user, sign_in(*processes.front(), user))});
            }
        }
        std::ranges::shuffle(steps, random);
        return steps;
    }

    Book book;
    std::vector<std::unique_ptr<SessionManager>> processes;
};

// ids: F02 F01 R3 R5 I1 I2 I3 C03 C08 C10
TEST_F(FailoverInFlight, what_was_acknowledged_holds_when_the_primary_dies_among_200_changes) {
    const std::uint64_t seed = *Seeds(1).begin();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE(Seeds::words(seed));
    std::mt19937_64 random(seed);
    for (int i = 0; i < 2; ++i) processes.push_back(std::make_unique<SessionManager>(process()));
    const auto steps = shuffled_steps(random);
    ASSERT_TRUE(eventually([&] { return replicated(); }));
    // From here on the copies in SQL are all that is left of what the primary takes.
    ASSERT_TRUE(eventually([&] {
        return processes.front()->counters().snapshots_written +
                   processes.back()->counters().snapshots_written >=
               2 * per_kind;
    }));
    link.cut();

    std::atomic<std::size_t> next{0};
    std::atomic<bool> stop{false};
    const SessionManager observer = process();
    std::vector<std::jthread> workers;
    for (const auto& manager : processes) {
        for (int i = 0; i < threads_of_a_process; ++i) {
            workers.emplace_back([&, one = manager.get()] {
                for (std::size_t step = next++; step < steps.size(); step = next++)
                    do_step(*one, steps[step]);
            });
        }
    }
    std::jthread watching([&] { watch(observer, stop); });
    const std::size_t dies_at = steps_max / 4 + random() % (steps_max / 2);
    ASSERT_TRUE(eventually([&] { return next >= dies_at; }, std::chrono::seconds(60)));
    fail_over();
    workers.clear();
    const SessionManager fresh = process();
    EXPECT_TRUE(eventually(
        [&] {
            const auto status = fresh.fallback_status();
            return status.has_value() && status->state.ahead == 0 &&
                   fresh.counters().fallback_active == 0;
        },
        std::chrono::seconds(60)));
    stop = true;
    watching.join();
    EXPECT_EQ(book.complaints(), "");

    int ended = 0;
    std::map<std::string, int> live;
    for (const Fate& fate : book.all()) {
        const Seen seen = look_patiently(fresh, fate.cookie);
        ASSERT_NE(seen, Seen::unknown) << fate.user;
        live[fate.user] += seen == Seen::valid ? 1 : 0;
        if (fate.over) {
            ++ended;
            EXPECT_EQ(seen, Seen::none) << fate.user << " was let in again";
            for (const auto& manager : processes)
                EXPECT_EQ(look_patiently(*manager, fate.cookie), Seen::none) << fate.user;
            continue;
        }
        EXPECT_TRUE(fate.unsure || seen == Seen::valid) << fate.user << " vanished";
    }
    RecordProperty("ended", ended);
    EXPECT_GT(ended, 2 * per_kind / 4) << "most of it failed: nothing was tested";
    for (const auto& [user, count] : live) EXPECT_LE(count, 2) << user;
}

}  // namespace
}  // namespace vedfolnir::test
