// What Redis was told of SQL: endings (marks), epochs, copies; and which life of which server it is.
#include "model/base64url.hpp"
#include "redis/greeting.hpp"
#include "redis/redis_store.hpp"
#include "redis/store_words.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace vedfolnir::redis {
using async::Task;

namespace {

/// Of a shard's mark.
constexpr std::string_view epochs_field = "epochs";

bool knows_epochs(const Reply& reply) {
    return reply && !reply->empty() && reply->front().value == "all";
}

}  // namespace

Task<async::AppliedEpoch> RedisStore::epoch_of(UserTag user, Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("GET", keys_.epoch(user));
    pipeline.request.push("HGET", keys_.mark(user.shard()), epochs_field);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    for (const Reply& reply : exchange->replies)
        if (!reply) co_return to_error(reply.error());
    const Reply& epoch = exchange->replies.front();
    co_return async::AppliedEpoch{epoch->empty() ? 0 : number(epoch->front().value),
                                  knows_epochs(exchange->replies.back())};
}

Task<std::vector<bool>> RedisStore::epochs_told(Deadline deadline) {
    constexpr unsigned shards = 256;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (unsigned shard = 0; shard < shards; ++shard)
        pipeline.request.push("HGET", keys_.mark(static_cast<std::uint8_t>(shard)), epochs_field);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::vector<bool> told;
    told.reserve(shards);
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        told.push_back(knows_epochs(reply));
    }
    co_return told;
}

Task<bool> RedisStore::tell_epochs(std::vector<async::EpochPage> pages, Deadline deadline) {
    if (pages.empty()) co_return true;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const async::EpochPage& page : pages) {
        Call call{
            "vedfolnir_epochs",
            {keys_.mark(page.shard)},
            {model::base64url_encode(page.pass), digits(page.number), page.last ? "last" : "more"}};
        for (const async::UserEpoch& told : page.epochs) {
            call.keys.push_back(keys_.epoch(told.user));
            call.arguments.push_back(digits(told.epoch));
        }
        push_call(pipeline.request, std::move(call));
    }
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    bool all = true;
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        const auto words = words_of(reply, "vedfolnir_epochs");
        if (!words) co_return to_error(words.error());
        all = all && words->front() == "told";
    }
    co_return all;
}

Task<bool> RedisStore::doubt_epochs(std::uint8_t shard, Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("HSET", keys_.mark(shard), epochs_field, "");
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    if (const Reply& reply = exchange->replies.front(); !reply) co_return to_error(reply.error());
    co_return true;
}

Task<std::vector<std::uint64_t>> RedisStore::marks(Deadline deadline) {
    constexpr unsigned shards = 256;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (unsigned shard = 0; shard < shards; ++shard) {
        pipeline.request.push("HGET", keys_.mark(static_cast<std::uint8_t>(shard)), "seq");
    }
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::vector<std::uint64_t> marks;
    marks.reserve(shards);
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        marks.push_back(reply->empty() ? 0 : number(reply->front().value));
    }
    co_return marks;
}

/// Beside the marks of the shards, which say it of their own shard only.
Task<bool> RedisStore::attest(Deadline deadline) {
    const std::string compared = connection_.incarnation();
    if (compared.empty()) co_return false;
    // Whether this life began with nothing is to be seen before something stands there.
    const auto state = co_await copies_state(deadline);
    if (!state) co_return state.error();
    if (state->incarnation != compared) co_return false;
    co_return co_await note_compared("incarnation", compared, deadline);
}

Task<async::CopiesState> RedisStore::copies_state(Deadline deadline) {
    if (auto failure = co_await connection_.contact(deadline)) co_return to_error(*failure);
    const auto connection = connection_.number();
    async::CopiesState state{true, true, connection_.incarnation()};
    if (state.incarnation.empty()) co_return state;
    Pipeline pipeline;
    pipeline.repeatable = false;  // over another connection another server may answer
    // In this order: who sets the first has set the last.
    for (const char* field : {"incarnation", "copies", "began"})
        pipeline.request.push("HGET", keys_.compared(), field);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::vector<std::string> found;
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        found.push_back(reply->empty() ? std::string() : reply->front().value);
    }
    state.complete = found.at(1) == state.incarnation;
    state.current = state.complete || found.at(2) == state.incarnation;
    const bool nothing = std::ranges::all_of(found, &std::string::empty);
    if (!nothing || connection != connection_.number()) co_return state;
    const auto noted = co_await note_compared("began", state.incarnation, deadline);
    if (!noted) co_return noted.error();
    state.current = true;
    co_return state;
}

Task<std::string> RedisStore::begin_copies(Deadline deadline) {
    std::random_device random;
    std::string pass = digits(std::uint64_t{random()}) + "-" + digits(std::uint64_t{random()});
    const auto noted = co_await note_compared("pass", pass, deadline);
    if (!noted) co_return noted.error();
    co_return pass;
}

/// A flush leaves the server the same one, and takes the name of the pass.
Task<bool> RedisStore::attest_copies(std::string incarnation, std::string pass, Deadline deadline) {
    if (incarnation.empty()) co_return false;
    Pipeline pipeline;
    pipeline.repeatable = false;
    pipeline.request.push("HGET", keys_.compared(), "pass");
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const Reply& reply = exchange->replies.front();
    if (!reply) co_return to_error(reply.error());
    if (reply->empty() || reply->front().value != pass) co_return false;
    co_return co_await note_compared("copies", std::move(incarnation), deadline);
}

Task<bool> RedisStore::note_compared(std::string_view field, std::string incarnation,
                                     Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = false;  // another server has another life
    pipeline.request.push("HSET", keys_.compared(), field, incarnation);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    if (const Reply& reply = exchange->replies.front(); !reply) co_return to_error(reply.error());
    co_return true;
}

Task<std::vector<bool>> RedisStore::lost_nothing(Deadline deadline) {
    constexpr unsigned shards = 256;
    Pipeline pipeline;
    pipeline.repeatable = false;
    pipeline.request.push("HGET", keys_.compared(), "incarnation");
    for (unsigned shard = 0; shard < shards; ++shard)
        pipeline.request.push("HGET", keys_.mark(static_cast<std::uint8_t>(shard)), "incarnation");
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const std::string& mine = connection_.incarnation();
    std::vector<bool> same;
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        same.push_back(!mine.empty() && !reply->empty() && reply->front().value == mine);
    }
    const bool all = same.front();
    same.erase(same.begin());
    if (all) same.assign(same.size(), true);
    co_return same;
}

Task<bool> RedisStore::same_server(Deadline deadline) {
    const std::string known = connection_.incarnation();
    if (known.empty()) co_return true;
    const auto connection = connection_.number();
    Pipeline pipeline;
    pipeline.request.push("INFO", "server", "replication");
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const Reply& reply = exchange->replies.front();
    if (!reply || reply->empty() || connection != connection_.number()) co_return true;
    if (incarnation_of(reply->front().value) == known) co_return true;
    Pipeline leave;
    leave.request.push("QUIT");  // needs no permission; the next connection asks its server anew
    static_cast<void>(co_await connection_.exec(std::move(leave), deadline));
    co_return false;
}

}  // namespace vedfolnir::redis
