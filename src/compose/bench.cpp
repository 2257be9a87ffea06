#include "compose/bench.hpp"

#include "crypto/random.hpp"
#include "vedfolnir/session_manager.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vedfolnir::compose {
namespace {

using Clock = std::chrono::steady_clock;
using Times = std::vector<ops::Microseconds>;

constexpr std::string_view actor = "vedfolnir bench";
constexpr std::string_view users = "vedfolnir-bench-";
constexpr Seconds lifetime{600};
constexpr std::pair<const char*, const char*> fields[] = {{"username", "vedfolnir bench"},
                                                          {"role", "none"},
                                                          {"theme", "dark"},
                                                          {"language", "en"},
                                                          {"last_page", "/review/queue?page=3"}};

/// Runs `operation`, which answers a Result, and notes how long it took.
template <class Operation>
auto timed(Times& times, Operation operation) {
    const auto before = Clock::now();
    auto result = operation();
    times.emplace_back(Clock::now() - before);
    return result;
}

bool has_near_cache(const ManagerOptions& options) {
    return options.store == StoreKind::redis && options.near_cache.has_value();
}

/// The two managers and the sessions of one measurement.
class Bench {
public:
    Bench(SessionManager manager, SessionManager direct, std::string run)
        : manager_(std::move(manager)), direct_(std::move(direct)), run_(std::move(run)) {}

    Result<void> measure(const BenchOrder& order) {
        for (std::size_t number = 0; number < order.sessions && goes_on(order); ++number) {
            if (auto done = log_in(number); !done) return done;
        }
        for (std::size_t number = 0; number < order.samples && goes_on(order); ++number) {
            const std::string& cookie = cookies_[number % cookies_.size()];
            if (auto done = load(cookie); !done) return done;
            if (auto done = save(cookie, number); !done) return done;
            if (auto done = touch(cookie); !done) return done;
        }
        // A pass of its own: every save and touch above made the near cache ask again.
        if (has_near_cache(manager_.options())) return measure_near(order);
        return {};
    }

    /// How many of its sessions it could end; the first Error goes to `failure`.
    std::size_t clean_up(std::optional<Error>& failure) {
        std::size_t ended = 0;
        for (const std::string& cookie : cookies_) {
            const auto ending = timed(
                end_, [&] { return manager_.end(cookie, EndReason::ended_by_operator, actor); });
            if (ending && *ending == Ending::ended) ++ended;
            if (!ending && !failure) failure = ending.error();
        }
        if (!half_made_.empty()) {
            const auto ending =
                manager_.end_user(half_made_, std::nullopt, EndReason::ended_by_operator, actor);
            if (!ending && !failure) failure = ending.error();
        }
        return ended;
    }

    [[nodiscard]] bool stopped() const noexcept { return stopped_; }
    [[nodiscard]] std::size_t made() const noexcept { return cookies_.size(); }

    void fill(ops::Measured& measured) {
        measured.login = ops::distribution(std::move(login_));
        measured.load = ops::distribution(std::move(load_));
        measured.near_hit = ops::distribution(std::move(near_));
        measured.save = ops::distribution(std::move(save_));
        measured.touch = ops::distribution(std::move(touch_));
        measured.end = ops::distribution(std::move(end_));
    }

private:
    bool goes_on(const BenchOrder& order) {
        stopped_ = stopped_ || (order.stop && order.stop());
        return !stopped_;
    }

    Result<void> measure_near(const BenchOrder& order) {
        // The first load of each fetches it, the second opens it.
        for (std::size_t number = 0; number < 2 * cookies_.size() && goes_on(order); ++number) {
            if (auto hit = load_near(cookies_[number % cookies_.size()]); !hit) return hit.error();
        }
        near_.clear();
        for (std::size_t number = 0; number < order.samples && goes_on(order); ++number) {
            const std::string& cookie = cookies_[number % cookies_.size()];
            const auto hit = load_near(cookie);
            if (!hit) return hit.error();
            if (*hit) continue;
            // It was told of a change, or is too old by now: it has just been fetched again.
            if (auto again = load_near(cookie); !again) return again.error();
        }
        return {};
    }

    [[nodiscard]] RequestContext request(const std::string& cookie) const {
        RequestContext context;
        context.cookie_header = manager_.options().cookie.name + "=" + cookie;
        context.user_agent = actor;
        return context;
    }

