// vedfolnir report: how many sessions there were, how long they lasted, of whom and from what.
#include "compose/report.hpp"

#include "commands/commands.hpp"
#include "text.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;
using model::Counted;
using model::Dimension;
using model::Lengths;

constexpr std::uint32_t days_max = 36500;
constexpr std::chrono::days day{1};
constexpr std::size_t name_columns_max = 60;

struct Arguments {
    std::string by = "day";
    std::uint32_t days = 30;
    std::string since;
    std::string until;
    std::string user;
    std::uint32_t top = 50;
    bool csv = false;
};

/// What a figure is told by.
const std::map<std::string, Dimension> dimensions{
    {"day", Dimension::all},       {"week", Dimension::all},          {"user", Dimension::user},
    {"device", Dimension::device}, {"platform", Dimension::platform}, {"place", Dimension::place},
    {"reason", Dimension::reason}};

bool over_time(const Arguments& arguments) { return dimensions.at(arguments.by) == Dimension::all; }

std::optional<TimePoint> time_of(const Context& context, const std::string& text, TimePoint now,
                                 ExitCode& code) {
    auto time = parse_time(text, now);
    if (!time)
        code = context.console.fail(
            ExitCode::usage, "usage",
            fmt::format("'{}' is neither a UTC time (2025-11-23) nor an age (3d)", text),
            "vedfolnir report --help");
    return time;
}

/// Whole days, those of both ends included.
std::optional<compose::ReportOrder> order_of(const Context& context, const Arguments& arguments,
                                             ExitCode& code) {
    const auto now = wall_clock_now();
    compose::ReportOrder order;
    order.until = model::day_of(now) + day;
    if (!arguments.until.empty()) {
        const auto until = time_of(context, arguments.until, now, code);
        if (!until) return std::nullopt;
        order.until = model::day_of(*until) + day;
    }
    order.since = order.until - day * arguments.days;
    if (!arguments.since.empty()) {
        const auto since = time_of(context, arguments.since, now, code);
        if (!since) return std::nullopt;
        order.since = model::day_of(*since);
    }
    if (order.since >= order.until) {
        code = context.console.fail(ExitCode::usage, "usage",
                                    arguments.until.empty() ? "--since lies in the future"
                                                            : "--since is later than --until",
                                    "vedfolnir report --help");
        return std::nullopt;
    }
    order.by = dimensions.at(arguments.by);
    order.each_day = over_time(arguments);
    order.user_id = arguments.user;
    return order;
}

std::string date(TimePoint at) { return utc(at).substr(0, 10); }

std::string span_or_none(const std::optional<Millis>& length) {
    return length ? span(*length) : "";
}

/// In the words of a person; a program has `name` and `user_id`.
std::string name_of(const Counted& counted, const Arguments& arguments) {
    if (over_time(arguments)) return date(counted.day);
    if (dimensions.at(arguments.by) != Dimension::user) return counted.name;
    if (counted.name.empty()) return "(erased)";
    return counted.user_id.empty() ? "tag " + counted.name : counted.user_id;
}

/// As they are shown: in the order of time, or the most first.
std::vector<Counted> arranged(std::vector<Counted> counted, const Arguments& arguments) {
    if (arguments.by == "week") {
        model::Sums weeks;
        for (Counted& each : counted) {
            each.day = model::week_of(each.day);
            weeks.add(std::move(each));
        }
        return std::move(weeks).sorted();
    }
    if (over_time(arguments)) return counted;
    std::ranges::stable_sort(counted, std::greater(), [](const Counted& each) {
        return std::pair(each.begun, each.ended.count());
    });
    return counted;
}

json::value seconds(const std::optional<Millis>& length) {
    if (!length) return nullptr;
    return static_cast<double>(length->count()) / 1000;
}

