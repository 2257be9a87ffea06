// What stands behind a Session: the record it loaded and what the request made of it.
#pragma once

#include "crypto/sealing.hpp"
#include "model/payload.hpp"
#include "model/record.hpp"
#include "vedfolnir/options.hpp"
#include "vedfolnir/session.hpp"
#include "vedfolnir/types.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace vedfolnir::manager {

/// The record a request loaded, or the one its commit wrote.
struct Loaded {
    StoreKey key;
    model::RecordHeader header;
    model::ManagerFields manager;
};

struct SessionState {
    std::shared_ptr<const IdentityOptions> identity = std::make_shared<IdentityOptions>();
    SizeLimits limits;
    LoadReason reason = LoadReason::no_cookie;
    /// The cookie that named this session; sent again when its Max-Age must move. Never logged, never stored.
    std::string cookie_value;
    std::optional<Loaded> loaded;
    model::Entries base;
    model::Entries current;
    std::set<std::string, std::less<>>
        written;  ///< In this request, also to the value that stood there.
    std::set<std::string, std::less<>> written_after_logout;
    bool logged_out = false;  ///< An identity key was removed, or the session cleared.
    bool cleared = false;
    bool login_marked = false;
    bool remembered = false;
    bool committed = false;
};

}  // namespace vedfolnir::manager
