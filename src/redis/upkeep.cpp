#include "redis/upkeep.hpp"

#include "redis/greeting.hpp"

#include <algorithm>
#include <cstring>
#include <map>

namespace vedfolnir::redis {

using async::DuePage;
using async::Fence;
using async::LeaseReply;
using async::Task;

namespace {

constexpr unsigned shards = 256;
constexpr std::string_view drained_function = "vedfolnir_drained";

std::string digits(std::uint64_t value) { return std::to_string(value); }
std::string digits(Millis value) { return std::to_string(value.count()); }
std::string digits(TimePoint value) { return digits(value.time_since_epoch()); }

TimePoint moment(std::string_view text) {
    return TimePoint(Millis(static_cast<std::int64_t>(number(text))));
}

std::string member_of(const async::Gone& gone) {
    return raw(gone.key.digest) + raw(gone.handle.bytes);
}

/// A member of the expiry set; empty if it has another length.
std::optional<async::Gone> read_member(std::uint8_t shard, std::string_view member) {
    async::Gone gone;
    if (member.size() != gone.key.digest.size() + gone.handle.bytes.size()) return std::nullopt;
    gone.key.shard = shard;
    std::memcpy(gone.key.digest.data(), member.data(), gone.key.digest.size());
    std::memcpy(gone.handle.bytes.data(), member.data() + gone.key.digest.size(),
                gone.handle.bytes.size());
    return gone;
}

Error unexpected(std::string_view function, std::string_view word) {
    return {Errc::internal,
            "Redis: " + std::string(function) + " answered `" + std::string(word) + "`"};
}

/// One command for each shard, as one pipeline.
template <class Push>
Pipeline per_shard(const Push& push) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (unsigned shard = 0; shard < shards; ++shard)
        push(pipeline.request, static_cast<std::uint8_t>(shard));
    return pipeline;
}

}  // namespace

RedisUpkeep::RedisUpkeep(boost::asio::any_io_executor executor, const RedisOptions& options)
    : keys_(options.prefix),
      connection_(std::move(executor), options, Connection::Purpose::serve, nullptr) {}

Task<LeaseReply> RedisUpkeep::take(std::string holder, Millis ttl, Fence floor, Deadline deadline) {
    FunctionCall call{"vedfolnir_lease", {keys_.lease()}, {holder, digits(ttl), digits(floor)}};
    const auto words = co_await call_function(connection_, clock_, std::move(call), deadline);
    if (!words) co_return to_error(words.error());
    const bool granted = words->front() == "granted";
    if (words->size() < 5 || (!granted && words->front() != "held"))
        co_return unexpected("vedfolnir_lease", words->front());
    co_return LeaseReply{granted, number((*words)[2]),
                         Millis(static_cast<std::int64_t>(number((*words)[3]))), (*words)[4]};
}

Task<LeaseReply> RedisUpkeep::look(Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("HGET", keys_.lease(), "holder");
    pipeline.request.push("HGET", keys_.lease(), "fence");
    pipeline.request.push("PTTL", keys_.lease());
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    LeaseReply reply;
    for (const Reply& part : exchange->replies) {
        if (!part) co_return to_error(part.error());
    }
    const auto text = [&](std::size_t part) {
        const auto& nodes = *exchange->replies[part];
        return nodes.empty() ? std::string() : nodes.front().value;
    };
    reply.holder = text(0);
    reply.fence = number(text(1));
    if (!reply.holder.empty()) reply.left = Millis(static_cast<std::int64_t>(number(text(2))));
    co_return reply;
}

Task<bool> RedisUpkeep::give_up(std::string holder, Deadline deadline) {
    FunctionCall call{"vedfolnir_lease", {keys_.lease()}, {std::move(holder), "0", "0"}};
    const auto words = co_await call_function(connection_, clock_, std::move(call), deadline);
    if (!words) co_return to_error(words.error());
    co_return words->front() == "released";
}

/// The words of a function that acts under a fence; denied where another fence may.
Result<Texts> RedisUpkeep::acted(boost::system::result<Texts, Failure> words,
                                 std::string_view function, std::string_view done) {
    if (!words) return to_error(words.error());
    if (words->size() < 3) return unexpected(function, words->front());
    if (words->front() == "fenced") {
        refused_for_ = std::max<Fence>(refused_for_, number((*words)[2]));
        return Error{Errc::denied, "another process has the lease of the background jobs now"};
    }
    if (words->front() != done) return unexpected(function, words->front());
    return std::move(*words);
}

