#include "commands/session_view.hpp"

#include "text.hpp"

#include <fmt/format.h>

namespace vedfolnir::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t device_columns_max = 48;
constexpr std::size_t name_columns_max = 40;

std::string both(TimePoint at, TimePoint now) {
    return fmt::format("{} ({})", utc(at), relative(at, now));
}

json::value text_or_null(const std::string& text) {
    if (text.empty()) return nullptr;
    return json::string(text);
}

}  // namespace

std::string_view state_of(const SessionInfo& info) noexcept {
    if (info.ended) return "ended";
    if (!info.live) return "unknown";
    return *info.live ? "live" : "gone";
}

Colour state_colour(const SessionInfo& info) noexcept {
    if (info.ended) return Colour::dim;
    if (!info.live) return Colour::yellow;
    return *info.live ? Colour::none : Colour::dim;
}

std::vector<std::string> session_row(const SessionInfo& info, TimePoint now) {
    const auto end = info.ended ? *info.ended : info.absolute_expiry;
    return {info.handle.text(),
            shortened(info.user_id, name_columns_max),
            info.ended && !info.end_reason.empty() ? info.end_reason : std::string(state_of(info)),
            utc(info.created),
            relative(info.last_seen, now),
            relative(end, now),
            shortened(info.platform, name_columns_max),
            shortened(info.place, name_columns_max),
            shortened(info.device, device_columns_max)};
}

Table session_details(const SessionInfo& info, TimePoint now) {
    Table table({"", ""});
    table.add({"handle", info.handle.text()});
    table.add({"user", info.user_id});
    table.add({"state", std::string(state_of(info))});
    table.add({"created", both(info.created, now)});
    table.add({"last seen", both(info.last_seen, now)});
    if (info.ended) {
        table.add({"ended", both(*info.ended, now)});
        table.add({"reason", info.end_reason});
    } else {
        table.add({"ends at the latest", both(info.absolute_expiry, now)});
    }
    table.add({"device", info.device});
    table.add({"place", info.place});
    table.add({"platform", info.platform});
    if (info.generation) table.add({"generation", fmt::format("{}", *info.generation)});
    if (info.stored_bytes > 0) table.add({"stored bytes", fmt::format("{}", info.stored_bytes)});
    return table;
}

json::object session_json(const SessionInfo& info) {
    json::object out{{"handle", info.handle.text()},
                     {"user_id", text_or_null(info.user_id)},
                     {"state", state_of(info)},
                     {"created", utc(info.created)},
                     {"last_seen", utc(info.last_seen)},
                     {"absolute_expiry", utc(info.absolute_expiry)},
                     {"ended", nullptr},
                     {"end_reason", text_or_null(info.end_reason)},
                     {"device", text_or_null(info.device)},
                     {"place", text_or_null(info.place)},
                     {"platform", text_or_null(info.platform)},
                     {"live", nullptr},
                     {"generation", nullptr},
                     {"stored_bytes", info.stored_bytes}};
    if (info.ended) out["ended"] = utc(*info.ended);
    if (info.live) out["live"] = *info.live;
    if (info.generation) out["generation"] = *info.generation;
    return out;
}

}  // namespace vedfolnir::cli
