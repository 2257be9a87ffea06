#include "text.hpp"

#include "model/visible.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <pwd.h>
#include <unistd.h>

namespace vedfolnir::cli {
namespace {

std::optional<TimePoint> parse_age(std::string_view text, TimePoint now) {
    if (text.size() < 2 || text.size() > 8) return std::nullopt;
    std::int64_t count = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (c < '0' || c > '9') return std::nullopt;
        count = count * 10 + (c - '0');
    }
    switch (text.back()) {
    case 's':
        return now - std::chrono::seconds(count);
    case 'm':
        return now - std::chrono::minutes(count);
    case 'h':
        return now - std::chrono::hours(count);
    case 'd':
        return now - std::chrono::hours(24 * count);
    default:
        return std::nullopt;
    }
}

}  // namespace

TimePoint wall_clock_now() {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

std::string utc(TimePoint at) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

std::string span(Millis length) {
    const auto seconds = static_cast<double>(length.count()) / 1000;
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    if (seconds < 2 * 3600) return fmt::format("{:.0f} min", seconds / 60);
    if (seconds < 2 * 86400) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.1f} d", seconds / 86400);
}

std::string counted(std::size_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string relative(TimePoint at, TimePoint now) {
    const bool past = at <= now;
    const auto seconds = std::chrono::duration_cast<Seconds>(past ? now - at : at - now).count();
    if (seconds < 1) return "now";
    struct Unit {
        std::int64_t seconds;
        const char* name;
    };
    static constexpr std::array units{Unit{86400, "d"}, Unit{3600, "h"}, Unit{60, "min"},
                                      Unit{1, "s"}};
    for (const auto& unit : units) {
        // Two of a unit before it is used: "90 min" says more than "1 h".
        if (seconds < 2 * unit.seconds && unit.seconds > 1) continue;
        const auto count = seconds / unit.seconds;
        return past ? fmt::format("{} {} ago", count, unit.name)
                    : fmt::format("in {} {}", count, unit.name);
    }
    return "now";
}

std::optional<TimePoint> parse_time(std::string_view text, TimePoint now) {
    if (auto age = parse_age(text, now)) return age;
    const std::string whole(text);
    for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                             "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* end = ::strptime(whole.c_str(), form, &parts);
        if (end == nullptr || *end != '\0') continue;
        return TimePoint(std::chrono::seconds(::timegm(&parts)));
    }
    return std::nullopt;
}

std::size_t columns(std::string_view text) noexcept {
    std::size_t count = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++count;
    }
    return count;
}

std::string shortened(std::string_view text, std::size_t columns_max) {
    constexpr std::string_view dots = "...";
    if (columns(text) <= columns_max) return std::string(text);
    std::size_t end = 0;
    for (std::size_t shown = 0; end < text.size(); ++end) {
        const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
        if (begins && shown++ == columns_max - dots.size()) break;
    }
    return std::string(text.substr(0, end)).append(dots);
}

std::function<bool()> every_two_seconds() {
    using Clock = std::chrono::steady_clock;
    return [next = Clock::now() + Seconds{2}]() mutable {
        if (Clock::now() < next) return false;
        next = Clock::now() + Seconds{2};
        return true;
    };
}

std::string operator_name() {
    std::string name;
    if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr) name = entry->pw_name;
    // Through sudo it is the person that counts, not root.
    const char* person = std::getenv("SUDO_USER");
    if (::getuid() == 0 && person != nullptr && *person != '\0') name = person;
    if (name.empty()) name = fmt::format("uid {}", ::getuid());
    return "operator:" + model::visible(name);
}

}  // namespace vedfolnir::cli
