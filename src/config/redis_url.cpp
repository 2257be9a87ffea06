#include "config/redis_url.hpp"

#include "model/percent.hpp"
#include "model/url_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace vedfolnir::config {

using model::percent_decoded;

namespace {

constexpr std::string_view mask = "********";

Error bad(std::string text) { return {Errc::bad_options, std::move(text)}; }

// What may be repeated in a message: where `://` stands further back, a password could stand before it.
bool is_scheme(std::string_view text) noexcept {
    constexpr std::size_t size_max = 20;
    const auto may_stand = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    };
    return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, may_stand);
}

bool is_socket(std::string_view scheme) noexcept {
    return scheme == "unix" || scheme == "redis+socket";
}

struct Parts {
    std::string scheme;
    std::string_view user_information;
    std::string_view host;
    std::string_view path;
    std::string_view query;
};

Result<Parts> split(std::string_view url) {
    const auto mark = url.find("://");
    Parts parts;
    parts.scheme = lower(url.substr(0, mark));
    if (mark == std::string_view::npos || !is_scheme(parts.scheme)) {
        return bad("a URL begins with redis://, rediss:// or unix://");
    }
    url.remove_prefix(mark + 3);
    if (const auto hash = url.find('#'); hash != std::string_view::npos) {
        return bad("a '#' has no meaning in a Redis URL; in a password write %23");
    }
    if (const auto query = url.find('?'); query != std::string_view::npos) {
        parts.query = url.substr(query + 1);
        url = url.substr(0, query);
    }
    const auto slash = url.find('/');
    // A password with an unescaped '/' would be cut here; the last '@' of the whole tells.
    const auto at_sign = url.rfind('@');
    const bool socket = is_socket(parts.scheme);
    if (!socket && slash != std::string_view::npos && at_sign != std::string_view::npos &&
        at_sign > slash) {
        return bad("the user or password holds a '/': write it as %2F");
    }
    auto authority = url.substr(0, slash);
    parts.path = slash == std::string_view::npos ? std::string_view{} : url.substr(slash);
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        parts.user_information = authority.substr(0, at);
        authority = authority.substr(at + 1);
    }
    parts.host = authority;
    return parts;
}

Result<void> read_user(std::string_view text, RedisUrl& out) {
    if (text.empty()) return {};
    const auto colon = text.find(':');
    const auto user = percent_decoded(text.substr(0, colon));
    const auto password = colon == std::string_view::npos
                              ? std::optional<std::string>(std::string{})
                              : percent_decoded(text.substr(colon + 1));
    if (!user || !password) return bad("a broken % escape in the user or password");
    if (!user->empty()) out.username = *user;
    if (!password->empty()) out.password = *password;
    return {};
}

Result<void> read_host(std::string_view text, RedisUrl& out) {
    if (text.find(',') != std::string_view::npos) {
        return bad(
            "several hosts name a cluster or Sentinel, which this version does not support; name one server");
    }
    auto read = model::parse_url_host(text);
    if (!read) return std::move(read).error();
    if (!read->host.empty()) out.host = std::move(read->host);
    if (read->port != 0) out.port = read->port;
    return {};
}

Result<unsigned> database_number(std::string_view text) {
    const auto number = parse_integer(text);
    if (!number || *number > 65535) return bad("the database is not a number from 0 to 65535");
    return static_cast<unsigned>(*number);
}

struct QueryName {
    std::string_view query;
    std::string_view variable;
};

constexpr std::array certificate_options{
    QueryName{"ssl_cert_reqs", "REDIS_SSL_CERT_REQS"},
    QueryName{"ssl_ca_certs", "REDIS_SSL_CA_CERTS"},
    QueryName{"ssl_certfile", "REDIS_SSL_CERTFILE"},
    QueryName{"ssl_keyfile", "REDIS_SSL_KEYFILE"},
};

Result<void> read_parameter(const std::string& name, std::string value, RedisUrl& out) {
    if (name == "db") {
        auto number = database_number(value);
        if (!number) return std::move(number).error();
        if (out.database && *out.database != *number)
            return bad("the path and ?db= name different databases");
        out.database = *number;
    } else if (name == "username") {
        if (out.username && *out.username != value) return bad("two different users");
        out.username = std::move(value);
    } else if (name == "password") {
        if (out.password && *out.password != value) return bad("two different passwords");
        out.password = std::move(value);
    } else {
        for (const auto& option : certificate_options) {
            if (option.query != name) continue;
            out.options.insert_or_assign(std::string(option.variable), std::move(value));
            return {};
        }
        out.ignored.push_back(name);
    }
    return {};
}

