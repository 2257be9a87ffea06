// What a request's changes amount to: nothing, a save, a login, an ending (design section 5). Pure.
#pragma once

#include "model/payload.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <set>
#include <string>
#include <string_view>

namespace vedfolnir::policy {

/// Identity of a session: the first present identity key as text; empty when anonymous.
/// Errors: denied, when two identity keys hold different values or one holds no text, integer or UUID.
[[nodiscard]] Result<std::string> identity_of(const model::Entries& entries,
                                              const IdentityOptions& options);

/// How one request used its session.
struct Usage {
    const model::Entries& base;     ///< As loaded; empty without a record.
    const model::Entries& current;  ///< As the request leaves it.
    bool loaded = false;            ///< A record was found.
    std::string_view user_before;   ///< Identity of the loaded record; empty when anonymous.
    bool cleared = false;           ///< `clear()` was called on a loaded session.
    bool login_marked = false;  ///< The application said so (Flask-Login's signal, `mark_login()`).
    /// Keys set after an identity key was removed or the session cleared; what a logout lets through.
    const std::set<std::string, std::less<>>& written_after_logout;
    /// All keys set in this request, also to the value that stood there; null: judge by values alone.
    const std::set<std::string, std::less<>>* written = nullptr;
};

enum class Plan : std::uint8_t {
    nothing,  ///< Unchanged; a touch may be due.
    create,   ///< First write of an anonymous session.
    save,
    login,  ///< New id for `user`; the loaded record, if any, ends.
    end     ///< The loaded record ends; `entries`, if any, start a new anonymous session.
};

struct CommitPlan {
    Plan plan = Plan::nothing;
    std::string user;  ///< Identity after the commit.
    model::Entries
        entries;  ///< What the record written by `create`, `login` or after `end` carries.
};

/// Errors: as identity_of.
[[nodiscard]] Result<CommitPlan> plan_commit(const Usage& usage, const IdentityOptions& options);

/// The cookie of a session with these entries is to outlive the browser.
[[nodiscard]] bool is_permanent(const model::Entries& entries);

}  // namespace vedfolnir::policy
