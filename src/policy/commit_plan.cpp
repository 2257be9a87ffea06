#include "policy/commit_plan.hpp"

#include "model/codec.hpp"
#include "model/merge.hpp"

#include <algorithm>
#include <optional>

namespace vedfolnir::policy {
namespace {

using model::Entries;

constexpr std::string_view fresh_key = "_fresh";
constexpr std::string_view permanent_key = "_permanent";

const std::string* find(const Entries& entries, std::string_view key) {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
}

bool is_true(const std::string* value) {
    return value != nullptr && *value == "\xc3";
}  // MessagePack true

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

/// An identity key that stood in the loaded session is gone.
bool identity_removed(const Usage& usage, const IdentityOptions& options) {
    return std::ranges::any_of(options.keys, [&](const std::string& key) {
        return find(usage.base, key) != nullptr && find(usage.current, key) == nullptr;
    });
}

bool freshness_rose(const Usage& usage) {
    return !is_true(find(usage.base, fresh_key)) && is_true(find(usage.current, fresh_key));
}

/// The value came with the loaded session; this request did not write it.
bool unchanged(const Usage& usage, const std::string& key, const std::string& value) {
    if (usage.written_after_logout.contains(key)) return false;
    const std::string* before = find(usage.base, key);
    return before != nullptr && *before == value;
}

/// The key came with the loaded session, and this request did not set it, not even to the same value.
bool untouched(const Usage& usage, const std::string& key, const std::string& value) {
    const bool written = usage.written != nullptr && usage.written->contains(key);
    return !written && unchanged(usage, key, value);
}

/// Whether an application key of the old session may enter the new one at a login.
bool survives_login(const Usage& usage, const IdentityOptions& options, bool other_user,
                    const std::string& key, const std::string& value) {
    if (contains(options.keys, key)) return true;
    // A secret that stood before the login may be known to whoever planted the session (V07).
    if (contains(options.dropped_at_login, key)) return !unchanged(usage, key, value);
    // What one user left is never handed to the next. What the login wrote is the next one's, though its value may
    // be the old one (`_fresh`, Flask-Login's `_id`).
    const bool inherited = untouched(usage, key, value);
    if (other_user && inherited) return key == model::flashes_key;
    if (options.kept_at_login && inherited) return contains(*options.kept_at_login, key);
    return true;
}

Entries entries_after_login(const Usage& usage, const IdentityOptions& options, bool other_user) {
    Entries kept;
    for (const auto& [key, value] : usage.current) {
        if (survives_login(usage, options, other_user, key, value)) kept.emplace(key, value);
    }
    return kept;
}

Entries entries_after_ending(const Usage& usage, const IdentityOptions& options) {
    Entries kept;
    for (const auto& [key, value] : usage.current) {
        if (contains(options.keys, key)) continue;
        const bool carried = key == model::flashes_key || usage.written_after_logout.contains(key);
        if (carried) kept.emplace(key, value);
    }
    return kept;
}

}  // namespace

Result<std::string> identity_of(const Entries& entries, const IdentityOptions& options) {
    std::string identity;
    std::string found_in;
    for (const std::string& key : options.keys) {
        const std::string* value = find(entries, key);
        if (value == nullptr) continue;
        auto text = model::identity_text(*value);
        if (!text)
            return Error{text.error().code, text.error().public_message,
                         "session key '" + key + "'"};
        if (!*text) continue;
        if (identity.empty()) {
            identity = **text;
            found_in = key;
        } else if (identity != **text) {
            return Error{Errc::denied, "The session names two different users.",
                         std::string("session keys '")
                             .append(found_in)
                             .append("' and '")
                             .append(key)
                             .append("' hold different values")};
        }
    }
    return identity;
}

bool is_permanent(const model::Entries& entries) { return is_true(find(entries, permanent_key)); }

Result<CommitPlan> plan_commit(const Usage& usage, const IdentityOptions& options) {
    const bool removed = !usage.cleared && identity_removed(usage, options);
    auto identity = identity_of(usage.current, options);
    if (!identity && !removed) return identity.error();

    const bool was_authenticated = !usage.user_before.empty();
    // A removed identity key takes the other ones with it, unless they were set anew afterwards.
    const bool set_again = std::ranges::any_of(options.keys, [&](const std::string& key) {
        return usage.written_after_logout.contains(key);
    });
    std::string user = identity ? std::move(*identity) : std::string();
    if (removed && was_authenticated && !set_again) user.clear();
    if (removed && set_again && !identity) return identity.error();

    if (!user.empty()) {
        const bool login = user != usage.user_before || usage.cleared || removed ||
                           usage.login_marked || (was_authenticated && freshness_rose(usage));
        if (login) {
            const bool other_user = was_authenticated && user != usage.user_before;
            return CommitPlan{Plan::login, user, entries_after_login(usage, options, other_user)};
        }
    }
    if (usage.loaded && (usage.cleared || (was_authenticated && user.empty()))) {
        return CommitPlan{Plan::end, {}, entries_after_ending(usage, options)};
    }
    if (usage.base == usage.current) return CommitPlan{Plan::nothing, user, {}};
    return CommitPlan{usage.loaded ? Plan::save : Plan::create, user, usage.current};
}

}  // namespace vedfolnir::policy
