#include "redis/keys.hpp"

#include "model/base64url.hpp"

namespace vedfolnir::redis {

std::string Keyspace::in_shard(std::uint8_t shard, std::string_view name) const {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string text;
    text.reserve(prefix_.size() + 5 + name.size());
    text += prefix_;
    text += '{';
    text += hex[shard >> 4U];
    text += hex[shard & 15U];
    text += "}:";
    text += name;
    return text;
}

std::string Keyspace::record(const StoreKey& key) const {
    return in_shard(key.shard, model::base64url_encode(key.digest));
}

std::optional<StoreKey> Keyspace::record_of(std::string_view name) const noexcept {
    if (!name.starts_with(prefix_)) return std::nullopt;
    name.remove_prefix(prefix_.size());
    // {2a}: and then the text that SQL writes behind `2a:`.
    if (name.size() < 5 || name[0] != '{' || name[3] != '}' || name[4] != ':') return std::nullopt;
    std::string text(name.substr(1, 2));
    text += name.substr(4);
    return StoreKey::parse(text);
}

std::string Keyspace::user(const UserTag& tag) const {
    return in_shard(tag.shard(), "user:" + model::base64url_encode(tag.bytes));
}

std::string Keyspace::epoch(const UserTag& tag) const {
    return in_shard(tag.shard(), "epoch:" + model::base64url_encode(tag.bytes));
}

std::string Keyspace::expiry(std::uint8_t shard) const { return in_shard(shard, "expiry"); }
std::string Keyspace::dirty(std::uint8_t shard) const { return in_shard(shard, "dirty"); }
std::string Keyspace::mark(std::uint8_t shard) const { return in_shard(shard, "mark"); }
std::string Keyspace::fence(std::uint8_t shard) const { return in_shard(shard, "fence"); }
// In a shard like everything else, so that it has a slot on a cluster; which one does not matter.
std::string Keyspace::lease() const { return in_shard(0, "lease"); }
std::string Keyspace::compared() const { return in_shard(0, "compared"); }

}  // namespace vedfolnir::redis