Result<void> read_query(std::string_view query, RedisUrl& out) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        const auto name = percent_decoded(pair.substr(0, equals));
        auto value = equals == std::string_view::npos ? std::optional<std::string>(std::string{})
                                                      : percent_decoded(pair.substr(equals + 1));
        if (!name || !value) return bad("a broken % escape behind the '?'");
        if (auto done = read_parameter(lower(*name), std::move(*value), out); !done) return done;
    }
    return {};
}

Result<void> read_path(std::string_view path, RedisUrl& out) {
    if (path.size() <= 1) return {};
    auto number = database_number(path.substr(1));
    if (!number) return bad("behind the host stands the database: a number from 0 to 65535");
    out.database = *number;
    return {};
}

Result<void> read_socket(const Parts& parts, RedisUrl& out) {
    if (!parts.host.empty()) {
        return bad(
            "the socket's file is an absolute path: unix:///run/redis/redis.sock (three slashes)");
    }
    auto path = percent_decoded(parts.path);
    if (!path || path->size() < 2) return bad("the URL names no socket file");
    if (holds_control_character(*path)) return bad("the socket's path holds a control character");
    // sockaddr_un holds 108 bytes with the closing zero.
    if (path->size() > 107) return bad("the socket's path is longer than 107 bytes");
    out.unix_socket = std::move(*path);
    return {};
}

bool names_a_cluster(std::string_view scheme) noexcept {
    return scheme.find("sentinel") != std::string_view::npos ||
           scheme.find("cluster") != std::string_view::npos;
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view url) {
    auto parts = split(trimmed(url));
    if (!parts) return std::move(parts).error();
    if (names_a_cluster(parts->scheme)) {
        return bad(
            "Sentinel and Cluster are not supported in this version; name one server with redis:// or rediss://");
    }
    RedisUrl out;
    const bool socket = is_socket(parts->scheme);
    if (!socket && parts->scheme != "redis" && parts->scheme != "rediss") {
        return bad(fmt::format("the scheme '{}' is none of redis, rediss, unix", parts->scheme));
    }
    out.tls = parts->scheme == "rediss";
    if (auto done = read_user(parts->user_information, out); !done) return std::move(done).error();
    auto place = socket ? read_socket(*parts, out) : read_host(parts->host, out);
    if (!place) return std::move(place).error();
    if (!socket) {
        if (auto done = read_path(parts->path, out); !done) return std::move(done).error();
    }
    if (auto done = read_query(parts->query, out); !done) return std::move(done).error();
    return out;
}

namespace {

// Which characters of a URL are secret.
using Hidden = std::vector<bool>;

void hide(Hidden& hidden, std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < std::min(end, hidden.size()); ++at) hidden[at] = true;
}

// Up to the last '@': a password with an unescaped '/' or '@' must not show either.
void hide_user_password(std::string_view url, Hidden& hidden) {
    const auto at = url.rfind('@');
    const auto colon = url.find(':', url.find("://") + 3);
    if (at != std::string_view::npos && colon < at) hide(hidden, colon + 1, at);
}

// Each `password=`, wherever it stands, and each parameter that is read as one, however it is spelled.
void hide_query_passwords(std::string_view url, Hidden& hidden) {
    constexpr std::string_view name = "password=";
    const auto low = lower(url);
    for (auto at = low.find(name); at != std::string::npos; at = low.find(name, at + 1)) {
        hide(hidden, at + name.size(), low.find('&', at));
    }
    for (auto mark = url.find('?'); mark != std::string_view::npos;) {
        const auto begin = mark + 1;
        mark = url.find('&', begin);
        const auto equals = url.find('=', begin);
        if (equals >= mark) continue;
        const auto decoded = percent_decoded(url.substr(begin, equals - begin));
        if (decoded && lower(*decoded) == "password") hide(hidden, equals + 1, mark);
    }
}

}  // namespace

std::string masked_url(std::string_view url) {
    // No URL at all: perhaps a bare password.
    if (url.find("://") == std::string_view::npos) return std::string(url.empty() ? "" : mask);
    Hidden hidden(url.size());
    hide_user_password(url, hidden);
    hide_query_passwords(url, hidden);
    std::string out;
    for (std::size_t at = 0; at < url.size(); ++at) {
        if (!hidden[at]) {
            out += url[at];
        } else if (!hidden[at - 1]) {
            out += mask;
        }
    }
    return out;
}

}  // namespace vedfolnir::config
