// What the manager needs to know of one HTTP request.
#pragma once

#include "vedfolnir/types.hpp"

#include <optional>
#include <string>

namespace vedfolnir {

struct RequestContext {
    std::string cookie_header;  ///< The Cookie header's bytes; several headers joined with "; ".
    std::string user_agent;
    std::string client_address;
    bool passive = false;  ///< Heartbeat, polling: never extends a session.
    /// Lifetime of this response's cookie where the options name none.
    std::optional<Seconds> cookie_max_age{};
    /// The same, but only if the session it names is permanent when it is written: its key `_permanent` is true.
    std::optional<Seconds> permanent_max_age{};
    /// Names this request in log lines and audit events; none: they carry none. From the request's `traceparent` header
    /// (TraceId::of_traceparent), else made by SessionManager::new_trace.
    TraceId trace{};
    bool cookie_again =
        false;  ///< Send the cookie with the next save even if no touch is due: its lifetime changed.
};

}  // namespace vedfolnir
