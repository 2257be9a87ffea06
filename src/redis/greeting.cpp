#include "redis/greeting.hpp"

#include "redis/library.hpp"
#include "redis/server_info.hpp"

#include <charconv>
#include <string_view>

namespace vedfolnir::redis {
namespace {

constexpr std::string_view client_name = "vedfolnir";

/// The value behind `name` in HELLO's map.
std::string entry(const std::vector<boost::redis::resp3::node>& map, std::string_view name) {
    for (std::size_t i = 0; i + 1 < map.size(); ++i) {
        if (map[i].depth == 1 && map[i].value == name) return map[i + 1].value;
    }
    return {};
}

}  // namespace

// A server that was a replica in between keeps its run id, yet may have
// lost what it knew.
std::string incarnation_of(std::string_view info) {
    const auto process = info_field(info, "run_id");
    const auto history = info_field(info, "master_replid");
    if (!process || !history) return {};
    return std::string(*process).append(".").append(*history);
}

boost::redis::request greeting_request(const RedisOptions& options) {
    boost::redis::request request;
    // The name is set inside HELLO: as a command of its own it would need a permission.
    if (options.password.empty() && options.username.empty()) {
        request.push("HELLO", "3", "SETNAME", client_name);
    } else {
        request.push("HELLO", "3", "AUTH", options.username.empty() ? "default" : options.username,
                     options.password, "SETNAME", client_name);
    }
    if (options.database != 0) request.push("SELECT", std::to_string(options.database));
    request.push("INFO", "server", "replication");
    return request;
}

boost::system::result<Connection::Server, Failure> read_greeting(const std::vector<Reply>& replies,
                                                                 const RedisOptions& options) {
    const std::size_t expected = options.database != 0 ? 3 : 2;
    // Everything but INFO must succeed.
    for (std::size_t i = 0; i + 1 < expected && i < replies.size(); ++i) {
        if (!replies[i]) return replies[i].error();
    }
    if (replies.size() < expected) {
        return Failure{FailureKind::not_redis, Stage::auth, "too few answers to HELLO"};
    }
    Connection::Server server;
    server.product = entry(*replies.front(), "server") == "valkey" ? "Valkey" : "Redis";
    server.version = entry(*replies.front(), "version");
    server.role = entry(*replies.front(), "role");
    if (server.version.empty()) return Failure{FailureKind::not_redis, Stage::auth, ""};
    const Reply& info = replies.back();
    if (!info || info->empty()) return server;
    const std::string& text = info->front().value;
    server.incarnation = incarnation_of(text);
    // Valkey may be set to greet as the Redis it is compatible with.
    if (const auto product = read_product(text)) {
        server.product = product->name;
        server.version = product->version;
    }
    return server;
}

boost::redis::request library_query() {
    boost::redis::request request;
    request.push("FCALL_RO", "vedfolnir_info", "0");
    return request;
}

boost::redis::request library_load() {
    boost::redis::request request;
    request.push("FUNCTION", "LOAD", "REPLACE", library_source());
    return request;
}

boost::system::result<std::uint32_t, Failure> read_library_version(const Reply& reply) {
    if (!reply) return reply.error();
    const auto words = values(*reply);
    if (words.size() < 3 || words[0] != "info") {
        return Failure{FailureKind::not_installed, Stage::functions,
                       "vedfolnir_info is another library's"};
    }
    return static_cast<std::uint32_t>(number(words[2]));
}

std::vector<std::string_view> values(const std::vector<boost::redis::resp3::node>& nodes) {
    std::vector<std::string_view> texts;
    texts.reserve(nodes.size());
    for (const auto& node : nodes) {
        if (!boost::redis::resp3::is_aggregate(node.data_type)) texts.emplace_back(node.value);
    }
    return texts;
}

std::optional<TimePoint> score_time(std::string_view text) noexcept {
    constexpr double score_max = 9007199254740992.0;  // 2^53
    double score = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), score);
    if (read.ec != std::errc{} || score < 0 || score > score_max) return std::nullopt;
    return TimePoint(Millis(static_cast<std::int64_t>(score)));
}

std::uint64_t number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace vedfolnir::redis