json::object lengths_json(const Lengths& lengths) {
    json::array classes;
    for (std::size_t i = 0; i < model::length_classes; ++i) {
        const bool bounded = i < model::length_class_ends.size();
        classes.push_back(json::object{
            {"below_s", bounded ? seconds(model::length_class_ends.at(i)) : json::value(nullptr)},
            {"sessions", lengths.classes.at(i)}});
    }
    return {{"total_s", seconds(lengths.total)},
            {"mean_s", seconds(lengths.mean())},
            {"median_s", seconds(lengths.percentile(50))},
            {"p90_s", seconds(lengths.percentile(90))},
            {"classes", std::move(classes)}};
}

json::object figures_json(const Counted& counted) {
    return {{"begun", counted.begun},
            {"ended", counted.ended.count()},
            {"duration", lengths_json(counted.ended)}};
}

json::object row_json(const Counted& counted, const Arguments& arguments) {
    json::object row;
    if (over_time(arguments))
        row["from"] = date(counted.day);
    else
        row["name"] = counted.name;
    if (dimensions.at(arguments.by) == Dimension::user)
        row["user_id"] = counted.user_id.empty() ? json::value(nullptr)
                                                 : json::value(json::string(counted.user_id));
    // A session that began has no reason yet.
    auto figures = figures_json(counted);
    if (dimensions.at(arguments.by) == Dimension::reason) figures["begun"] = nullptr;
    for (auto& [key, value] : figures) row[key] = std::move(value);
    return row;
}

void print_json(const Context& context, const compose::ReportOrder& order,
                const Arguments& arguments, const compose::Report& report,
                const std::vector<Counted>& shown, std::size_t left_out) {
    json::array rows;
    for (const Counted& each : shown) rows.push_back(row_json(each, arguments));
    context.console.print(
        json::object{{"at", utc(report.now)},
                     {"since", utc(order.since)},
                     {"until", utc(order.until)},
                     {"by", arguments.by},
                     {"total", figures_json(report.total)},
                     {"live", json::object{{"sessions", report.live.ages.count()},
                                           {"users", report.live.users},
                                           {"users_with_several", report.live.users_with_several},
                                           {"age", lengths_json(report.live.ages)}}},
                     {"rows", std::move(rows)},
                     {"left_out", left_out}});
}

/// A spreadsheet takes what begins so for a formula.
bool like_a_formula(std::string_view cell) {
    return !cell.empty() &&
           std::string_view("=+-@\t\r").find(cell.front()) != std::string_view::npos;
}

std::string csv_cell(std::string_view text) {
    std::string cell = like_a_formula(text) ? "\"'" : "\"";
    for (const char c : text) cell.append(c == '"' ? 2 : 1, c);
    return cell += '"';
}

std::string csv_number(const std::optional<Millis>& length) {
    return length ? fmt::format("{:.3f}", static_cast<double>(length->count()) / 1000) : "";
}

void print_csv(const Context& context, const Arguments& arguments,
               const std::vector<Counted>& shown) {
    context.console.print(arguments.by + ",begun,ended,total_s,mean_s,median_s,p90_s");
    for (const Counted& each : shown)
        context.console.print(fmt::format(
            "{},{},{},{},{},{},{}", csv_cell(name_of(each, arguments)), each.begun,
            each.ended.count(), csv_number(each.ended.total), csv_number(each.ended.mean()),
            csv_number(each.ended.percentile(50)), csv_number(each.ended.percentile(90))));
}

std::string lengths_text(const Lengths& lengths) {
    return fmt::format("mean {}, median about {}, 90 % below about {}",
                       span_or_none(lengths.mean()), span_or_none(lengths.percentile(50)),
                       span_or_none(lengths.percentile(90)));
}

