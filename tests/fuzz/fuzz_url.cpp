// Any text as a Redis or database URL: refused in words that repeat no secret, or taken apart within bounds. Each `$`
// becomes a secret of many characters, so that a mutation can put it anywhere.
// ids: S10 S91 V11
#include "config/redis_url.hpp"
#include "model/database_url.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace vedfolnir;

constexpr std::string_view secret = "98765432109876543210987654321";
constexpr std::size_t socket_path_max = 107;

void require(bool holds) {
    if (!holds) std::abort();
}

bool shows_secret(std::string_view text) { return text.find(secret) != std::string_view::npos; }

void require_silent(const Error& error) {
    require(error.code == Errc::bad_options && !error.detail.empty());
    require(!shows_secret(error.detail) && !shows_secret(error.public_message));
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

void check_redis(const std::string& url, bool one_secret) {
    const std::string masked = config::masked_url(url);
    const auto parsed = config::parse_redis_url(url);
    if (!parsed) {
        require_silent(parsed.error());
        return;
    }
    require(!parsed->host || (!parsed->host->empty() && is_printable(*parsed->host)));
    require(!parsed->port || *parsed->port > 0);
    require(parsed->unix_socket.empty() ||
            (parsed->unix_socket.front() == '/' && parsed->unix_socket.size() <= socket_path_max &&
             parsed->unix_socket.find('\0') == std::string::npos && !parsed->host));
    const bool is_password =
        parsed->password && parsed->password->find(secret) != std::string::npos;
    require(!one_secret || !is_password || !shows_secret(masked));
}

void check_database(const std::string& url) {
    const auto parsed = model::parse_database_url(url);
    if (!parsed) {
        require_silent(parsed.error());
        return;
    }
    if (parsed->engine == model::DatabaseEngine::sqlite) {
        require(!parsed->file.empty() && parsed->file != ":memory:" &&
                parsed->file.find('\0') == std::string::npos);
        return;
    }
    require(!parsed->database.empty() && parsed->host.empty() != parsed->socket.empty());
    require(is_printable(parsed->host) && parsed->socket.size() <= socket_path_max);
    require(parsed->password.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (shows_secret(text)) return 0;
    std::string url;
    for (const char c : text) c == '$' ? url += secret : url += c;
    // Spelled once, and by no escapes: what is no password may show.
    check_redis(url, std::ranges::count(text, '$') == 1 && text.find("%3") == text.npos);
    check_database(url);
    return 0;
}
