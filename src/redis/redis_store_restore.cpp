// What comes back into Redis from SQL.
#include "redis/greeting.hpp"
#include "redis/redis_store.hpp"
#include "redis/store_words.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace vedfolnir::redis {
using async::Task;

namespace {

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

/// How many of the first items go in one call: authenticated records of one shard that have copies. Redis answers nobody else meanwhile,
/// for about 20 us each.
std::size_t restored_together(std::span<const async::RestoreItem> items) {
    constexpr std::size_t together_max = 64;
    const auto belongs = [&](const async::RestoreItem& item) {
        return item.copied && item.key.shard == items.front().key.shard &&
               !tag_of(item.record).anonymous();
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

}  // namespace

RedisStore::Call RedisStore::restore_call(async::RestoreItem item, Millis skew_max) const {
    Call call{"vedfolnir_restore", record_keys(item.key, item.record), {}};
    if (call.keys.size() > 1) call.keys.push_back(keys_.mark(item.key.shard));
    call.arguments = {std::move(item.record), digits(item.ttl), raw(item.key.digest),
                      digits(item.sequence),  digits(skew_max), item.copied ? "1" : "0"};
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

}  // namespace vedfolnir::redis
