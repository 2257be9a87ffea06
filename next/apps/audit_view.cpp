#include "commands/audit_view.hpp"

#include "text.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace vedfolnir::cli {

namespace json = boost::json;

AuditEntry entry_of(const async::AuditEvent& event) {
    AuditEntry entry;
    entry.id = event.id;
    entry.at = event.at;
    entry.type = event.type;
    entry.handle = event.handle;
    entry.user_id = event.user_id;
    entry.actor = event.actor;
    entry.detail = event.detail;
    return entry;
}

json::object entry_json(const AuditEntry& entry) {
    json::object out{{"id", entry.id},    {"at", utc(entry.at)}, {"type", entry.type},
                     {"handle", nullptr}, {"user_id", nullptr},  {"actor", entry.actor},
                     {"detail", nullptr}};
    if (entry.handle) out["handle"] = entry.handle->text();
    if (!entry.user_id.empty()) out["user_id"] = entry.user_id;
    boost::system::error_code failed;
    auto detail = json::parse(entry.detail, failed);
    out["detail"] = failed ? json::value(json::string(entry.detail)) : std::move(detail);
    return out;
}

compose::Progress progress_on_stderr() {
    using Clock = std::chrono::steady_clock;
    return [next = Clock::now() + Seconds{2}](std::uint64_t done, std::uint64_t total) mutable {
        if (Clock::now() < next) return;
        next = Clock::now() + Seconds{2};
        if (total == 0) {
            fmt::print(stderr, "{} entries\n", done);
        } else {
            fmt::print(stderr, "{} of {} entries\n", done, total);
        }
    };
}

ExitCode wrong_time(const Context& context, std::string_view text) {
    return context.console.fail(
        ExitCode::usage, "usage",
        fmt::format("'{}' is neither a UTC time (2025-11-23T10:00:00Z) nor an age (2h)", text),
        "vedfolnir audit --help");
}

std::unique_ptr<compose::AuditDesk> open_desk(const Context& context, ExitCode& code) {
    const auto settings = context.existing_settings(code);
    if (!settings) return nullptr;
    auto desk = compose::AuditDesk::open(*settings);
    if (desk) return std::move(*desk);
    code = context.console.fail(desk.error());
    return nullptr;
}

}  // namespace vedfolnir::cli
