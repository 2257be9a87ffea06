// The names of everything this program keeps in Redis (docs/internals/redis_keys.md).
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::redis {

/// All names begin with the prefix and carry the shard as a hash tag, so that a shard lives in one slot.
class Keyspace {
public:
    explicit Keyspace(std::string prefix) : prefix_(std::move(prefix)) {}

    [[nodiscard]] std::string record(const StoreKey& key) const;
    /// The record that `name` stands for; empty for any other key.
    [[nodiscard]] std::optional<StoreKey> record_of(std::string_view name) const noexcept;
    [[nodiscard]] std::string user(const UserTag& tag) const;
    [[nodiscard]] std::string epoch(const UserTag& tag) const;
    [[nodiscard]] std::string expiry(std::uint8_t shard) const;
    [[nodiscard]] std::string dirty(std::uint8_t shard) const;
    [[nodiscard]] std::string mark(std::uint8_t shard) const;
    /// The highest fence of a background job that acted in this shard.
    [[nodiscard]] std::string fence(std::uint8_t shard) const;
    /// The one lease of all background jobs.
    [[nodiscard]] std::string lease() const;
    /// Which server was compared with SQL last.
    [[nodiscard]] std::string compared() const;
    [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }

private:
    [[nodiscard]] std::string in_shard(std::uint8_t shard, std::string_view name) const;
    std::string prefix_;
};

/// The bytes of an array of bytes, as an argument.
template <class Array>
[[nodiscard]] std::string raw(const Array& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace vedfolnir::redis
