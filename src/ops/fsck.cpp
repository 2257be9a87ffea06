#include "ops/fsck.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <utility>

namespace vedfolnir::ops {
namespace {

struct Words {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Words, defect_kinds> words{{
    {"record_unreadable",
     "a record that does not open with this key ring: damaged, foreign, or of a key that is missing here; a repair "
     "removes it"},
    {"record_without_end",
     "a record without a time to live; a repair gives it the one its limits say"},
    {"record_ended",
     "a record of a session that SQL knows to have ended; processes refuse it, a repair removes it"},
    {"index_missing",
     "a record that its user's index does not list, so that lists leave it out; a repair lists it"},
    {"expiry_missing", "a record that no sweep would find; a repair lists it"},
    {"index_without_end",
     "a user's index without a time to live; a repair gives it its longest session's"},
    {"index_orphan", "an index lists a session that is gone; a repair takes it off"},
    {"expiry_stale", "an expired session that no sweep took; a repair takes it off"},
    {"dirty_stale",
     "a change waits for being copied, but its record is gone; a repair takes it off"},
    {"mark_behind", "Redis was not told of endings that SQL knows; a repair replays them"},
    {"row_unclosed", "an open row whose record is gone; a repair closes it as expired"},
    {"copy_unreadable", "a copy in SQL that does not open with this key ring; a repair removes it"},
}};

}  // namespace

std::string_view to_string(Defect defect) noexcept {
    return words[static_cast<std::size_t>(defect)].name;
}

std::string_view explain(Defect defect) noexcept {
    return words[static_cast<std::size_t>(defect)].text;
}

void FsckReport::add(Finding finding) {
    ++found[finding.defect];
    ++defects;
    if (finding.repaired) ++repaired;
    if (findings.size() < findings_max) findings.push_back(std::move(finding));
}

std::string FsckReport::json() const {
    boost::json::object kinds;
    for (const auto& [defect, count] : found) kinds[to_string(defect)] = count;
    return boost::json::serialize(boost::json::object{
        {"defects", defects}, {"repaired", repaired}, {"found", std::move(kinds)}});
}

std::optional<std::uint64_t> defects_left(std::string_view json) {
    boost::system::error_code failed;
    const auto parsed = boost::json::parse(json, failed);
    if (failed || !parsed.is_object()) return std::nullopt;
    const auto number = [&](std::string_view name) -> std::optional<std::uint64_t> {
        const auto* value = parsed.get_object().if_contains(name);
        if (value == nullptr || !value->is_number()) return std::nullopt;
        const auto read = value->try_to_number<std::uint64_t>();
        return read ? std::optional(*read) : std::nullopt;
    };
    const auto defects = number("defects");
    const auto repaired = number("repaired");
    if (!defects || !repaired || *repaired > *defects) return std::nullopt;
    return *defects - *repaired;
}

}  // namespace vedfolnir::ops
