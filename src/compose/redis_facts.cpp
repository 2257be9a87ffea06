#include "compose/redis_facts.hpp"

#include "redis/connection.hpp"
#include "redis/greeting.hpp"
#include "redis/keys.hpp"
#include "redis/library.hpp"
#include "redis/probe.hpp"
#include "redis/server_info.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <charconv>
#include <exception>

namespace vedfolnir::compose {
namespace {

namespace asio = boost::asio;
using redis::Connection;
using redis::Reply;
using Shared = std::shared_ptr<Connection>;

struct Attempt {
    std::string_view name;
    std::vector<std::string> words;
};

// Harmless forms of what the runtime user must not be able to do. A key outside the prefix is only asked for.
std::vector<Attempt> needless() {
    return {{"EVAL", {"EVAL", "return 1", "0"}},
            {"CONFIG", {"CONFIG", "GET", "maxmemory-policy"}},
            {"SCRIPT", {"SCRIPT", "EXISTS", "0000000000000000000000000000000000000000"}},
            {"FUNCTION", {"FUNCTION", "LIST", "LIBRARYNAME", "vedfolnir"}},
            {"MODULE", {"MODULE", "LIST"}},
            {"keys outside the prefix", {"GET", "vedfolnir-doctor:outside"}}};
}

boost::redis::request request_of(const std::vector<std::string>& words) {
    boost::redis::request request;
    // push_range adds nothing at all for an empty range.
    if (words.size() == 1) {
        request.push(words.front());
    } else {
        request.push_range(words.front(), words.begin() + 1, words.end());
    }
    return request;
}

// Arguments are named before each co_await: GCC 12 destroys a temporary inside the expression twice.
using Words = std::vector<std::string>;

/// Questions to one server, one after the other. Once it was silent it is asked nothing more: each question would wait as
/// long as the first.
class Talk {
public:
    Talk(Connection& connection, Millis patience) : connection_(connection), patience_(patience) {}

    asio::awaitable<std::optional<redis::Failure>> contact() {
        const Deadline deadline = deadline_in(2 * patience_);
        auto failure = co_await connection_.contact(deadline);
        if (failure && failure->kind == redis::FailureKind::no_answer) silence_ = failure;
        co_return failure;
    }

    /// `words` outlive the answer.
    asio::awaitable<Reply> ask(const Words& words) {
        if (silence_) co_return *silence_;
        redis::Pipeline pipeline;
        pipeline.request = request_of(words);
        const Deadline deadline = deadline_in(patience_);
        auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
        if (!exchange) {
            if (exchange.error().kind == redis::FailureKind::no_answer) silence_ = exchange.error();
            co_return exchange.error();
        }
        if (exchange->replies.empty()) {
            const redis::Failure nothing{redis::FailureKind::other, redis::Stage::request, {}};
            co_return nothing;
        }
        co_return std::move(exchange->replies.front());
    }

    [[nodiscard]] const std::optional<redis::Failure>& silence() const noexcept { return silence_; }

private:
    Connection& connection_;
    Millis patience_;
    std::optional<redis::Failure> silence_;
};

std::string text_of(const Reply& reply) {
    if (!reply) return {};
    const auto cells = redis::values(*reply);
    return cells.empty() ? std::string() : std::string(cells.front());
}

std::optional<std::uint64_t> field(std::string_view info, std::string_view name) {
    const auto text = redis::info_field(info, name);
    if (!text) return std::nullopt;
    return redis::number(*text);
}

void read_memory(std::string_view info, ops::RedisFacts& facts) {
    const auto used = field(info, "used_memory");
    const auto limit = field(info, "maxmemory");
    const auto ratio = redis::info_field(info, "mem_fragmentation_ratio");
    if (!used || !limit) return;
    facts.memory = ops::RedisMemory{*used, *limit, 1};
    if (ratio)
        std::from_chars(ratio->data(), ratio->data() + ratio->size(), facts.memory->fragmentation);
}

asio::awaitable<void> read_info(Talk& talk, ops::RedisFacts& facts) {
    const Words sections{"memory", "stats", "persistence", "clients", "replication"};
    for (const auto& section : sections) {
        const Words words{"INFO", section};
        const auto reply = co_await talk.ask(words);
        const auto info = text_of(reply);
        if (const auto policy = redis::info_field(info, "maxmemory_policy"))
            facts.eviction_policy = std::string(*policy);
        if (const auto evicted = redis::info_field(info, "evicted_keys"))
            facts.evicted_keys = redis::number(*evicted);
        if (const auto enabled = redis::info_field(info, "aof_enabled"))
            facts.append_only_file = *enabled == "1";
        if (section == "memory") read_memory(info, facts);
        const auto connected = field(info, "connected_clients");
        if (connected) facts.clients = {*connected, field(info, "maxclients").value_or(0)};
        if (const auto replicas = field(info, "connected_slaves")) facts.replicas = *replicas;
    }
}

asio::awaitable<void> read_round_trip(Talk& talk, ops::RedisFacts& facts) {
    constexpr std::size_t times = 5;
    std::vector<std::chrono::microseconds> took;
    const Words words{"PING"};
    while (took.size() < times) {
        const auto before = std::chrono::steady_clock::now();
        const auto reply = co_await talk.ask(words);
        if (!reply) co_return;
        took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - before));
    }
    std::ranges::sort(took);
    facts.round_trip = took[times / 2];
}

