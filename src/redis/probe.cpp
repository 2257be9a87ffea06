#include "redis/probe.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"
#include "redis/connection.hpp"
#include "redis/greeting.hpp"
#include "redis/library.hpp"
#include "redis/redis_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <random>
#include <stdexcept>

namespace vedfolnir::redis {
namespace asio = boost::asio;

namespace {

constexpr Millis probe_ttl{10'000};

/// Runs `task` on a loop of its own until it is done, and lets `owner` close before the loop goes.
template <class T, class Owner>
T run(asio::io_context& loop, asio::awaitable<T> task, Owner& owner) {
    std::optional<T> result;
    asio::co_spawn(loop, std::move(task), [&](std::exception_ptr failure, T value) {
        if (failure) std::rethrow_exception(failure);
        result.emplace(std::move(value));
        owner.reset();
    });
    loop.run();
    if (!result) throw std::logic_error("the loop ended before its task");
    return std::move(*result);
}

ProbeStep step_of(Stage stage) {
    switch (stage) {
    case Stage::resolve:
        return ProbeStep::resolve;
    case Stage::connect:
        return ProbeStep::connect;
    case Stage::tls:
        return ProbeStep::tls;
    case Stage::auth:
        return ProbeStep::auth;
    case Stage::functions:
    case Stage::request:
        break;
    }
    return ProbeStep::functions;
}

/// Walks the steps of one probe and stops at the first failure.
class Walk {
public:
    explicit Walk(const RedisOptions& options) : options_(options) {}

    void pass(ProbeStep step, std::string message) {
        report.steps.push_back({step, true, {}, std::move(message), {}});
    }

    void fail(ProbeStep step, const Failure& failure) {
        report.steps.push_back(
            {step, false, failure.kind, std::string(describe(failure.kind)), failure.detail});
    }

    /// The steps that making a connection takes. A failure names the step it happened in; those before it passed.
    bool connected(const std::optional<Failure>& failure) {
        const bool local = !options_.unix_socket.empty();
        const auto last = failure ? step_of(failure->stage) : ProbeStep::ping;
        const auto pass_before = [&](ProbeStep step, std::string message) {
            if (step < last) pass(step, std::move(message));
        };
        if (!local) pass_before(ProbeStep::resolve, options_.host);
        pass_before(ProbeStep::connect, local
                                            ? options_.unix_socket
                                            : options_.host + ":" + std::to_string(options_.port));
        if (options_.tls) {
            pass_before(ProbeStep::tls, options_.tls->verify
                                            ? "certificate and host name verified"
                                            : "NOT verified (verification is off)");
        }
        pass_before(ProbeStep::auth,
                    options_.username.empty() ? "default user" : options_.username);
        if (failure) fail(last, *failure);
        return !failure;
    }

    ProbeReport report;

private:
    const RedisOptions& options_;
};

/// An anonymous record that no manager can open, under a key nobody was given.
struct Sample {
    StoreKey key;
    std::string record;
};

Sample make_sample() {
    std::random_device random;
    Sample sample;
    sample.key.shard = static_cast<std::uint8_t>(random());
    for (auto& byte : sample.key.digest) byte = static_cast<std::uint8_t>(random());
    sample.record = model::pack_header({}) + "vedfolnir probe";
    return sample;
}

using Probe = std::shared_ptr<Connection>;

asio::awaitable<Reply> ask(Connection& connection, boost::redis::request request, Millis limit) {
    // Named: GCC 12 destroys an aggregate made inside a co_await expression twice.
    Pipeline pipeline{std::move(request), false};
    auto exchange = co_await connection.exec(std::move(pipeline), deadline_in(limit));
    if (!exchange) co_return exchange.error();
    co_return std::move(exchange->replies.front());
}

Failure unexpected(std::string_view what) {
    return {FailureKind::other, Stage::request, std::string(what)};
}

/// Write, read and erase one record the way sessions do.
asio::awaitable<void> try_record(Walk& walk, Connection& connection, const RedisOptions& options) {
    const Keyspace keys(options.prefix);
    const Sample sample = make_sample();
    const std::string key = keys.record(sample.key);
    const std::string digest = raw(sample.key.digest);
    boost::redis::request create;
    create.push("FCALL", "vedfolnir_create", "1", key, sample.record,
                std::to_string(probe_ttl.count()), digest);
    Reply reply = co_await ask(connection, create, options.connect_timeout);
    if (!reply) co_return walk.fail(ProbeStep::write, reply.error());
    walk.pass(ProbeStep::write, "a record under " + options.prefix);

    boost::redis::request get;
    get.push("GET", key);
    reply = co_await ask(connection, get, options.connect_timeout);
    if (reply && (reply->empty() || reply->front().value != sample.record)) {
        reply = unexpected("the record came back changed");
    }
    if (!reply) co_return walk.fail(ProbeStep::read, reply.error());
    walk.pass(ProbeStep::read, "the same bytes");

    boost::redis::request erase;
    erase.push("FCALL", "vedfolnir_erase", "1", key, "", "0", digest);
    reply = co_await ask(connection, erase, options.connect_timeout);
    if (reply && values(*reply).front() != "erased") reply = unexpected("the record had gone");
    if (!reply) co_return walk.fail(ProbeStep::erase, reply.error());
    walk.pass(ProbeStep::erase, "nothing left behind");
}

asio::awaitable<ProbeReport> walk_through(RedisOptions options, Probe plain, Probe serving) {
    Walk walk(options);
    const Millis patience = 2 * options.connect_timeout + Millis{1000};
    if (!walk.connected(co_await plain->contact(deadline_in(patience)))) co_return walk.report;
    walk.report.server_product = plain->server().product;
    walk.report.server_version = plain->server().version;
    walk.report.role = plain->server().role;

    boost::redis::request ping;
    ping.push("PING");
    const Reply pong = co_await ask(*plain, ping, options.connect_timeout);
    if (!pong) {
        walk.fail(ProbeStep::ping, pong.error());
        co_return walk.report;
    }
    walk.pass(ProbeStep::ping, walk.report.server_product + " " + walk.report.server_version +
                                   ", " + walk.report.role);

    if (const auto failure = co_await serving->contact(deadline_in(patience))) {
        walk.fail(ProbeStep::functions, *failure);
        co_return walk.report;
    }
    walk.report.library_version = serving->server().library;
    walk.pass(ProbeStep::functions, "library version " + std::to_string(serving->server().library));
    co_await try_record(walk, *serving, options);
    co_return walk.report;
}

asio::awaitable<Result<InstallReport>> load_library(RedisOptions options, Probe connection) {
    InstallReport report;
    const Millis patience = 2 * options.connect_timeout + Millis{1000};
    if (auto failure = co_await connection->contact(deadline_in(patience))) {
        co_return to_error(*failure);
    }
    report.server_product = connection->server().product;
    report.server_version = connection->server().version;
    // Named: GCC 12 destroys a temporary that is an argument inside a co_await expression twice.
    const boost::redis::request query = library_query();
    const boost::redis::request load = library_load();
    const auto before =
        read_library_version(co_await ask(*connection, query, options.connect_timeout));
    if (before) report.previous_version = *before;
    const Reply loaded = co_await ask(*connection, load, options.connect_timeout);
    if (!loaded && loaded.error().kind == FailureKind::not_permitted) {
        co_return Error{
            Errc::not_installed,
            "Redis: this user may not FUNCTION LOAD; run `vedfolnir redis install` with "
            "one who may (" +
                loaded.error().detail + ")"};
    }
    if (!loaded) co_return to_error(loaded.error());
    report.version = library_version;
    co_return report;
}

}  // namespace

std::string_view to_string(ProbeStep step) noexcept {
    constexpr std::array<std::string_view, 9> names{"resolve",   "connect", "tls",  "auth", "ping",
                                                    "functions", "write",   "read", "erase"};
    return names.at(static_cast<std::size_t>(step));
}

ProbeReport probe(const RedisOptions& options) {
    struct Pair {
        Probe plain;
        Probe serving;
    };
    asio::io_context loop;
    // One request may take as long as connecting: a doctor is patient where a page is not.
    RedisOptions patient = options;
    patient.request_timeout = options.connect_timeout;
    std::optional<Pair> pair(
        Pair{std::make_shared<Connection>(loop.get_executor(), patient,
                                          Connection::Purpose::install, nullptr),
             std::make_shared<Connection>(loop.get_executor(), patient, Connection::Purpose::serve,
                                          nullptr)});
    return run(loop, walk_through(patient, pair->plain, pair->serving), pair);
}

Result<InstallReport> install(const RedisOptions& options) {
    asio::io_context loop;
    RedisOptions patient = options;
    patient.request_timeout = options.connect_timeout;
    std::optional<Probe> connection(std::make_shared<Connection>(
        loop.get_executor(), patient, Connection::Purpose::install, nullptr));
    return run(loop, load_library(patient, *connection), connection);
}

std::string acl_rules(std::string_view prefix) {
    // What the functions call inside is checked as if the user had called it.
    constexpr std::string_view commands =
        "+hello +auth +ping +info +select +time +fcall +fcall_ro "
        "+get +set +del +getrange +setrange +strlen +pexpire +pexpireat +pttl "
        "+zadd +zrem +zrange +zrangebyscore +zremrangebyscore +zscore +hget +hset +client|tracking";
    std::string rules = "user vedfolnir on >REPLACE-WITH-A-LONG-RANDOM-PASSWORD resetkeys ~";
    rules += prefix;
    rules += "* resetchannels -@all ";
    rules += commands;
    return rules;
}

}  // namespace vedfolnir::redis
