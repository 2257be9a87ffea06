#include "redis/survey.hpp"

#include "model/base64url.hpp"
#include "redis/greeting.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace vedfolnir::redis {
namespace {

using async::Task;

constexpr std::string_view scan_count = "500";

std::optional<std::uint8_t> hex_byte(std::string_view text) {
    std::uint8_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != 2 || read.ec != std::errc{} || read.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<UserTag> read_tag(std::string_view text) {
    UserTag tag;
    if (!model::base64url_decode(text, tag.bytes)) return std::nullopt;
    return tag;
}

Entry entry_of(const Surveyed& set, std::string_view member, std::string_view score) {
    Entry entry;
    entry.member = member;
    entry.score = score_time(score).value_or(TimePoint{});
    entry.key.shard = set.shard;
    const auto digest = entry.key.digest.size();
    if (member.size() >= digest) std::memcpy(entry.key.digest.data(), member.data(), digest);
    if (member.size() == digest + entry.handle.bytes.size())
        std::memcpy(entry.handle.bytes.data(), member.data() + digest, entry.handle.bytes.size());
    return entry;
}

std::string member_of(const Owned& record) {
    return raw(record.key.digest) + raw(record.handle.bytes);
}

}  // namespace

RedisSurvey::RedisSurvey(boost::asio::any_io_executor executor, const RedisOptions& options)
    : keys_(options.prefix),
      connection_(std::move(executor), options, Connection::Purpose::serve, nullptr) {}

Surveyed RedisSurvey::named(std::string name) const {
    using Kind = Surveyed::Kind;
    Surveyed found;
    found.name = std::move(name);
    if (const auto key = keys_.record_of(found.name)) {
        found.kind = Kind::record;
        found.key = *key;
        found.shard = key->shard;
        return found;
    }
    std::string_view rest(found.name);
    rest.remove_prefix(std::min(rest.size(), keys_.prefix().size()));
    if (rest.size() < 5 || rest[0] != '{' || rest.substr(3, 2) != "}:") return found;
    const auto shard = hex_byte(rest.substr(1, 2));
    if (!shard) return found;
    found.shard = *shard;
    rest.remove_prefix(5);
    const std::string_view prefix = rest.starts_with("user:") ? "user:" : "epoch:";
    if (rest.starts_with(prefix)) {
        if (const auto tag = read_tag(rest.substr(prefix.size()))) {
            found.kind = prefix == "user:" ? Kind::index : Kind::epoch;
            found.user = *tag;
        }
        return found;
    }
    if (rest == "expiry") found.kind = Kind::expiry;
    if (rest == "dirty") found.kind = Kind::dirty;
    if (rest == "mark") found.kind = Kind::mark;
    return found;
}

Task<ScanPage> RedisSurvey::scan(std::uint64_t cursor, Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("SCAN", std::to_string(cursor), "MATCH", keys_.prefix() + "*", "COUNT",
                          scan_count);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const Reply& reply = exchange->replies.front();
    if (!reply) co_return to_error(reply.error());
    const auto words = values(*reply);
    ScanPage page;
    if (words.empty()) co_return page;
    page.cursor = number(words.front());
    for (std::size_t i = 1; i < words.size(); ++i)
        page.keys.push_back(named(std::string(words[i])));
    co_return page;
}

Task<SetState> RedisSurvey::set(Surveyed key, std::uint32_t first, std::uint32_t limit,
                                Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("ZRANGE", key.name, std::to_string(first),
                          std::to_string(first + limit - 1), "WITHSCORES");
    pipeline.request.push("PTTL", key.name);
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
    }
    SetState state;
    const auto words = values(*exchange->replies[0]);
    for (std::size_t i = 0; i + 1 < words.size(); i += 2)
        state.entries.push_back(entry_of(key, words[i], words[i + 1]));
    const auto& left = *exchange->replies[1];
    state.has_end = !left.empty() && !left.front().value.starts_with('-');
    co_return state;
}

Task<std::int64_t> RedisSurvey::integer(Pipeline pipeline, Deadline deadline) {
    pipeline.repeatable = true;
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const Reply& reply = exchange->replies.front();
    if (!reply) co_return to_error(reply.error());
    std::int64_t value = 0;
    if (!reply->empty()) {
        const std::string& text = reply->front().value;
        std::from_chars(text.data(), text.data() + text.size(), value);
    }
    co_return value;
}

Task<bool> RedisSurvey::has_end(std::string name, Deadline deadline) {
    Pipeline pipeline;
    pipeline.request.push("PTTL", name);
    const auto left = co_await integer(std::move(pipeline), deadline);
    if (!left) co_return left.error();
    co_return *left != -1;  // -2: it went meanwhile
}

Task<bool> RedisSurvey::expire(std::string name, Millis ttl, Deadline deadline) {
    Pipeline pipeline;
    pipeline.request.push("PEXPIRE", name, std::to_string(ttl.count()));
    const auto done = co_await integer(std::move(pipeline), deadline);
    if (!done) co_return done.error();
    co_return *done > 0;
}

Task<bool> RedisSurvey::remove(std::string name, Deadline deadline) {
    Pipeline pipeline;
    pipeline.request.push("DEL", name);
    const auto done = co_await integer(std::move(pipeline), deadline);
    if (!done) co_return done.error();
    co_return *done > 0;
}

Task<bool> RedisSurvey::remove_member(std::string set, std::string member, Deadline deadline) {
    Pipeline pipeline;
    pipeline.request.push("ZREM", set, member);
    const auto done = co_await integer(std::move(pipeline), deadline);
    if (!done) co_return done.error();
    co_return *done > 0;
}

Task<std::vector<Listed>> RedisSurvey::listed(std::vector<Owned> records, Deadline deadline) {
    std::vector<Listed> found(records.size());
    if (records.empty()) co_return found;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const Owned& record : records) {
        pipeline.request.push("ZSCORE", keys_.user(record.user), member_of(record));
        pipeline.request.push("ZSCORE", keys_.expiry(record.key.shard), member_of(record));
        // Last: what stands then has stood, with its entries, when these were looked at.
        pipeline.request.push("PTTL", keys_.record(record.key));
    }
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const auto has = [&](std::size_t part) {
        const Reply& reply = exchange->replies[part];
        return !reply->empty() && reply->front().data_type != boost::redis::resp3::type::null;
    };
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& left = *exchange->replies[3 * i + 2];
        found[i] = {has(3 * i), has(3 * i + 1), !left.empty() && left.front().value != "-2"};
    }
    co_return found;
}

Task<bool> RedisSurvey::list_in_index(Owned record, TimePoint until, Deadline deadline) {
    const std::string index = keys_.user(record.user);
    const std::string time = std::to_string(until.time_since_epoch().count());
    Pipeline pipeline;
    pipeline.request.push("ZADD", index, time, member_of(record));
    pipeline.request.push("PEXPIREAT", index, time, "NX");
    pipeline.request.push("PEXPIREAT", index, time, "GT");
    const auto done = co_await integer(std::move(pipeline), deadline);
    if (!done) co_return done.error();
    co_return true;
}

Task<bool> RedisSurvey::list_in_expiry(Owned record, TimePoint due, Deadline deadline) {
    Pipeline pipeline;
    pipeline.request.push("ZADD", keys_.expiry(record.key.shard),
                          std::to_string(due.time_since_epoch().count()), member_of(record));
    const auto done = co_await integer(std::move(pipeline), deadline);
    if (!done) co_return done.error();
    co_return true;
}

}  // namespace vedfolnir::redis
