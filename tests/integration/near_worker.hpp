// One worker process of the near-cache tests: a whole SessionManager over a real Redis, driven by one line per request.
// Header-only, because several tests fork it. Fork before the parent starts threads.
#pragma once

#include "support/child.hpp"
#include "support/redis_server.hpp"
#include "vedfolnir/session_manager.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <thread>
#include <utility>
#include <vector>

namespace vedfolnir::test {

/// Workers with the same `state_dir` share a table of counters; `sql_file` is common to all that share a Redis.
inline ManagerOptions near_options(const RedisServer& server, const std::string& state_dir,
                                   const std::string& sql_file) {
    ManagerOptions options;
    options.redis.unix_socket = server.socket_path();
    // Nothing here is about deadlines, and the machine is busy on purpose.
    options.redis.request_timeout = Millis{10'000};
    options.request_budget = Millis{20'000};
    options.sql.statement_timeout = Millis{20'000};
    options.sql.url = "sqlite:///" + sql_file;
    options.state_dir = state_dir;
    // What a database that stands in adds, within its own bound, is the matter of other tests.
    options.fallback.reset();
    options.jobs.run = false;
    std::string secret(32, '\0');
    for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<char>(i * 37 + 11);
    options.keys.keys = {{1, secret}};
    return options;
}

/// The requests that an application would serve, each with one load and one commit.
class NearWorker {
public:
    explicit NearWorker(const ManagerOptions& options)
        : manager_(must(SessionManager::open(options))) {}

    [[nodiscard]] SessionManager& manager() noexcept { return manager_; }

    [[nodiscard]] static RequestContext request(const std::string& cookie) {
        RequestContext context;
        if (!cookie.empty()) context.cookie_header = "__Host-session=" + cookie;
        return context;
    }

    /// The cookie value of a new session; of a user if one is named.
    std::string enter(const std::string& user) {
        Session session = must(manager_.load(request({})));
        must(session.set("n", 0));
        if (!user.empty()) must(session.set("_user_id", user));
        const auto result = must(manager_.commit(session, request({})));
        if (!result.set_cookie) throw std::runtime_error("a new session set no cookie");
        const std::string& header = *result.set_cookie;
        const auto from = header.find('=') + 1;
        return header.substr(from, header.find(';') - from);
    }

    template <class T>
    static T must(Result<T> result) {
        if (!result) throw std::runtime_error(result.error().detail);
        return std::move(*result);
    }
    static void must(const Result<void>& result) {
        if (!result) throw std::runtime_error(result.error().detail);
    }

    /// Answers `command argument...` lines until the wire ends.
    int serve(Wire& wire) {
        wire.say("ready");
        while (const auto line = wire.hear()) {
            if (*line == "quit") return 0;
            std::istringstream words(*line);
            try {
                wire.say(answer(words));
            } catch (const std::runtime_error& error) {
                wire.say(std::string("error: ") + error.what());
            }
        }
        return 1;
    }

private:
    std::string answer(std::istringstream& words) {
        std::string command;
        std::string cookie;
        std::string value;
        words >> command >> cookie >> value;
        if (command == "enter") return enter(cookie);
        if (command == "counters") return counters();
        if (command == "end-user") {
            return std::string(to_string(
                must(manager_.end_user(cookie, {}, EndReason::ended_by_operator, "operator:x"))));
        }
        if (command == "end-other") {
            return std::string(
                to_string(must(manager_.end(cookie, EndReason::ended_by_user, "user", value))));
        }
        if (command == "end") {
            return std::string(
                to_string(must(manager_.end(cookie, EndReason::ended_by_operator, "operator:x"))));
        }
        Session session = must(manager_.load(request(cookie)));
        if (!session.found()) return "none " + std::string(to_string(session.reason()));
        if (command == "read") return text(session, value);
        if (command == "logout") {
            session.erase("_user_id");
        } else {
            must(session.set(command, value));
        }
        const auto result = must(manager_.commit(session, request(cookie)));
        return std::string(to_string(result.action));
    }
    static std::string text(const Session& session, const std::string& key) {
        const auto value = must(session.get(key));
        if (!value) return "-";
        const std::string* found = value->as_string();
        return found ? *found : "not a text";
    }
    std::string counters() {
        const Counters now = manager_.counters();
        std::ostringstream line;
        line << now.near_hits << ' ' << now.near_stale << ' ' << now.near_fills << ' '
             << now.near_fills_refused << ' ' << now.near_invalidations;
        return line.str();
    }

    SessionManager manager_;
};

/// The parent's side.
class NearClient {
public:
    explicit NearClient(const ManagerOptions& options)
        : child_([options](Wire& wire) {
              ::prctl(PR_SET_PDEATHSIG, SIGKILL);
              return NearWorker(options).serve(wire);
          }) {
        if (child_.wire().hear() != "ready") throw std::runtime_error("no worker");
    }

    /// Throws where the worker could not answer.
    std::string ask(const std::string& line) {
        child_.wire().say(line);
        auto answer = child_.wire().hear();
        if (!answer || answer->starts_with("error")) {
            throw std::runtime_error(line + ": " + answer.value_or("the worker is gone"));
        }
        return std::move(*answer);
    }

    /// As SessionManager::counters.
    struct Figures {
        std::uint64_t hits = 0, stale = 0, fills = 0, refused = 0, invalidations = 0;
    };
    Figures figures() {
        std::istringstream words(ask("counters"));
        Figures read;
        words >> read.hits >> read.stale >> read.fills >> read.refused >> read.invalidations;
        return read;
    }

private:
    Child child_;
};

/// Keeps every core busy for as long as it lives.
class CpuLoad {
public:
    CpuLoad() {
        for (unsigned core = 0; core < std::max(1U, std::thread::hardware_concurrency()); ++core) {
            spinners_.push_back(std::make_unique<Child>([](Wire&) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (volatile unsigned turns = 0;;) turns = turns + 1;
                return 0;
            }));
        }
    }

private:
    std::vector<std::unique_ptr<Child>> spinners_;
};

}  // namespace vedfolnir::test
