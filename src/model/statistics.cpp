#include "model/statistics.hpp"

#include "model/client_kind.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace vedfolnir::model {
namespace {

constexpr std::chrono::days week{7};
/// The first of January 1970 was a Thursday.
constexpr std::chrono::days monday_to_epoch{3};

double share_of(Millis from, Millis to, double share) {
    return static_cast<double>(from.count()) + share * static_cast<double>((to - from).count());
}

}  // namespace

std::size_t length_class_of(Millis length) noexcept {
    return static_cast<std::size_t>(std::ranges::upper_bound(length_class_ends, length) -
                                    length_class_ends.begin());
}

void Lengths::add(std::size_t length_class, std::uint64_t sessions, Millis length) noexcept {
    classes.at(length_class) += sessions;
    total += length;
}

void Lengths::add(const Lengths& other) noexcept {
    for (std::size_t i = 0; i < length_classes; ++i) classes[i] += other.classes[i];
    total += other.total;
}

std::uint64_t Lengths::count() const noexcept {
    return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

std::optional<Millis> Lengths::mean() const noexcept {
    const auto sessions = static_cast<std::int64_t>(count());
    if (sessions == 0) return std::nullopt;
    return total / sessions;
}

std::optional<Millis> Lengths::percentile(double percent) const noexcept {
    const auto sessions = count();
    if (sessions == 0) return std::nullopt;
    const double rank = percent / 100 * static_cast<double>(sessions);
    double before = 0;
    Millis from{0};
    for (std::size_t i = 0; i < length_class_ends.size(); ++i) {
        const auto here = static_cast<double>(classes[i]);
        if (here > 0 && before + here >= rank) {
            const double share = std::max(0.0, rank - before) / here;
            return Millis(std::llround(share_of(from, length_class_ends[i], share)));
        }
        before += here;
        from = length_class_ends[i];
    }
    return from;
}

std::string_view to_string(Dimension dimension) noexcept {
    switch (dimension) {
    case Dimension::user:
        return "user";
    case Dimension::device:
        return "device";
    case Dimension::platform:
        return "platform";
    case Dimension::place:
        return "place";
    case Dimension::reason:
        return "reason";
    case Dimension::all:
        break;
    }
    return "all";
}

std::string coarse_name(Dimension dimension, std::string_view name) {
    if (dimension == Dimension::device) return device_kind(name);
    if (dimension == Dimension::place) return network_of(name);
    return std::string(name);
}

TimePoint day_of(TimePoint at) noexcept { return std::chrono::floor<std::chrono::days>(at); }

TimePoint week_of(TimePoint at) noexcept {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const auto since_monday = (day.time_since_epoch() + monday_to_epoch) % week;
    return day - since_monday;
}

void Sums::add(Counted counted) {
    auto [found, is_new] = sums_.try_emplace({counted.day, counted.name});
    auto& sum = found->second;
    if (is_new) {
        sum = std::move(counted);
        return;
    }
    if (sum.user_id.empty()) sum.user_id = std::move(counted.user_id);
    sum.begun += counted.begun;
    sum.ended.add(counted.ended);
}

std::vector<Counted> Sums::sorted() && {
    std::vector<Counted> all;
    all.reserve(sums_.size());
    for (auto& [key, sum] : sums_) all.push_back(std::move(sum));
    return all;
}

}  // namespace vedfolnir::model