FunctionCall RedisUpkeep::due_call(std::uint8_t shard, Fence fence, std::uint32_t limit) const {
    return {"vedfolnir_due",
            {keys_.fence(shard), keys_.expiry(shard)},
            {digits(fence), std::to_string(limit)}};
}

Task<bool> RedisUpkeep::raise_fence(Fence fence, Deadline deadline) {
    Pipeline pipeline = per_shard([&](boost::redis::request& request, std::uint8_t shard) {
        push_call(request, due_call(shard, fence, 0));
    });
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    for (const Reply& reply : exchange->replies) {
        const auto words = acted(words_of(reply, "vedfolnir_due"), "vedfolnir_due", "due");
        if (!words) co_return words.error();
    }
    co_return true;
}

Task<DuePage> RedisUpkeep::due(std::vector<std::uint8_t> shards, Fence fence, std::uint32_t limit,
                               Deadline deadline) {
    DuePage page;
    if (shards.empty()) co_return page;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const std::uint8_t shard : shards)
        push_call(pipeline.request, due_call(shard, fence, limit));
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    for (std::size_t each = 0; each < shards.size(); ++each) {
        const auto words =
            acted(words_of(exchange->replies.at(each), "vedfolnir_due"), "vedfolnir_due", "due");
        if (!words) co_return words.error();
        const auto looked_at = number((*words)[2]);
        if (looked_at >= limit) page.full.push_back(shards[each]);
        const auto oldest =
            looked_at > 0 && words->size() > 3 ? score_time((*words)[3]) : std::nullopt;
        if (oldest && (!page.oldest || *oldest < *page.oldest)) page.oldest = oldest;
        for (std::size_t i = 4; i < words->size(); ++i) {
            const auto gone = read_member(shards[each], (*words)[i]);
            if (!gone) co_return unexpected("vedfolnir_due", "an entry of another length");
            page.gone.push_back(*gone);
        }
    }
    co_return page;
}

Task<std::vector<std::uint8_t>> RedisUpkeep::shards_due(Deadline deadline) {
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    Pipeline pipeline = per_shard([&](boost::redis::request& request, std::uint8_t shard) {
        request.push("ZRANGEBYSCORE", keys_.expiry(shard), "-inf", digits(*time), "LIMIT", "0",
                     "1");
    });
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::vector<std::uint8_t> found;
    for (std::size_t shard = 0; shard < exchange->replies.size(); ++shard) {
        const Reply& reply = exchange->replies[shard];
        if (!reply) co_return to_error(reply.error());
        if (!values(*reply).empty()) found.push_back(static_cast<std::uint8_t>(shard));
    }
    co_return found;
}

FunctionCall RedisUpkeep::forget_call(std::uint8_t shard, Fence fence,
                                      const std::vector<const async::Gone*>& gone) const {
    FunctionCall call{"vedfolnir_forget",
                      {keys_.fence(shard), keys_.expiry(shard), keys_.dirty(shard)},
                      {digits(fence)}};
    std::map<UserTag, std::size_t> positions;
    for (const async::Gone* session : gone) {
        std::size_t position = 0;
        // An index of another shard is another shard's business (and, on a cluster, another node's).
        if (!session->user.anonymous() && session->user.shard() == shard) {
            const auto [entry, fresh] = positions.try_emplace(session->user, call.keys.size() + 1);
            if (fresh) call.keys.push_back(keys_.user(session->user));
            position = entry->second;
        }
        call.arguments.push_back(member_of(*session));
        call.arguments.push_back(std::to_string(position));
    }
    return call;
}

Task<std::uint32_t> RedisUpkeep::forget(Fence fence, std::vector<async::Gone> gone,
                                        Deadline deadline) {
    if (gone.empty()) co_return 0U;
    std::map<std::uint8_t, std::vector<const async::Gone*>> by_shard;
    for (const async::Gone& session : gone) by_shard[session.key.shard].push_back(&session);
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const auto& [shard, sessions] : by_shard)
        push_call(pipeline.request, forget_call(shard, fence, sessions));
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::uint32_t removed = 0;
    for (const Reply& reply : exchange->replies) {
        const auto words =
            acted(words_of(reply, "vedfolnir_forget"), "vedfolnir_forget", "forgotten");
        if (!words) co_return words.error();
        removed += static_cast<std::uint32_t>(number((*words)[2]));
    }
    co_return removed;
}

