// What stands behind a Session: the record it loaded and what the request made of it.
#pragma once

#include "crypto/sealing.hpp"
#include "model/payload.hpp"
#include "model/record.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/session.hpp"
#include "vedfolnir/types.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace vedfolnir::manager {

/// The record a request loaded, or the one its commit wrote.
struct Loaded {
    StoreKey key;
    model::RecordHeader header;
    /// Shared with the near cache; never null.
    std::shared_ptr<const model::ManagerFields> manager;

    [[nodiscard]] const std::string& user_id() const noexcept { return manager->user_id; }
    [[nodiscard]] bool authenticated() const noexcept { return !manager->user_id.empty(); }
};

using SharedEntries = std::shared_ptr<const model::Entries>;

/// A record as it was opened: shared by the near cache and all requests that read it.
struct OpenRecord {
    model::RecordHeader header;
    std::shared_ptr<const model::ManagerFields> manager;  ///< Never null.
    SharedEntries entries;                                ///< Never null.
};

/// One empty map for all sessions without entries.
[[nodiscard]] inline const SharedEntries& no_entries() {
    static const SharedEntries none = std::make_shared<const model::Entries>();
    return none;
}

/// The defaults, for a session that no manager made.
[[nodiscard]] inline const std::shared_ptr<const IdentityOptions>& default_identity() {
    static const auto defaults = std::make_shared<const IdentityOptions>();
    return defaults;
}

struct SessionState {
    std::shared_ptr<const IdentityOptions> identity = default_identity();
    SizeLimits limits;
    LoadReason reason = LoadReason::no_cookie;
    /// The cookie that named this session; sent again when its Max-Age must move. Never logged, never stored.
    std::string cookie_value;
    TraceId trace;  ///< Of the request, for what its load reports.
    /// The record that still has to be asked for (Core::begin_load).
    std::optional<StoreKey> pending;
    std::optional<Loaded> loaded;
    /// As loaded, shared with the near cache; never null.
    SharedEntries base = no_entries();
    /// As this request leaves it; empty while it only read.
    std::optional<model::Entries> changed;
    std::set<std::string, std::less<>>
        written;  ///< In this request, also to the value that stood there.
    std::set<std::string, std::less<>> written_after_logout;
    bool logged_out = false;  ///< An identity key was removed, or the session cleared.
    bool cleared = false;
    bool login_marked = false;
    bool remembered = false;
    bool committed = false;
    /// Sent to the hot store for this session. Atomic and mutable: a commit that outlives its deadline goes on counting,
    /// in a state that it may not change otherwise.
    mutable std::atomic<std::uint32_t> store_commands{0};

    void count_command() const noexcept { store_commands.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] const model::Entries& current() const noexcept {
        return changed ? *changed : *base;
    }
    /// The entries to write to: a copy, made once.
    [[nodiscard]] model::Entries& edit() {
        if (!changed) changed = *base;
        return *changed;
    }
    /// Nothing that a commit would have to look at.
    [[nodiscard]] bool untouched() const noexcept { return !changed && !cleared && !login_marked; }
};

}  // namespace vedfolnir::manager