    Result<void> log_in(std::size_t number) {
        auto session = manager_.load(RequestContext{});
        if (!session) return session.error();
        for (const auto& [key, value] : fields) {
            if (auto set = session->set(key, value); !set) return set;
        }
        const std::string user = run_ + "-" + std::to_string(number);
        if (auto set = session->set(manager_.options().identity.keys.front(), user); !set)
            return set;
        auto cookie =
            timed(login_, [&] { return manager_.create_named(*session, RequestContext{}); });
        if (!cookie) {
            half_made_ = user;  // Its row may stand in SQL.
            return cookie.error();
        }
        cookies_.push_back(std::move(*cookie));
        return {};
    }

    Result<void> load(const std::string& cookie) {
        const auto context = request(cookie);
        return expect_found(timed(load_, [&] { return direct_.load(context); }));
    }

    /// True if the near cache answered.
    Result<bool> load_near(const std::string& cookie) {
        const auto context = request(cookie);
        const auto hits = manager_.counters().near_hits;
        Times times;
        if (auto found = expect_found(timed(times, [&] { return manager_.load(context); })); !found)
            return found.error();
        if (manager_.counters().near_hits == hits) return false;
        near_.push_back(times.front());
        return true;
    }

    static Result<void> expect_found(const Result<Session>& session) {
        if (!session) return session.error();
        if (session->found()) return {};
        return Error{Errc::internal, "a session of the measurement is " +
                                         std::string(to_string(session->reason()))};
    }

    Result<void> save(const std::string& cookie, std::size_t number) {
        const auto context = request(cookie);
        auto session = manager_.load(context);
        if (auto found = expect_found(session); !found) return found;
        if (auto set = session->set("counter", static_cast<std::int64_t>(number)); !set) return set;
        const auto saved = timed(save_, [&] { return manager_.commit(*session, context); });
        if (!saved) return saved.error();
        return {};
    }

    Result<void> touch(const std::string& cookie) {
        const auto touched = timed(touch_, [&] { return direct_.touch_named(cookie); });
        if (!touched) return touched.error();
        return {};
    }

    SessionManager manager_;
    SessionManager direct_;  ///< Without a near cache.
    std::string run_;        ///< What its users' names begin with.
    std::vector<std::string> cookies_;
    std::string half_made_;  ///< The user whose login failed; empty: none.
    bool stopped_ = false;
    Times login_, load_, near_, save_, touch_, end_;
};

bool is_loopback(const RedisOptions& redis) {
    return redis.unix_socket.empty() &&
           (redis.host == "localhost" || redis.host == "::1" || redis.host.starts_with("127."));
}

ops::Measured settings_of(const ManagerOptions& options) {
    ops::Measured measured;
    measured.redis = options.store == StoreKind::redis;
    measured.near_cache = has_near_cache(options);
    measured.unix_socket = !options.redis.unix_socket.empty();
    measured.loopback = is_loopback(options.redis);
    measured.tls = options.redis.tls.has_value();
    return measured;
}

}  // namespace

Result<bool> in_use(const ManagerOptions& options) {
    auto manager = SessionManager::open(options);
    if (!manager) return std::move(manager).error();
    ListQuery query{.limit = 1000};
    for (;;) {
        const auto sessions = manager->list(query);
        if (!sessions) return sessions.error();
        const auto somebody = [](const SessionInfo& info) {
            return !info.user_id.starts_with(users);
        };
        if (std::ranges::any_of(*sessions, somebody)) return true;
        if (sessions->size() < query.limit) return false;
        query.after = sessions->back().handle;
    }
}

Result<BenchOutcome> bench(const ManagerOptions& options, const BenchOrder& order) {
    ManagerOptions ours = options;
    // Redis is measured, not what stands in for it.
    ours.fallback.reset();
    // Should nothing end these sessions, time does.
    ours.lifetimes.idle = ours.lifetimes.absolute = lifetime;
    ManagerOptions without = ours;
    without.near_cache.reset();
    auto manager = SessionManager::open(std::move(ours));
    if (!manager) return std::move(manager).error();
    auto direct = SessionManager::open(std::move(without));
    if (!direct) return std::move(direct).error();
    crypto::KernelRandom random;
    const auto handle = crypto::random_handle(random);
    if (!handle) return handle.error();

    Bench run(std::move(*manager), std::move(*direct),
              std::string(users) + handle->text().substr(0, 8));
    const auto done = run.measure(order);
    std::optional<Error> failure;
    if (!done) failure = done.error();
    BenchOutcome outcome;
    outcome.made = run.made();
    outcome.stopped = run.stopped();
    outcome.ended = run.clean_up(failure);
    if (failure) return *failure;
    outcome.measured = settings_of(options);
    run.fill(outcome.measured);
    return outcome;
}

}  // namespace vedfolnir::compose
