#include "redis/server_info.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace vedfolnir::redis {
namespace {

template <class Number>
std::optional<Number> read(std::string_view info, std::string_view name) {
    const auto text = info_field(info, name);
    if (!text) return std::nullopt;
    Number value{};
    const char* const end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> figure(std::string_view info, std::string_view name) {
    return read<std::uint64_t>(info, name);
}

std::optional<double> ratio(std::string_view info, std::string_view name) {
    return read<double>(info, name);
}

}  // namespace

std::optional<std::string_view> info_field(std::string_view info, std::string_view name) {
    std::size_t start = 0;
    while (start < info.size()) {
        const std::size_t end = std::min(info.find("\r\n", start), info.size());
        const std::string_view line = info.substr(start, end - start);
        if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
            return line.substr(name.size() + 1);
        }
        start = end + 2;
    }
    return std::nullopt;
}

std::optional<Product> read_product(std::string_view info) {
    if (const auto version = info_field(info, "valkey_version")) return Product{"Valkey", *version};
    if (const auto version = info_field(info, "redis_version")) return Product{"Redis", *version};
    return std::nullopt;
}

StoreInfo read_server_info(std::string_view info) {
    StoreInfo found;
    if (const auto product = read_product(info)) {
        found.product = product->name;
        found.version = product->version;
    }
    found.connected_clients = figure(info, "connected_clients");
    found.used_memory = figure(info, "used_memory");
    found.used_memory_human = info_field(info, "used_memory_human").value_or("");
    found.keyspace_hits = figure(info, "keyspace_hits");
    found.keyspace_misses = figure(info, "keyspace_misses");
    found.used_memory_peak = figure(info, "used_memory_peak");
    found.max_memory = figure(info, "maxmemory");
    found.fragmentation = ratio(info, "mem_fragmentation_ratio");
    found.evicted_keys = figure(info, "evicted_keys");
    found.expired_keys = figure(info, "expired_keys");
    found.append_only_file = figure(info, "aof_enabled");
    found.last_save = figure(info, "rdb_last_save_time");
    return found;
}

}  // namespace vedfolnir::redis
