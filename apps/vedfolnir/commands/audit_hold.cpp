// vedfolnir audit hold add | remove | list
#include "audit/entry.hpp"
#include "commands/audit_keep.hpp"
#include "commands/audit_view.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

/// Months, by number or by the time they cover.
struct HoldArguments {
    std::uint64_t partition = 0;
    std::string since;
    std::string until;
    std::string reason;
};

constexpr std::size_t months_max = 1200;
constexpr std::size_t reason_max = 255;

std::uint64_t month_after(std::uint64_t partition) {
    return partition % 100 == 12 ? partition + 89 : partition + 1;
}

/// Empty: says what is wrong, and `code` how the command ends.
std::vector<std::uint64_t> months_of(const Context& context, const HoldArguments& arguments,
                                     ExitCode& code) {
    const auto refuse = [&](std::string_view text) {
        code = context.console.fail(ExitCode::usage, "usage", text, "vedfolnir audit hold --help");
        return std::vector<std::uint64_t>();
    };
    if ((arguments.partition != 0) == !arguments.since.empty())
        return refuse("name a month with --partition, or a time with --since and --until");
    if (arguments.partition != 0) {
        const auto month = arguments.partition % 100;
        if (arguments.partition < 197001 || arguments.partition > 999912 || month < 1 || month > 12)
            return refuse("a partition is a month, such as 202601");
        return {arguments.partition};
    }
    const auto now = wall_clock_now();
    const auto since = parse_time(arguments.since, now);
    const auto until =
        arguments.until.empty() ? std::optional(now) : parse_time(arguments.until, now);
    if (!since || !until || *until < *since)
        return refuse(
            "--since and --until are UTC times (2025-11-23) or ages (90d), in this order");
    std::vector<std::uint64_t> months;
    for (auto month = audit::partition_of(*since); month <= audit::partition_of(*until);
         month = month_after(month)) {
        if (months.size() == months_max) return refuse("that is more than a hundred years");
        months.push_back(month);
    }
    return months;
}

json::array numbers(const std::vector<std::uint64_t>& values) {
    return json::array(values.begin(), values.end());
}

ExitCode add(const Context& context, const HoldArguments& arguments) {
    if (arguments.reason.size() > reason_max)
        return context.console.fail(ExitCode::usage, "usage", "a reason has at most 255 bytes");
    ExitCode code{};
    const auto months = months_of(context, arguments, code);
    if (months.empty()) return code;
    const auto desk = open_desk_to_write(context, code);
    if (!desk) return code;
    const auto receipt = desk->hold(months, arguments.reason, operator_name());
    if (!receipt) return context.console.fail(receipt.error());
    if (context.console.json) {
        context.console.print(
            json::object{{"held", numbers(receipt->held)}, {"dropped", numbers(receipt->dropped)}});
    } else if (!receipt->held.empty()) {
        context.console.print(
            fmt::format("These months stay: {}.", fmt::join(receipt->held, ", ")));
    }
    if (receipt->dropped.empty()) return ExitCode::ok;
    context.console.warn(fmt::format("the entries of these months were dropped before: {}",
                                     fmt::join(receipt->dropped, ", ")));
    return ExitCode::failed;
}

ExitCode remove(const Context& context, const HoldArguments& arguments) {
    ExitCode code{};
    const auto months = months_of(context, arguments, code);
    if (months.empty()) return code;
    const auto desk = open_desk_to_write(context, code);
    if (!desk) return code;
    const auto released = desk->release(months, operator_name());
    if (!released) return context.console.fail(released.error());
    if (released->empty())
        return context.console.fail(ExitCode::failed, "not_found", "there is no such hold",
                                    "vedfolnir audit hold list");
    if (context.console.json)
        context.console.print(json::object{{"released", numbers(*released)}});
    else
        context.console.print(fmt::format("These months may go: {}.", fmt::join(*released, ", ")));
    return ExitCode::ok;
}

ExitCode list(const Context& context) {
    ExitCode code{};
    const auto desk = open_desk(context, code);
    if (!desk) return code;
    const auto holds = desk->holds();
    if (!holds) return context.console.fail(holds.error());
    if (context.console.json) {
        json::array found;
        for (const auto& [partition, reason] : *holds)
            found.push_back(json::object{{"partition", partition}, {"reason", reason}});
        context.console.print(json::object{{"holds", std::move(found)}});
        return ExitCode::ok;
    }
    Table table({"PARTITION", "REASON"});
    for (const auto& [partition, reason] : *holds)
        table.add({fmt::format("{}", partition), reason});
    if (table.empty())
        context.console.print("No holds.");
    else
        context.console.print(table);
    return ExitCode::ok;
}

void add_months(CLI::App& command, HoldArguments& arguments) {
    command.add_option("--partition", arguments.partition, "A month, as 202601")
        ->type_name("MONTH");
    command.add_option("--since", arguments.since, "The months from this UTC time or age on")
        ->type_name("TIME")
        ->check(named());
    command.add_option("--until", arguments.until, "... until this one; without it, until now")
        ->type_name("TIME")
        ->check(named());
}

}  // namespace

void add_audit_hold(CLI::App& audit, Chosen& chosen) {
    auto* hold = audit.add_subcommand("hold", "Months that retention must not drop");
    hold->require_subcommand(1);
    auto adding = std::make_shared<HoldArguments>();
    auto* command = hold->add_subcommand("add", "Keep months, whatever their age");
    add_months(*command, *adding);
    command->add_option("--reason", adding->reason, "Why, at most 255 bytes")
        ->required()
        ->check(named());
    command->callback([&chosen, adding] {
        chosen.action = [adding](Context& context) { return add(context, *adding); };
    });
    auto removing = std::make_shared<HoldArguments>();
    command = hold->add_subcommand("remove", "End the holds of months");
    add_months(*command, *removing);
    command->callback([&chosen, removing] {
        chosen.action = [removing](Context& context) { return remove(context, *removing); };
    });
    hold->add_subcommand("list", "Months under a hold, and why")->callback([&chosen] {
        chosen.action = list;
    });
}

}  // namespace vedfolnir::cli
