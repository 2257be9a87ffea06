#include "sessions.hpp"

#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "vedfolnir/environment.hpp"

#include <stdexcept>
#include <string_view>
#include <utility>

namespace vedfolnir::bench {
namespace {

constexpr std::pair<std::string_view, std::string_view> fields[] = {
    {"username", "astrid.holm"},
    {"email", "astrid.holm@example.org"},
    {"role", "reviewer"},
    {"platform_name", "Harbour Photos"},
    {"platform_type", "pixelfed"},
    {"platform_instance_url", "https://photos.harbour.example"},
    {"theme", "dark"},
    {"language", "en"},
    {"last_page", "/review/queue?page=3"},
    {"csrf_token", "b7f7a1f0c3d94e0a8f2e6d5c4b3a29180f1e2d3c"},
};

std::string cookie_value_of(const CommitResult& result) {
    if (!result.set_cookie) throw std::runtime_error("the commit set no cookie");
    const std::string_view header = *result.set_cookie;
    const auto begin = header.find('=') + 1;
    return std::string(header.substr(begin, header.find(';') - begin));
}

std::string commit(const SessionManager& manager, Session session) {
    return cookie_value_of(value_of(manager.commit(session, RequestContext{})));
}

void fill(Session& session) {
    for (const auto& [key, value] : fields) {
        if (auto set = session.set(key, std::string(value)); !set) fail(set.error());
    }
    if (auto set = session.set("counter", 0); !set) fail(set.error());
}

}  // namespace

void fail(const Error& error) { throw std::runtime_error(error.detail); }

ManagerOptions options() {
    ManagerOptions made = value_of(options_from_environment());
    std::string secret(32, '\0');
    crypto::KernelRandom random;
    const auto bytes = std::span(reinterpret_cast<std::uint8_t*>(secret.data()), secret.size());
    if (auto filled = random.fill(bytes); !filled) fail(filled.error());
    made.keys.keys = {{1, std::move(secret)}};
    // A busy machine must spoil a figure, not the run.
    made.redis.request_timeout = Millis{5'000};
    made.request_budget = Millis{10'000};
    made.jobs.run = false;  // figures are of sessions
    return made;
}

RequestContext request_with(const ManagerOptions& options, const std::string& cookie_value) {
    RequestContext request;
    request.cookie_header = "theme=dark; " + options.cookie.name + "=" + cookie_value +
                            "; consent=essential.analytics.2026";
    request.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    request.client_address = "192.0.2.17";
    return request;
}

std::span<const std::pair<std::string_view, std::string_view>> sample_fields() { return fields; }

std::string sign_in(const SessionManager& manager, const std::string& user) {
    Session session = value_of(manager.load(RequestContext{}));
    fill(session);
    if (auto set = session.set("user_id", user); !set) fail(set.error());
    return commit(manager, std::move(session));
}

std::string make_anonymous(const SessionManager& manager) {
    Session session = value_of(manager.load(RequestContext{}));
    fill(session);
    return commit(manager, std::move(session));
}

StoreKey key_of(const std::string& cookie_value) {
    const auto id = model::SessionId::parse(cookie_value);
    if (!id) throw std::runtime_error("no session id");
    return crypto::store_key_of(*id);
}

}  // namespace vedfolnir::bench
