#include "redis/redis_store.hpp"

#include "model/bytes.hpp"
#include "model/record.hpp"
#include "redis/greeting.hpp"
#include "redis/server_info.hpp"
#include "redis/store_words.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace vedfolnir::redis {
namespace asio = boost::asio;
using async::CreateStatus;
using async::SaveStatus;
using async::Task;
using async::TouchStatus;
using Clock = std::chrono::steady_clock;

namespace {

/// How old the last word from the server's clock may be before another is asked for, beside the request.
constexpr Millis clock_age_max{60'000};

/// It was sent, and the connection ended before its answer came.
bool is_answer_lost(const Failure& failure) {
    return failure.kind == FailureKind::closed && failure.stage == Stage::request;
}

/// It was not sent, because another connection stands than the one it was for.
bool is_elsewhere(const Failure& failure) {
    return failure.kind == FailureKind::closed && failure.stage == Stage::connect;
}

/// One save came after `generation`, and `stored` is what it wrote. If that was not ours, ours was not applied.
bool is_next(std::uint64_t generation, const std::string& stored) {
    const auto header = model::parse_header(stored);
    return header && header->generation == generation + 1;
}

/// To merge what was applied already would undo what others made of it.
Error outcome_unknown() {
    return {Errc::deadline_exceeded,
            "Redis: the answer to a save was lost, and the record was saved by others since; "
            "whether this save is part of it is unknown"};
}

}  // namespace

RedisStore::RedisStore(asio::any_io_executor executor, const RedisOptions& options,
                       runtime::AtomicCounters* counters)
    : executor_(executor),
      keys_(options.prefix),
      connection_(std::move(executor), options, Connection::Purpose::serve, counters),
      refresh_timeout_(options.request_timeout) {}

asio::awaitable<boost::system::result<Texts, Failure>> RedisStore::call(Call call,
                                                                        Deadline deadline) {
    return call_function(connection_, clock_, std::move(call), deadline);
}

/// The keys that create and save name: more for a record with an owner.
Texts RedisStore::record_keys(const StoreKey& key, const std::string& record) const {
    const UserTag tag = tag_of(record);
    if (tag.anonymous()) return {keys_.record(key)};
    return {keys_.record(key), keys_.epoch(tag), keys_.user(tag), keys_.expiry(key.shard),
            keys_.dirty(key.shard)};
}

Task<CreateStatus> RedisStore::create(StoreKey key, std::string record, Millis ttl,
                                      Deadline deadline) {
    if (const UserTag tag = tag_of(record); !tag.anonymous() && tag.shard() != key.shard) {
        co_return Error{Errc::internal, "an authenticated record outside its user's shard"};
    }
    Call order{"vedfolnir_create", record_keys(key, record), {}};
    order.arguments = {std::move(record), digits(ttl), raw(key.digest)};
    // Sent again it would find itself and answer `exists`.
    order.repeatable = false;
    const auto reply = co_await call(std::move(order), deadline);
    if (!reply) co_return to_error(reply.error());
    if (reply->front() == "created") co_return CreateStatus::created;
    if (reply->front() == "exists") co_return CreateStatus::exists;
    if (reply->front() == "stale") co_return CreateStatus::stale_epoch;
    co_return unexpected("vedfolnir_create", reply->front());
}

Task<std::optional<std::string>> RedisStore::load(StoreKey key, Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("GET", keys_.record(key));
    auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    Reply& reply = exchange->replies.front();
    if (!reply) {
        // Something unreadable stands there: bytes that do not open, which is what an empty text is.
        if (reply.error().kind == FailureKind::wrong_type) co_return std::string();
        co_return to_error(reply.error());
    }
    if (reply->empty() || reply->front().data_type == boost::redis::resp3::type::null) {
        co_return std::optional<std::string>();
    }
    co_return std::move(reply->front().value);
}

/// Repeated here, where it is known afterwards that it was.
Task<RedisStore::Saved> RedisStore::save_vouched(StoreKey key, Call order, Deadline deadline) {
    Saved saved;
    order.repeatable = false;
    // A visitor's record is one key, and has no copy.
    const bool has_copy = order.keys.size() > 1;
    for (int tries = 0; tries < 3; ++tries) {
        if (vouch_ && has_copy) {
            if (auto failure = co_await connection_.contact(deadline)) co_return to_error(*failure);
            const auto over = co_await vouch_(key, deadline);
            if (!over) co_return saved.repeated ? outcome_unknown() : over.error();
            order.only_over = *over;
        }
        Call once = order;
        auto reply = co_await call(std::move(once), deadline);
        if (reply) {
            saved.words = std::move(*reply);
            co_return saved;
        }
        const bool lost = is_answer_lost(reply.error());
        const bool again = (lost && !saved.repeated) || is_elsewhere(reply.error());
        if (!again) co_return to_error(reply.error());
        saved.repeated = saved.repeated || lost;
    }
    co_return outcome_unknown();
}

Task<async::SaveReply> RedisStore::save(StoreKey key, std::uint64_t expected_generation,
                                        std::string record, Millis ttl, Deadline deadline) {
    std::string expected;
    model::append_be(expected, expected_generation);
    Call order{"vedfolnir_save", record_keys(key, record), {}};
    order.arguments = {std::move(expected), std::move(record), digits(ttl), raw(key.digest)};
    auto saved = co_await save_vouched(key, std::move(order), deadline);
    if (!saved) co_return saved.error();
    const std::string& word = saved->words.front();
    if (word == "saved") co_return async::SaveReply{SaveStatus::saved, {}};
    if (word == "gone") co_return async::SaveReply{SaveStatus::gone, {}};
    if (saved->words.size() < 3) co_return unexpected("vedfolnir_save", word);
    std::string& current = saved->words[2];
    if (saved->repeated && word == "conflict" && !is_next(expected_generation, current))
        co_return outcome_unknown();
    if (word == "conflict") co_return async::SaveReply{SaveStatus::conflict, std::move(current)};
    if (word == "moved") co_return async::SaveReply{SaveStatus::moved, std::move(current)};
    co_return unexpected("vedfolnir_save", word);
}

Task<TouchStatus> RedisStore::touch(StoreKey key, Millis ttl, Deadline deadline) {
    Call order{"vedfolnir_touch", {keys_.record(key)}, {digits(ttl), raw(key.digest)}};
    const auto reply = co_await call(std::move(order), deadline);
    if (!reply) co_return to_error(reply.error());
    if (reply->front() == "touched") co_return TouchStatus::touched;
    if (reply->front() == "gone") co_return TouchStatus::gone;
    co_return unexpected("vedfolnir_touch", reply->front());
}

Task<bool> RedisStore::erase(StoreKey key, std::string note, Millis note_ttl, Deadline deadline) {
    Call order{"vedfolnir_erase", {keys_.record(key)}, {}};
    order.arguments = {std::move(note), digits(note_ttl), raw(key.digest)};
    const auto reply = co_await call(std::move(order), deadline);
    if (!reply) co_return to_error(reply.error());
    if (reply->front() == "erased") co_return true;
    if (reply->front() == "absent") co_return false;
    co_return unexpected("vedfolnir_erase", reply->front());
}

Task<async::EndReply> RedisStore::end(async::EndOrder order, Deadline deadline) {
    if (!order.user.anonymous() && order.user.shard() != order.shard) {
        co_return Error{Errc::internal, "an ending outside its user's shard"};
    }
    if (order.whole_user && !order.note.empty()) {
        co_return Error{Errc::internal, "an ending of a whole user leaves no notes"};
    }
    // The order carries the server's incarnation, which is known once the connection stands.
    if (auto failure = co_await connection_.contact(deadline)) co_return to_error(*failure);
    Call request{"vedfolnir_end",
                 {keys_.mark(order.shard), keys_.expiry(order.shard), keys_.dirty(order.shard)},
                 {connection_.incarnation(), digits(order.previous_sequence),
                  digits(order.sequence), digits(order.epoch),
                  order.whole_user     ? "whole"
                  : order.note.empty() ? "named"
                                       : "noted",
                  order.keep ? raw(order.keep->digest) : std::string()}};
    if (!order.user.anonymous()) {
        request.keys.push_back(keys_.user(order.user));
        request.keys.push_back(keys_.epoch(order.user));
    }
    if (!order.note.empty()) {
        request.arguments.push_back(std::move(order.note));
        request.arguments.push_back(digits(order.note_ttl));
    }
    for (const StoreKey& key : order.keys) request.arguments.push_back(raw(key.digest));
    const auto reply = co_await call(std::move(request), deadline);
    if (!reply) co_return to_error(reply.error());
    const std::string& word = reply->front();
    if (reply->size() < 4 || (word != "ended" && word != "gap")) {
        co_return unexpected("vedfolnir_end", word);
    }
    co_return async::EndReply{static_cast<std::uint32_t>(number((*reply)[2])), word == "gap",
                              number((*reply)[3])};
}

Task<std::vector<async::IndexEntry>> RedisStore::list_user(UserTag user, Deadline deadline) {
    if (user.anonymous()) co_return std::vector<async::IndexEntry>();
    Call request{"vedfolnir_list", {keys_.user(user), keys_.epoch(user)}, {}};
    request.read_only = true;
    const auto reply = co_await call(std::move(request), deadline);
    if (!reply) co_return to_error(reply.error());
    std::vector<async::IndexEntry> entries;
    for (std::size_t i = 2; i + 1 < reply->size(); i += 2) {
        const std::string& member = (*reply)[i];
        async::IndexEntry entry;
        if (member.size() != entry.key.digest.size() + entry.handle.bytes.size()) {
            co_return unexpected("vedfolnir_list", "an entry of another length");
        }
        entry.key.shard = user.shard();
        std::memcpy(entry.key.digest.data(), member.data(), entry.key.digest.size());
        std::memcpy(entry.handle.bytes.data(), member.data() + entry.key.digest.size(),
                    entry.handle.bytes.size());
        entry.absolute_expiry = TimePoint(Millis(number((*reply)[i + 1])));
        entries.push_back(entry);
    }
    co_return entries;
}

Task<TimePoint> RedisStore::now(Deadline deadline) {
    if (const auto time = clock_.now(Clock::now())) {
        // The answer is good for long; the refresh happens beside the request, at most one at a time.
        if (clock_.is_due(Clock::now(), clock_age_max)) refresh_clock();
        co_return *time;
    }
    Call request{"vedfolnir_info", {}, {}};
    request.read_only = true;
    const auto reply = co_await call(std::move(request), deadline);
    if (!reply) co_return to_error(reply.error());
    const auto time = clock_.now(Clock::now());
    if (!time) co_return unexpected("vedfolnir_info", "no time");
    co_return *time;
}

Task<StoreInfo> RedisStore::info(Deadline deadline) {
    Pipeline pipeline;
    pipeline.repeatable = true;
    pipeline.request.push("INFO", "server", "clients", "memory", "stats", "persistence");
    const auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    const Reply& reply = exchange->replies.front();
    if (!reply && reply.error().kind == FailureKind::not_permitted) {
        // HELLO told the server; nothing else is known to this user.
        StoreInfo known;
        known.product = connection_.server().product;
        known.version = connection_.server().version;
        co_return known;
    }
    if (!reply) co_return to_error(reply.error());
    co_return read_server_info(reply->empty() ? std::string_view() : reply->front().value);
}

void RedisStore::refresh_clock() {
    if (refreshing_) return;
    refreshing_ = true;
    asio::co_spawn(
        executor_,
        [self = shared_from_this()]() -> asio::awaitable<void> {
            Call request{"vedfolnir_info", {}, {}};
            request.read_only = true;
            // A failure changes nothing: the clock runs on, and the next use asks again.
            static_cast<void>(
                co_await self->call(std::move(request), deadline_in(self->refresh_timeout_)));
            self->refreshing_ = false;
        },
        runtime::unattended("reading the clock of Redis"));
}

void RedisStore::listen(std::weak_ptr<async::ChangeListener> listener) {
    connection_.watch({.changed =
                           [keys = keys_, listener](std::string_view name) {
                               const auto key = keys.record_of(name);
                               if (!key) return;  // an index or an epoch that a function read
                               if (const auto hears = listener.lock()) hears->changed(*key);
                           },
                       .changed_all =
                           [listener] {
                               if (const auto hears = listener.lock()) hears->changed_all();
                           }});
}

std::shared_ptr<RedisStore> make_store(asio::any_io_executor executor, const RedisOptions& options,
                                       runtime::AtomicCounters* counters) {
    return std::make_shared<RedisStore>(std::move(executor), options, counters);
}

}  // namespace vedfolnir::redis
