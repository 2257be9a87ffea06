#include "compose/redis_facts.hpp"

#include "redis/connection.hpp"
#include "redis/greeting.hpp"
#include "redis/library.hpp"
#include "redis/probe.hpp"
#include "redis/server_info.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

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

asio::awaitable<Reply> ask(Connection& connection, const Words& words, Millis patience) {
    redis::Pipeline pipeline;
    pipeline.request = request_of(words);
    const Deadline deadline = deadline_in(patience);
    auto exchange = co_await connection.exec(std::move(pipeline), deadline);
    if (!exchange) co_return exchange.error();
    if (exchange->replies.empty()) {
        const redis::Failure nothing{redis::FailureKind::other, redis::Stage::request, {}};
        co_return nothing;
    }
    co_return std::move(exchange->replies.front());
}

std::string text_of(const Reply& reply) {
    if (!reply) return {};
    const auto cells = redis::values(*reply);
    return cells.empty() ? std::string() : std::string(cells.front());
}

asio::awaitable<void> read_info(Connection& connection, Millis patience, ops::RedisFacts& facts) {
    const Words sections{"memory", "stats", "persistence"};
    for (const auto& section : sections) {
        const Words words{"INFO", section};
        const auto reply = co_await ask(connection, words, patience);
        const auto info = text_of(reply);
        if (const auto policy = redis::info_field(info, "maxmemory_policy"))
            facts.eviction_policy = std::string(*policy);
        if (const auto evicted = redis::info_field(info, "evicted_keys"))
            facts.evicted_keys = redis::number(*evicted);
        if (const auto enabled = redis::info_field(info, "aof_enabled"))
            facts.append_only_file = *enabled == "1";
    }
}

asio::awaitable<void> read_clock(Connection& connection, Millis patience, ops::RedisFacts& facts) {
    const auto before = std::chrono::system_clock::now();
    const Words words{"TIME"};
    const auto reply = co_await ask(connection, words, patience);
    const auto after = std::chrono::system_clock::now();
    if (!reply) co_return;
    const auto cells = redis::values(*reply);
    if (cells.size() != 2) co_return;
    const std::chrono::microseconds theirs(
        static_cast<std::int64_t>(redis::number(cells[0]) * 1'000'000 + redis::number(cells[1])));
    const auto ours = before.time_since_epoch() + (after - before) / 2;
    facts.clock_ahead = std::chrono::duration_cast<Millis>(theirs - ours);
}

asio::awaitable<void> try_permissions(Connection& connection, Millis patience,
                                      ops::RedisFacts& facts) {
    std::vector<std::string> found;
    const auto attempts = needless();
    for (const auto& attempt : attempts) {
        const auto reply = co_await ask(connection, attempt.words, patience);
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

asio::awaitable<void> look_around(Connection& connection, Millis patience, ops::RedisFacts& facts) {
    const Deadline deadline = deadline_in(2 * patience);
    const auto failure = co_await connection.contact(deadline);
    if (failure) co_return;
    co_await read_info(connection, patience, facts);
    co_await read_clock(connection, patience, facts);
    co_await try_permissions(connection, patience, facts);
}

asio::awaitable<void> try_without_password(Connection& connection, Millis patience,
                                           ops::RedisFacts& facts) {
    const Deadline deadline = deadline_in(2 * patience);
    const auto failure = co_await connection.contact(deadline);
    if (failure) {
        const bool refused = failure->kind == redis::FailureKind::password_missing ||
                             failure->kind == redis::FailureKind::password_wrong ||
                             failure->kind == redis::FailureKind::not_permitted;
        if (refused) facts.open_without_password = false;
        co_return;
    }
    const Words words{"PING"};
    const auto pong = co_await ask(connection, words, patience);
    facts.open_without_password = pong.has_value();
}

bool is_loopback(const RedisOptions& options) {
    if (!options.unix_socket.empty()) return true;
    return options.host == "localhost" || options.host == "::1" || options.host.starts_with("127.");
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

    RedisOptions patient = options;
    patient.request_timeout = options.connect_timeout;
    asio::io_context loop;
    auto connection = std::make_shared<Connection>(loop.get_executor(), patient,
                                                   Connection::Purpose::install, nullptr);
    run(loop, connection, look_around(*connection, options.connect_timeout, facts));

    patient.username.clear();
    patient.password.clear();
    asio::io_context stranger_loop;
    auto stranger = std::make_shared<Connection>(stranger_loop.get_executor(), patient,
                                                 Connection::Purpose::install, nullptr);
    run(stranger_loop, stranger, try_without_password(*stranger, options.connect_timeout, facts));
    return facts;
}

}  // namespace vedfolnir::compose
