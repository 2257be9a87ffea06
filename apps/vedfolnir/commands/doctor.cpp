// vedfolnir doctor
#include "compose/doctor.hpp"

#include "commands/commands.hpp"
#include "ops/doctor.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;
using ops::Finding;
using ops::Status;

Colour colour_of(Status status) noexcept {
    switch (status) {
    case Status::ok:
        return Colour::green;
    case Status::warn:
        return Colour::yellow;
    case Status::fail:
        return Colour::red;
    case Status::unknown:
        return Colour::dim;
    }
    return Colour::none;
}

std::size_t count(const std::vector<Finding>& findings, Status status) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [&](const Finding& finding) { return finding.status == status; }));
}

void print_json(const Context& context, const std::vector<Finding>& findings, bool healthy) {
    json::array items;
    for (const auto& finding : findings) {
        items.push_back(json::object{{"id", finding.id},
                                     {"status", ops::to_string(finding.status)},
                                     {"message", finding.message},
                                     {"fix", finding.fix}});
    }
    context.console.print(json::object{{"healthy", healthy}, {"checks", std::move(items)}});
}

void print_table(const Context& context, const std::vector<Finding>& findings) {
    Table table({"", "CHECK", ""});
    for (const auto& finding : findings) {
        table.add({std::string(ops::to_string(finding.status)), finding.id, finding.message},
                  colour_of(finding.status));
        if (!finding.fix.empty()) table.add({" ", " ", "-> " + finding.fix});
    }
    context.console.print(table);
    context.console.print(fmt::format("{} ok, {} to look at, {} failed, {} could not be checked.",
                                      count(findings, Status::ok), count(findings, Status::warn),
                                      count(findings, Status::fail),
                                      count(findings, Status::unknown)),
                          Colour::bold);
}

ExitCode doctor(const Context& context, const compose::DoctorOrder& order) {
    ExitCode code{};
    const auto settings = context.read_settings(code);
    if (!settings) return code;
    const auto findings = ops::examine(compose::gather(*settings, order));
    const bool healthy = count(findings, Status::fail) == 0;
    if (context.console.json) {
        print_json(context, findings, healthy);
    } else {
        print_table(context, findings);
    }
    return healthy ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_doctor(CLI::App& app, Chosen& chosen) {
    auto order = std::make_shared<compose::DoctorOrder>();
    auto* command = app.add_subcommand(
        "doctor", "Check configuration, keys, Redis, SQL and cookies; say what to do");
    command
        ->add_option("--url", order->url,
                     "A page of the application to look at (best: its login page)")
        ->type_name("URL")
        ->check(named());
    command
        ->add_option("--cookie", order->cookie,
                     "Explain this cookie value, without revealing anything of it")
        ->type_name("VALUE")
        ->check(named());
    command->callback([&chosen, order] {
        chosen.action = [order](Context& context) { return doctor(context, *order); };
    });
}

}  // namespace vedfolnir::cli