/// What a normal client may leave unread; `normal 0 0 0 slave …`: nothing limits it.
std::uint64_t buffer_limit(std::string_view limits) {
    constexpr std::string_view normal = "normal ";
    const auto at = limits.find(normal);
    if (at == std::string_view::npos) return 0;
    limits.remove_prefix(at + normal.size());
    return redis::number(limits.substr(0, limits.find(' ')));
}

asio::awaitable<void> read_configuration(Talk& talk, ops::RedisFacts& facts) {
    const Words words{"CONFIG",
                      "GET",
                      "bind",
                      "protected-mode",
                      "client-output-buffer-limit",
                      "min-replicas-to-write",
                      "port",
                      "tls-port"};
    const auto reply = co_await talk.ask(words);
    if (!reply) co_return;
    const auto cells = redis::values(*reply);
    std::uint64_t ports = 0;
    for (std::size_t i = 0; i + 1 < cells.size(); i += 2) {
        const auto value = cells[i + 1];
        if (cells[i] == "bind") facts.bind = std::string(value);
        if (cells[i] == "protected-mode") facts.protected_mode = value == "yes";
        if (cells[i] == "client-output-buffer-limit") facts.buffer_limit = buffer_limit(value);
        if (cells[i] == "min-replicas-to-write") facts.replicas_demanded = redis::number(value);
        if (cells[i] == "port" || cells[i] == "tls-port") ports += redis::number(value);
    }
    if (!cells.empty()) facts.tcp = ports > 0;
}

/// Entries of the slow log are id, time, microseconds, arguments, client and its name.
std::vector<ops::SlowCommand> slow_since(const Reply& reply, std::uint64_t since) {
    std::vector<ops::SlowCommand> found;
    ops::SlowCommand entry;
    std::uint64_t at = 0;
    std::size_t column = 0;
    std::size_t argument = 0;
    for (const auto& node : *reply) {
        if (node.depth == 1) column = 0;
        if (node.depth == 2) {
            ++column;
            if (column == 2) at = redis::number(node.value);
            if (column == 3) entry = {{}, std::chrono::microseconds(redis::number(node.value))};
            if (column == 4) argument = 0;
            if (column == 5 && at >= since) found.push_back(entry);
        }
        if (node.depth != 3 || column != 4) continue;
        // A function's name says more than FCALL; other arguments may be anything.
        const bool names_function = argument == 1 && entry.name.starts_with("FCALL");
        if (argument == 0) entry.name = node.value;
        if (names_function) entry.name += " " + std::string(node.value);
        ++argument;
    }
    return found;
}

asio::awaitable<void> read_slow_log(Talk& talk, ops::RedisFacts& facts) {
    constexpr std::uint64_t an_hour = 3600;
    const Words time_words{"TIME"};
    const auto time = co_await talk.ask(time_words);
    if (!time) co_return;
    const Words words{"SLOWLOG", "GET", "128"};
    const auto reply = co_await talk.ask(words);
    if (!reply) co_return;
    const auto cells = redis::values(*time);
    const auto now = cells.empty() ? 0 : redis::number(cells.front());
    facts.slow = slow_since(reply, now > an_hour ? now - an_hour : 0);
}

/// As `RedisStore::copies_state` sees it, but nothing is noted.
asio::awaitable<void> read_copies(Talk& talk, const std::string& key, ops::RedisFacts& facts) {
    const Words who{"INFO", "server", "replication"};
    const auto info = co_await talk.ask(who);
    const auto life = redis::incarnation_of(text_of(info));
    if (life.empty()) co_return;
    std::vector<std::string> lives;
    for (const char* field : {"incarnation", "copies", "began"}) {
        const Words words{"HGET", key, field};
        const auto reply = co_await talk.ask(words);
        if (!reply) co_return;
        lives.push_back(text_of(reply));
    }
    // No process was there yet.
    if (std::ranges::all_of(lives, &std::string::empty)) co_return;
    facts.current = lives.at(1) == life || lives.at(2) == life;
}

