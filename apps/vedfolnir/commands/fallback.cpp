// vedfolnir fallback on | off | auto | status
#include "commands/commands.hpp"
#include "text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

/// Of each type: more processes than that do not come back from one outage.
constexpr std::uint32_t events_max = 500;

/// What the last outage brought back, over all processes: any of them may be the one that tells Redis.
struct Return {
    TimePoint at{};          ///< When the last process came back.
    unsigned processes = 0;  ///< So many had left Redis and came back.
    json::object report;     ///< The sum of what they and others did.
};

void add(json::object& sum, const std::string& detail) {
    boost::system::error_code failed;
    const auto value = json::parse(detail, failed);
    const auto* report = failed ? nullptr : value.if_object();
    if (report == nullptr) return;
    for (const auto& [name, count] : *report) {
        auto& total = sum[name];
        total =
            (total.is_int64() ? total.get_int64() : 0) + (count.is_int64() ? count.get_int64() : 0);
    }
}

/// Newest first. Empty where SQL does not answer; then there is no status either.
std::vector<AuditEntry> returns_and_beginnings(const SessionManager& manager) {
    std::vector<AuditEntry> all;
    for (const char* type : {"fallback.began", "fallback.ended", "fallback.reconciled"}) {
        AuditFilter filter;
        filter.type = type;
        filter.limit = events_max;
        auto entries = manager.audit(filter);
        if (entries) std::ranges::move(*entries, std::back_inserter(all));
    }
    std::ranges::sort(all, std::ranges::greater{}, &AuditEntry::id);
    return all;
}

/// An outage reaches back to the beginning of the first of those processes whose ends overlap.
std::optional<Return> last_return(const SessionManager& manager) {
    Return last;
    int away = 0;
    for (const auto& event : returns_and_beginnings(manager)) {
        if (event.type == "fallback.began") {
            if (last.processes > 0 && --away <= 0) break;
            continue;
        }
        add(last.report, event.detail);
        if (event.type != "fallback.ended") continue;
        last.at = std::max(last.at, event.at);
        ++last.processes;
        ++away;
    }
    return last.processes > 0 ? std::optional(std::move(last)) : std::nullopt;
}

void print(const Context& context, const FallbackStatus& status,
           const std::optional<Return>& last) {
    const FallbackState& state = status.state;
    const auto& waiting = status.endings_waiting;
    const bool ever = state.changed != TimePoint{};
    if (context.console.json) {
        json::object out{{"mode", to_string(state.mode)}, {"changed_at", nullptr},
                         {"changed_by", nullptr},         {"records_ahead", state.ahead},
                         {"endings_held", state.held},    {"endings_waiting", nullptr},
                         {"last_return", nullptr}};
        if (waiting) out["endings_waiting"] = *waiting;
        if (ever) {
            out["changed_at"] = utc(state.changed);
            out["changed_by"] = state.actor;
        }
        if (last)
            out["last_return"] = json::object{
                {"at", utc(last->at)}, {"processes", last->processes}, {"report", last->report}};
        context.console.print(out);
        return;
    }
    Table table({"WHAT", "VALUE"});
    table.add({"mode", std::string(to_string(state.mode))});
    if (ever) table.add({"changed", utc(state.changed) + " by " + state.actor});
    table.add({"records that Redis was not told yet", fmt::format("{}", state.ahead)});
    table.add({"endings that Redis was not told yet",
               waiting ? fmt::format("{}", *waiting)
                       : "unknown (Redis is not asked, or does not answer)"});
    table.add({"endings so far that Redis did not take at once", fmt::format("{}", state.held)});
    if (last)
        table.add(
            {"last return to Redis", fmt::format("{} processes={} {}", utc(last->at),
                                                 last->processes, json::serialize(last->report))});
    context.console.print(table);
}

ExitCode status(const Context& context) {
    ExitCode code{};
    const auto manager = context.open_existing(code);
    if (!manager) return code;
    const auto found = manager->fallback_status();
    if (!found) return context.console.fail(found.error());
    print(context, *found, last_return(*manager));
    return ExitCode::ok;
}

ExitCode set(const Context& context, FallbackMode mode) {
    ExitCode code{};
    const auto manager = context.open_manager(code);
    if (!manager || !context.may_write(manager->options(), code)) return code;
    const auto done = manager->set_fallback(mode, operator_name());
    if (!done) return context.console.fail(done.error());
    print(context, *done, std::nullopt);
    return ExitCode::ok;
}

}  // namespace

void add_fallback(CLI::App& app, Chosen& chosen) {
    auto* fallback = app.add_subcommand("fallback", "The database in place of Redis");
    fallback->require_subcommand(1);
    const auto add = [&](const char* name, const char* about, const Action& action) {
        fallback->add_subcommand(name, about)->callback([&chosen, action] {
            chosen.action = action;
        });
    };
    add("status", "How it is switched, and what Redis was not told yet", status);
    add("auto", "The database takes over what Redis cannot do, for as long as it cannot",
        [](Context& context) { return set(context, FallbackMode::automatic); });
    add("on", "Leave Redis alone: all processes go to the database within a second",
        [](Context& context) { return set(context, FallbackMode::on); });
    add("off", "The database never takes over",
        [](Context& context) { return set(context, FallbackMode::off); });
}

}  // namespace vedfolnir::cli
