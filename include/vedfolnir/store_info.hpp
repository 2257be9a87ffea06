// What the hot store says of itself; for people and statistics, never for decisions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vedfolnir {

/// Empty fields: the store has no such figure, or its user may not ask for it (Redis: INFO).
struct StoreInfo {
    std::string product;  ///< "Redis" or "Valkey".
    std::string version;  ///< Its own: Valkey's, not that of the Redis it is compatible with.
    std::optional<std::uint64_t> connected_clients;
    std::optional<std::uint64_t> used_memory;  ///< Bytes.
    std::string used_memory_human;             ///< As the server spells it: "1.21M".
    std::optional<std::uint64_t> keyspace_hits;
    std::optional<std::uint64_t> keyspace_misses;
    std::optional<std::uint64_t> used_memory_peak;  ///< Bytes.
    std::optional<std::uint64_t> max_memory;        ///< Bytes; 0: no limit.
    std::optional<double> fragmentation;            ///< Memory of the process over memory in use.
    std::optional<std::uint64_t> append_only_file;  ///< 1: it is switched on.
    std::optional<std::uint64_t> evicted_keys, expired_keys;
    std::optional<std::uint64_t> last_save;  ///< Of a snapshot on disk, seconds since 1970.
};

}  // namespace vedfolnir