asio::awaitable<void> read_clock(Talk& talk, ops::RedisFacts& facts) {
    const auto before = std::chrono::system_clock::now();
    const Words words{"TIME"};
    const auto reply = co_await talk.ask(words);
    const auto after = std::chrono::system_clock::now();
    if (!reply) co_return;
    const auto cells = redis::values(*reply);
    if (cells.size() != 2) co_return;
    const std::chrono::microseconds theirs(
        static_cast<std::int64_t>(redis::number(cells[0]) * 1'000'000 + redis::number(cells[1])));
    const auto ours = before.time_since_epoch() + (after - before) / 2;
    facts.clock_ahead = std::chrono::duration_cast<Millis>(theirs - ours);
}

asio::awaitable<void> try_permissions(Talk& talk, ops::RedisFacts& facts) {
    std::vector<std::string> found;
    const auto attempts = needless();
    for (const auto& attempt : attempts) {
        const auto reply = co_await talk.ask(attempt.words);
        if (reply) found.emplace_back(attempt.name);
        // Only a clear refusal counts as one; anything else leaves the question open.
        if (!reply && reply.error().kind != redis::FailureKind::not_permitted) co_return;
    }
    facts.needless_permissions = std::move(found);
}

// One task on a loop of its own. The connection closes inside, before the loop goes.
template <class Task>
void run(asio::io_context& loop, Shared& connection, Task task) {
    std::exception_ptr failure;
    asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown) {
        failure = thrown;
        connection.reset();
    });
    loop.run();
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> look_around(Talk& talk, std::string compared, ops::RedisFacts& facts) {
    const auto failure = co_await talk.contact();
    if (failure) co_return;
    co_await read_info(talk, facts);
    co_await read_clock(talk, facts);
    co_await read_round_trip(talk, facts);
    co_await read_configuration(talk, facts);
    co_await read_slow_log(talk, facts);
    co_await read_copies(talk, compared, facts);
    co_await try_permissions(talk, facts);
}

asio::awaitable<void> try_without_password(Talk& talk, ops::RedisFacts& facts) {
    const auto failure = co_await talk.contact();
    if (failure) {
        const bool refused = failure->kind == redis::FailureKind::password_missing ||
                             failure->kind == redis::FailureKind::password_wrong ||
                             failure->kind == redis::FailureKind::not_permitted;
        if (refused) facts.open_without_password = false;
        co_return;
    }
    const Words words{"PING"};
    const auto pong = co_await talk.ask(words);
    facts.open_without_password = pong.has_value();
}

bool is_loopback(const RedisOptions& options) {
    if (!options.unix_socket.empty()) return true;
    return options.host == "localhost" || options.host == "::1" || options.host.starts_with("127.");
}

/// It said something, if only that it lets nobody in.
bool answers(const redis::ProbeReport& report) {
    if (report.steps.empty()) return false;
    const redis::ProbeResult& last = report.steps.back();
    return last.passed ||
           (last.step >= redis::ProbeStep::auth && last.failure != redis::FailureKind::no_answer);
}

}  // namespace

ops::RedisFacts redis_facts(const RedisOptions& options) {
    ops::RedisFacts facts;
    facts.address = redis::address_of(options);
    facts.loopback = is_loopback(options);
    facts.tls = options.tls.has_value();
    facts.tls_verified = options.tls && options.tls->verify;
    facts.library_wanted = redis::library_version;
    const auto report = redis::probe(options);
    for (const auto& step : report.steps) {
        facts.steps.push_back(
            {std::string(redis::to_string(step.step)), step.passed,
             step.failure ? std::string(redis::to_string(*step.failure)) : std::string(),
             step.message, step.detail});
    }
    facts.library = report.library_version;
    if (!report.server_version.empty())
        facts.server = report.server_product + " " + report.server_version;
    if (!answers(report)) return facts;

    RedisOptions patient = options;
    patient.request_timeout = options.connect_timeout;
    asio::io_context loop;
    auto connection = std::make_shared<Connection>(loop.get_executor(), patient,
                                                   Connection::Purpose::install, nullptr);
    Talk talk(*connection, options.connect_timeout);
    run(loop, connection, look_around(talk, redis::Keyspace(options.prefix).compared(), facts));
    if (talk.silence()) {
        // Before whatever else failed: all that is not known yet is not for that reason.
        facts.round_trip.reset();
        facts.steps.insert(facts.steps.begin(),
                           {std::string(redis::to_string(redis::ProbeStep::ping)), false,
                            std::string(redis::to_string(talk.silence()->kind)),
                            std::string(redis::describe(talk.silence()->kind)),
                            "it answered at first"});
        return facts;
    }

    patient.username.clear();
    patient.password.clear();
    asio::io_context stranger_loop;
    auto stranger = std::make_shared<Connection>(stranger_loop.get_executor(), patient,
                                                 Connection::Purpose::install, nullptr);
    Talk strange(*stranger, options.connect_timeout);
    run(stranger_loop, stranger, try_without_password(strange, facts));
    return facts;
}

}  // namespace vedfolnir::compose