std::string ages_text(const Lengths& ages) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < model::length_classes; ++i) {
        if (ages.classes.at(i) == 0) continue;
        parts.push_back(i < model::length_class_ends.size()
                            ? fmt::format("{} below {}", ages.classes.at(i),
                                          span(model::length_class_ends.at(i)))
                            : fmt::format("{} older", ages.classes.at(i)));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

void print_summary(const Context& context, const compose::ReportOrder& order,
                   const compose::Report& report) {
    const auto& console = context.console;
    console.print(fmt::format("{} to {}, whole days in UTC: {} began, {} ended.", date(order.since),
                              date(order.until - day), counted(report.total.begun, "session"),
                              report.total.ended.count()),
                  Colour::bold);
    if (report.total.ended.count() > 0)
        console.print("They lasted: " + lengths_text(report.total.ended) + ".");
    const auto& live = report.live;
    console.print(fmt::format("Live now: {} of {}, {} of them with several.",
                              counted(live.ages.count(), "session"), counted(live.users, "user"),
                              live.users_with_several));
    if (live.ages.count() > 0)
        console.print(
            fmt::format("Their age: {} ({}).", lengths_text(live.ages), ages_text(live.ages)));
}

void print_table(const Context& context, const Arguments& arguments,
                 const std::vector<Counted>& shown) {
    std::string heading = arguments.by;
    std::ranges::transform(heading, heading.begin(),
                           [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    Table table({heading, "BEGUN", "ENDED", "MEAN", "MEDIAN", "90 % BELOW"});
    for (const Counted& each : shown)
        table.add({shortened(name_of(each, arguments), name_columns_max),
                   arguments.by == "reason" ? "" : fmt::format("{}", each.begun),
                   fmt::format("{}", each.ended.count()), span_or_none(each.ended.mean()),
                   span_or_none(each.ended.percentile(50)),
                   span_or_none(each.ended.percentile(90))});
    context.console.print("");
    context.console.print(table);
}

ExitCode report(const Context& context, Arguments arguments) {
    ExitCode code{};
    const auto& console = context.console;
    if (!arguments.user.empty() && arguments.by != "user")
        return console.fail(ExitCode::usage, "usage", "figures of one user come by user only",
                            "vedfolnir report --by user --user USER");
    if (arguments.csv && console.json)
        return console.fail(ExitCode::usage, "usage", "either --csv or --json",
                            "vedfolnir report --help");
    const auto order = order_of(context, arguments, code);
    if (!order) return code;
    const auto settings = context.existing_settings(code);
    if (!settings) return code;
    auto report = compose::make_report(*settings, *order);
    if (!report) return console.fail(report.error());
    auto shown = arranged(std::move(report->counted), arguments);
    const auto all = shown.size();
    if (!over_time(arguments) && all > arguments.top) shown.resize(arguments.top);
    const auto left_out = all - shown.size();
    if (console.json) {
        print_json(context, *order, arguments, *report, shown, left_out);
        return ExitCode::ok;
    }
    if (arguments.csv) {
        print_csv(context, arguments, shown);
    } else {
        print_summary(context, *order, *report);
        if (!shown.empty()) print_table(context, arguments, shown);
    }
    if (left_out > 0) console.warn(fmt::format("{} more; --top {} shows them", left_out, all));
    return ExitCode::ok;
}

}  // namespace

void add_report(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<Arguments>();
    auto* command = app.add_subcommand(
        "report",
        "How many sessions of logged-in users there were, how long they lasted, of whom and from what");
    std::vector<std::string> ways;
    for (const auto& [name, dimension] : dimensions) ways.push_back(name);
    command->add_option("--by", arguments->by, "What the table tells figures by (day)")
        ->type_name("WHAT")
        ->check(CLI::IsMember(ways));
    auto* days =
        command->add_option("--days", arguments->days, "So many days, the last one included (30)")
            ->check(CLI::Range(1U, days_max));
    command->add_option("--since", arguments->since, "From the day of this UTC time or age (7d) on")
        ->type_name("TIME")
        ->excludes(days)
        ->check(named());
    command
        ->add_option("--until", arguments->until,
                     "Up to the day of this UTC time or age, which is included (today)")
        ->type_name("TIME")
        ->check(named());
    command->add_option("--user", arguments->user, "With --by user: of this user id only")
        ->type_name("USER")
        ->check(named());
    command->add_option("--top", arguments->top, "Of names: so many, the most frequent (50)")
        ->check(CLI::Range(1U, 1'000'000U));
    command->add_flag("--csv", arguments->csv, "The table as CSV, lengths in seconds");
    command->callback([&chosen, arguments] {
        chosen.action = [arguments](Context& context) { return report(context, *arguments); };
    });
}

}  // namespace vedfolnir::cli
