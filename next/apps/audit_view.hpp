// What the audit commands show alike.
#pragma once

#include "compose/audit_desk.hpp"
#include "context.hpp"
#include "vedfolnir/async/archive.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string_view>

namespace vedfolnir::cli {

[[nodiscard]] AuditEntry entry_of(const async::AuditEvent& event);
[[nodiscard]] boost::json::object entry_json(const AuditEntry& entry);

/// On stderr, once something takes longer than two seconds, and every two seconds from then on.
[[nodiscard]] compose::Progress progress_on_stderr();

[[nodiscard]] ExitCode wrong_time(const Context& context, std::string_view text);

/// Of a database that is there. Null: `code` says how the command ends.
[[nodiscard]] std::unique_ptr<compose::AuditDesk> open_desk(const Context& context, ExitCode& code);

}  // namespace vedfolnir::cli
