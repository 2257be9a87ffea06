#include "redis/redis_store.hpp"

#include "model/base64url.hpp"
#include "model/bytes.hpp"
#include "model/record.hpp"
#include "redis/greeting.hpp"
#include "redis/server_info.hpp"
#include "runtime/unattended.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <array>
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

/// Of a shard's mark.
constexpr std::string_view epochs_field = "epochs";

bool knows_epochs(const Reply& reply) {
    return reply && !reply->empty() && reply->front().value == "all";
}

std::string digits(std::uint64_t value) { return std::to_string(value); }
std::string digits(Millis value) { return std::to_string(value.count()); }

UserTag tag_of(const std::string& record) {
    UserTag tag;
    if (record.size() >= model::offset::body) {
        std::memcpy(tag.bytes.data(), record.data() + model::offset::user_tag, tag.bytes.size());
    }
    return tag;
}

std::optional<async::RestoreStatus> restore_status(std::string_view word) {
    using async::RestoreStatus;
    constexpr std::array<std::pair<std::string_view, RestoreStatus>, 6> words{
        {{"restored", RestoreStatus::restored},
         {"newer", RestoreStatus::newer},
         {"ended", RestoreStatus::ended},
         {"outdated", RestoreStatus::outdated},
         {"skewed", RestoreStatus::skewed},
         {"tied", RestoreStatus::tied}}};
    for (const auto& [name, status] : words) {
        if (name == word) return status;
    }
    return std::nullopt;
}

Error unexpected(std::string_view function, std::string_view word) {
    return {Errc::internal,
            "Redis: " + std::string(function) + " answered `" + std::string(word) + "`"};
}

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

/// How many of the first items go in one call: authenticated records of one shard. Redis answers nobody else meanwhile,
/// for about 20 us each.
std::size_t restored_together(std::span<const async::RestoreItem> items) {
    constexpr std::size_t together_max = 64;
    const auto belongs = [&](const async::RestoreItem& item) {
        return item.key.shard == items.front().key.shard && !tag_of(item.record).anonymous();
    };
    const auto end =
        std::ranges::find_if_not(items.first(std::min(items.size(), together_max)), belongs);
    return std::max<std::size_t>(1, static_cast<std::size_t>(end - items.begin()));
}

/// The words of `vedfolnir_restore` or `vedfolnir_restore_many`. False: not such words.
bool add_restored(const std::vector<std::string_view>& words,
                  std::vector<async::RestoreReply>& to) {
    if (words.size() < 2) return false;
    const bool many = words.front() == "done";
    for (std::size_t i = many ? 2 : 0; i < (many ? words.size() : 1); i += 2) {
        const auto status = restore_status(words[i]);
        const std::size_t bytes = many ? i + 1 : 2;
        if (!status) return false;
        std::string current(bytes < words.size() ? words[bytes] : std::string_view());
        if (*status == async::RestoreStatus::newer && current.empty()) return false;
        to.push_back({*status, std::move(current)});
    }
    return true;
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
        if (!(lost && !saved.repeated) && !is_elsewhere(reply.error()))
            co_return to_error(reply.error());
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

RedisStore::Call RedisStore::restore_call(async::RestoreItem item, Millis skew_max) const {
    Call call{"vedfolnir_restore", record_keys(item.key, item.record), {}};
    if (call.keys.size() > 1) call.keys.push_back(keys_.mark(item.key.shard));
    call.arguments = {std::move(item.record), digits(item.ttl), raw(item.key.digest),
                      digits(item.sequence), digits(skew_max)};
    return call;
}

RedisStore::Call RedisStore::restore_call(std::span<async::RestoreItem> items,
                                          Millis skew_max) const {
    const std::uint8_t shard = items.front().key.shard;
    Call call{"vedfolnir_restore_many",
              {keys_.expiry(shard), keys_.dirty(shard), keys_.mark(shard)},
              {digits(skew_max)}};
    for (async::RestoreItem& item : items) {
        const UserTag tag = tag_of(item.record);
        for (auto& key : {keys_.record(item.key), keys_.epoch(tag), keys_.user(tag)})
            call.keys.push_back(key);
        call.arguments.push_back(std::move(item.record));
        call.arguments.push_back(digits(item.ttl));
        call.arguments.push_back(raw(item.key.digest));
        call.arguments.push_back(digits(item.sequence));
    }
    return call;
}

Task<std::vector<async::RestoreReply>> RedisStore::restore(std::vector<async::RestoreItem> items,
                                                           Millis skew_max, Deadline deadline) {
    std::vector<async::RestoreReply> replies;
    if (items.empty()) co_return replies;
    Pipeline pipeline;
    pipeline.repeatable = true;
    for (const async::RestoreItem& item : items) {
        const UserTag tag = tag_of(item.record);
        if (!tag.anonymous() && tag.shard() != item.key.shard)
            co_return Error{Errc::internal, "an authenticated record outside its user's shard"};
    }
    for (std::span<async::RestoreItem> rest(items); !rest.empty();) {
        const auto together = rest.first(restored_together(rest));
        rest = rest.subspan(together.size());
        push_call(pipeline.request, together.size() == 1
                                        ? restore_call(std::move(together.front()), skew_max)
                                        : restore_call(together, skew_max));
    }
    auto exchange = co_await connection_.exec(std::move(pipeline), deadline);
    if (!exchange) co_return to_error(exchange.error());
    replies.reserve(items.size());
    for (const Reply& reply : exchange->replies) {
        if (!reply) co_return to_error(reply.error());
        if (!add_restored(values(*reply), replies))
            co_return unexpected("vedfolnir_restore", reply->empty() ? "nothing" : "other words");
    }
    if (replies.size() != items.size())
        co_return unexpected("vedfolnir_restore", "another number of records");
    co_return replies;
}

Task<bool> RedisStore::probe(bool changes, Deadline deadline) {
    // The first has no flags, so that it is refused wherever a new record would be.
    Call request{changes ? "vedfolnir_restore" : "vedfolnir_info", {}, {}};
    request.read_only = !changes;
    const auto reply = co_await call(std::move(request), deadline);
    if (!reply) co_return to_error(reply.error());
    co_return true;
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

Task<bool> RedisStore::attest_copies(std::string incarnation, Deadline deadline) {
    if (incarnation.empty()) co_return false;
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
