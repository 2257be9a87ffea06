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

Millis begin_of(std::size_t length_class) {
    return length_class == 0 ? Millis{0} : length_class_ends.at(length_class - 1);
}

Millis times(Millis length, std::uint64_t count) {
    return length * static_cast<std::int64_t>(count);
}

/// What the total leaves to the session of this rank (from 1), which lies in class `at` behind `before` shorter ones:
/// all that are as long or longer share it, and so do all that are as short or shorter.
Millis within_total(const Lengths& lengths, std::size_t at, std::uint64_t before,
                    std::uint64_t rank, Millis estimate) {
    Millis least{0};
    Millis most{0};
    for (std::size_t i = 0; i < length_classes; ++i) {
        const auto count = i == at ? 0 : lengths.classes.at(i);
        least += times(begin_of(i), count);
        if (i < length_class_ends.size()) most += times(length_class_ends.at(i), count);
    }
    const auto shorter = rank - 1 - before;
    const auto longer = before + lengths.classes.at(at) - rank;
    const auto above = (lengths.total - least - times(begin_of(at), shorter)) /
                       static_cast<std::int64_t>(longer + 1);
    estimate = std::min(estimate, std::max(above, begin_of(at)));
    const bool bounded = at < length_class_ends.size();
    // Nobody knows how long those of the last class are.
    if ((bounded && lengths.classes.back() > 0) || (!bounded && longer > 0)) return estimate;
    const auto end = bounded ? length_class_ends.at(at) : Millis{0};
    const auto below =
        (lengths.total - most - times(end, longer)) / static_cast<std::int64_t>(shorter + 1);
    return std::max(estimate, bounded ? std::min(below, end) : below);
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
    const auto whole =
        std::clamp(static_cast<std::uint64_t>(std::ceil(rank)), std::uint64_t{1}, sessions);
    std::uint64_t before = 0;
    std::size_t at = 0;
    while (before + classes[at] < whole) before += classes[at++];
    auto estimate = begin_of(at);
    if (at < length_class_ends.size()) {
        const double share =
            std::max(0.0, rank - static_cast<double>(before)) / static_cast<double>(classes[at]);
        estimate = Millis(std::llround(share_of(estimate, length_class_ends[at], share)));
    }
    return within_total(*this, at, before, whole, estimate);
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
