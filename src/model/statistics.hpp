// What is counted of sessions over the long run: by day, by name in one dimension, by length. Pure.
#pragma once

#include "vedfolnir/types.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vedfolnir::model {

/// Where each class of length ends, itself excluded; the last class has no end. storage/sql/queries/statistics_*.sql
/// name the same times.
inline constexpr std::array<Millis, 12> length_class_ends{
    std::chrono::minutes(1),  std::chrono::minutes(5), std::chrono::minutes(15),
    std::chrono::minutes(30), std::chrono::hours(1),   std::chrono::hours(2),
    std::chrono::hours(4),    std::chrono::hours(8),   std::chrono::hours(24),
    std::chrono::hours(48),   std::chrono::hours(168), std::chrono::hours(720)};
inline constexpr std::size_t length_classes = length_class_ends.size() + 1;

[[nodiscard]] std::size_t length_class_of(Millis length) noexcept;

/// How long sessions lasted, or how old they are.
struct Lengths {
    std::array<std::uint64_t, length_classes> classes{};
    Millis total{0};

    void add(std::size_t length_class, std::uint64_t sessions, Millis length) noexcept;
    void add(const Lengths& other) noexcept;
    [[nodiscard]] std::uint64_t count() const noexcept;
    /// Of the lengths that were added, exact. Empty: there are none.
    [[nodiscard]] std::optional<Millis> mean() const noexcept;
    /// Estimated inside its class, as if lengths were spread evenly there (in the last class the time where it begins),
    /// and then no less and no more than the total permits: three of 56 s have no median of 30 s.
    [[nodiscard]] std::optional<Millis> percentile(double percent) const noexcept;
};

enum class Dimension : std::uint8_t { all, user, device, platform, place, reason };

/// As in the column `dimension`.
[[nodiscard]] std::string_view to_string(Dimension dimension) noexcept;

/// What is kept of a device or place, so that names stay few and lead to nobody: `Firefox on Linux`, `192.0.0.0/16`. Other
/// dimensions keep their names.
[[nodiscard]] std::string coarse_name(Dimension dimension, std::string_view name);

/// The beginning of the day, UTC.
[[nodiscard]] TimePoint day_of(TimePoint at) noexcept;
/// Of the Monday before, or of that day.
[[nodiscard]] TimePoint week_of(TimePoint at) noexcept;

struct Counted {
    TimePoint day{};      ///< Zero: days are not told apart.
    std::string name;     ///< Of a user: the tag.
    std::string user_id;  ///< Where a kept row tells it.
    std::uint64_t begun = 0;
    Lengths ended;
};

/// Adds up what has one day and name.
class Sums {
public:
    void add(Counted counted);
    /// How many days and names.
    [[nodiscard]] std::size_t size() const noexcept { return sums_.size(); }
    /// By day, then by name.
    [[nodiscard]] std::vector<Counted> sorted() &&;

private:
    std::map<std::pair<TimePoint, std::string>, Counted> sums_;
};

}  // namespace vedfolnir::model
