// What the audit commands ask and show alike.
#pragma once

#include "commands/commands.hpp"
#include "compose/audit_desk.hpp"

#include <boost/json/value.hpp>

#include <memory>
#include <optional>
#include <string>

namespace vedfolnir::cli {

/// Which events, as words.
struct EventArguments {
    std::string user;
    std::string type;
    std::string handle;
    std::string since;
    std::string until;
};

void add_event_options(CLI::App& command, EventArguments& arguments);

/// Empty: says what is wrong and `next` what to do, and `code` how the command ends.
[[nodiscard]] std::optional<AuditFilter> event_filter(const Context& context,
                                                      const EventArguments& arguments,
                                                      ExitCode& code, std::string_view next);

/// A detail as JSON; text that is none stays text.
[[nodiscard]] boost::json::value detail_json(const std::string& detail);

/// On stderr, once something takes longer than two seconds, and every two seconds from then on.
[[nodiscard]] compose::Progress progress_on_stderr();

/// Of a database that is there. Null: says why not, and `code` how the command ends.
[[nodiscard]] std::unique_ptr<compose::AuditDesk> open_desk(const Context& context, ExitCode& code,
                                                            KeyRing ring = KeyRing::needed);
/// The same for a command that writes (Context::may_write).
[[nodiscard]] std::unique_ptr<compose::AuditDesk> open_desk_to_write(const Context& context,
                                                                     ExitCode& code);

}  // namespace vedfolnir::cli
