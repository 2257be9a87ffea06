// One request's view of a session: read, change, then commit once through the manager.
#pragma once

#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"
#include "vedfolnir/value.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir {

namespace manager {
struct SessionState;
class Core;
}  // namespace manager

/// Why a load found what it found.
enum class LoadReason : std::uint8_t {
    found,
    no_cookie,
    malformed,  ///< Not the shape of an id; no store was asked.
    forged,     ///< Right shape, wrong MAC; no store was asked.
    ambiguous,  ///< Two cookies of our name, or a shadowing variant; no store was asked.
    missing,    ///< Well-formed, but nothing stands there.
    expired,    ///< Idle or absolute limit passed.
    ended,      ///< Denied here, or older than the user's epoch.
    rotated,  ///< Its id rotated moments ago: this request runs without a session, sets and clears nothing.
    unreadable  ///< The record does not open (damaged, foreign, future version).
};

[[nodiscard]] std::string_view to_string(LoadReason reason) noexcept;

/// Owned by one request; not thread-safe. Values are held encoded; typed access is for C++ callers.
class Session {
public:
    Session();
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();

    [[nodiscard]] LoadReason reason() const noexcept;
    [[nodiscard]] bool found() const noexcept { return reason() == LoadReason::found; }
    /// The store has not been asked yet (SessionManager::begin_load); nothing else of the session counts so far.
    [[nodiscard]] bool pending() const noexcept;
    /// Empty until a record exists.
    [[nodiscard]] std::optional<Handle> handle() const noexcept;
    /// Identity of the loaded record; empty when anonymous.
    [[nodiscard]] const std::string& user_id() const noexcept;
    [[nodiscard]] TimePoint created() const noexcept;
    [[nodiscard]] TimePoint last_seen() const noexcept;
    [[nodiscard]] TimePoint absolute_expiry() const noexcept;
    [[nodiscard]] std::uint64_t generation() const noexcept;
    /// Shortened user agent and client address of the login, as SQL has them; empty when anonymous.
    [[nodiscard]] const std::string& device() const noexcept;
    [[nodiscard]] const std::string& place() const noexcept;
    /// Value of the audited platform key in the stored record, as text; empty if none.
    [[nodiscard]] std::string platform() const;

    [[nodiscard]] std::vector<std::string> keys() const;
    [[nodiscard]] bool contains(std::string_view key) const;
    [[nodiscard]] Result<std::optional<Value>> get(std::string_view key) const;
    /// Errors: bad_value, read_only.
    [[nodiscard]] Result<void> set(std::string_view key, const Value& value);
    /// True if the key was there.
    bool erase(std::string_view key);
    void clear();

    /// The value's encoded bytes (docs/internals/payload.md), valid until the next change; for bindings.
    [[nodiscard]] std::optional<std::string_view> encoded(std::string_view key) const;
    [[nodiscard]] Result<void> set_encoded(std::string key, std::string bytes);

    /// This request authenticated the user, even if the identity is unchanged: the commit rotates the id.
    void mark_login();
    /// The identity came from a remember-me token: audited as `remembered`.
    void mark_remembered();
    [[nodiscard]] bool committed() const noexcept;

    /// Commands sent to the hot store for this session so far: by its load, its commit, its login. What a new connection
    /// sends first, and the replay of missed endings, are nobody's own and not counted. 0 for a session that was
    /// `found`: the near cache had it.
    [[nodiscard]] std::uint32_t store_commands() const noexcept;

private:
    friend class manager::Core;
    friend class SessionManager;
    explicit Session(std::shared_ptr<manager::SessionState> state);
    std::shared_ptr<manager::SessionState> state_;
};

}  // namespace vedfolnir
