#include "vedfolnir/session.hpp"

#include "manager/describe.hpp"
#include "manager/session_state.hpp"
#include "model/codec.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir {
namespace {

/// The name a key is stored under: twins share the first of their names (E2).
std::string_view stored_name(const IdentityOptions& options, std::string_view key) {
    for (const auto& names : options.twins) {
        if (std::ranges::find(names, key) != names.end()) return names.front();
    }
    return key;
}

bool is_identity(const IdentityOptions& options, std::string_view key) {
    return std::ranges::find(options.keys, key) != options.keys.end();
}

Error read_only() {
    return {Errc::read_only, "the session was committed; the response is on its way"};
}

}  // namespace

Session::Session() : state_(std::make_shared<manager::SessionState>()) {}
Session::Session(std::shared_ptr<manager::SessionState> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

bool Session::pending() const noexcept { return state_->pending.has_value(); }

LoadReason Session::reason() const noexcept { return state_->reason; }

std::optional<Handle> Session::handle() const noexcept {
    if (!state_->loaded) return std::nullopt;
    return state_->loaded->header.handle;
}

const std::string& Session::user_id() const noexcept {
    static const std::string anonymous;
    return state_->loaded ? state_->loaded->user_id() : anonymous;
}

TimePoint Session::created() const noexcept {
    return state_->loaded ? state_->loaded->header.created : TimePoint{};
}
TimePoint Session::last_seen() const noexcept {
    return state_->loaded ? state_->loaded->header.last_seen : TimePoint{};
}
TimePoint Session::absolute_expiry() const noexcept {
    return state_->loaded ? state_->loaded->header.absolute_expiry : TimePoint{};
}
std::uint64_t Session::generation() const noexcept {
    return state_->loaded ? state_->loaded->header.generation : 0;
}

const std::string& Session::device() const noexcept {
    static const std::string unknown;
    return state_->loaded ? state_->loaded->manager->device : unknown;
}
const std::string& Session::place() const noexcept {
    static const std::string unknown;
    return state_->loaded ? state_->loaded->manager->place : unknown;
}
std::string Session::platform() const {
    return manager::text_of(*state_->base, state_->identity->audited);
}

std::vector<std::string> Session::keys() const {
    std::vector<std::string> names;
    for (const auto& [key, value] : state_->current()) names.push_back(key);
    // Every name of a value is a key of its own to the reader.
    for (const auto& twins : state_->identity->twins) {
        if (twins.empty() || !state_->current().contains(twins.front())) continue;
        names.insert(names.end(), twins.begin() + 1, twins.end());
    }
    return names;
}

bool Session::contains(std::string_view key) const { return encoded(key).has_value(); }

std::optional<std::string_view> Session::encoded(std::string_view key) const {
    const model::Entries& entries = state_->current();
    const auto found = entries.find(stored_name(*state_->identity, key));
    if (found == entries.end()) return std::nullopt;
    return std::string_view(found->second);
}

Result<std::optional<Value>> Session::get(std::string_view key) const {
    const auto bytes = encoded(key);
    if (!bytes) return std::optional<Value>{};
    auto value = model::decode_value(*bytes, state_->limits);
    if (!value) return value.error();
    return std::optional<Value>(std::move(*value));
}

Result<void> Session::set(std::string_view key, const Value& value) {
    auto bytes = model::encode_value(value, state_->limits);
    if (!bytes) return bytes.error();
    return set_encoded(std::string(key), std::move(*bytes));
}

Result<void> Session::set_encoded(std::string key, std::string bytes) {
    if (state_->committed) return read_only();
    key = stored_name(*state_->identity, key);
    state_->written.insert(key);
    if (state_->logged_out) state_->written_after_logout.insert(key);
    state_->edit()[std::move(key)] = std::move(bytes);
    return {};
}

bool Session::erase(std::string_view key) {
    if (state_->committed) return false;
    const std::string_view name = stored_name(*state_->identity, key);
    if (!state_->current().contains(name)) return false;
    if (is_identity(*state_->identity, name) && state_->base->contains(name)) {
        state_->logged_out = true;
        state_->written_after_logout.clear();
    }
    model::Entries& entries = state_->edit();
    entries.erase(entries.find(name));
    return true;
}

void Session::clear() {
    if (state_->committed) return;
    state_->cleared = true;
    state_->logged_out = true;
    state_->written_after_logout.clear();
    state_->edit().clear();
}

void Session::mark_login() { state_->login_marked = true; }
void Session::mark_remembered() { state_->remembered = true; }
std::uint32_t Session::store_commands() const noexcept {
    return state_->store_commands.load(std::memory_order_relaxed);
}

bool Session::committed() const noexcept { return state_->committed; }

std::string_view to_string(LoadReason reason) noexcept {
    switch (reason) {
    case LoadReason::found:
        return "found";
    case LoadReason::no_cookie:
        return "no_cookie";
    case LoadReason::malformed:
        return "malformed";
    case LoadReason::forged:
        return "forged";
    case LoadReason::ambiguous:
        return "ambiguous";
    case LoadReason::missing:
        return "missing";
    case LoadReason::expired:
        return "expired";
    case LoadReason::ended:
        return "ended";
    case LoadReason::rotated:
        return "rotated";
    case LoadReason::unreadable:
        return "unreadable";
    }
    return "unknown";
}

}  // namespace vedfolnir