Task<std::vector<async::Dirty>> RedisUpkeep::dirty(std::uint32_t limit, Deadline deadline) {
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    // Not of this millisecond: a change in it that follows our look would have the same score, and be taken for copied.
    const std::string before = digits(*time - Millis{1});
    Pipeline pipeline = per_shard([&](boost::redis::request& request, std::uint8_t shard) {
        request.push("ZRANGEBYSCORE", keys_.dirty(shard), "-inf", before, "WITHSCORES", "LIMIT",
                     "0", std::to_string(limit));
    });
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::vector<async::Dirty> found;
    for (std::size_t shard = 0; shard < exchange->replies.size(); ++shard) {
        const Reply& reply = exchange->replies[shard];
        if (!reply) co_return to_error(reply.error());
        const auto words = values(*reply);
        for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
            async::Dirty entry;
            const auto due = score_time(words[i + 1]);
            if (words[i].size() != entry.key.digest.size() || !due)
                co_return unexpected("a dirty set", "an entry of another form");
            entry.key.shard = static_cast<std::uint8_t>(shard);
            std::memcpy(entry.key.digest.data(), words[i].data(), words[i].size());
            entry.due = *due;
            found.push_back(entry);
        }
    }
    co_return found;
}

Task<std::vector<async::Standing>> RedisUpkeep::load_all(std::vector<StoreKey> keys,
                                                         Deadline deadline) {
    std::vector<async::Standing> found(keys.size());
    if (keys.empty()) co_return found;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const StoreKey& key : keys) {
        pipeline.request.push("GET", keys_.record(key));
        pipeline.request.push("PTTL", keys_.record(key));
    }
    auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    for (std::size_t i = 0; i < found.size(); ++i) {
        Reply& bytes = exchange->replies.at(2 * i);
        const Reply& left = exchange->replies.at(2 * i + 1);
        // Something unreadable under our name is no record.
        if (!bytes && bytes.error().kind == FailureKind::wrong_type) continue;
        if (!bytes) co_return to_error(bytes.error());
        if (!left) co_return to_error(left.error());
        const bool there =
            !bytes->empty() && bytes->front().data_type != boost::redis::resp3::type::null;
        if (!there) continue;
        found[i].bytes = std::move(bytes->front().value);
        // Negative, and then not read as a number: none.
        if (!left->empty())
            found[i].ttl = Millis(static_cast<std::int64_t>(number(left->front().value)));
    }
    co_return found;
}

Task<std::uint32_t> RedisUpkeep::drained(Fence fence, std::vector<async::Dirty> copied,
                                         Deadline deadline) {
    std::map<std::uint8_t, FunctionCall> calls;
    for (const async::Dirty& entry : copied) {
        const std::uint8_t shard = entry.key.shard;
        FunctionCall& call = calls[shard];
        if (call.keys.empty())
            call = {drained_function, {keys_.fence(shard), keys_.dirty(shard)}, {digits(fence)}};
        call.arguments.push_back(raw(entry.key.digest));
        call.arguments.push_back(digits(entry.due));
    }
    if (calls.empty()) co_return 0U;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (auto& [shard, call] : calls) push_call(pipeline.request, std::move(call));
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    std::uint32_t removed = 0;
    for (const Reply& reply : exchange->replies) {
        const auto words = acted(words_of(reply, drained_function), drained_function, "drained");
        if (!words) co_return words.error();
        removed += static_cast<std::uint32_t>(number((*words)[2]));
    }
    co_return removed;
}

Task<TimePoint> RedisUpkeep::now(Deadline deadline) {
    if (const auto time = clock_.now(std::chrono::steady_clock::now())) co_return *time;
    FunctionCall call{"vedfolnir_info", {}, {}};
    call.read_only = true;
    const auto words = co_await call_function(connection_, clock_, std::move(call), deadline);
    if (!words) co_return to_error(words.error());
    co_return moment((*words)[1]);
}

}  // namespace vedfolnir::redis
