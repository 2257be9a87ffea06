#include "model/merge.hpp"

#include "model/codec.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace vedfolnir::model {
namespace {

constexpr std::size_t flash_depth = 64;

const std::string* find(const Entries& entries, std::string_view key) {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
}

bool same(const std::string* a, const std::string* b) {
    if (a == nullptr || b == nullptr) return a == b;
    return *a == *b;
}

using Elements = std::vector<std::string_view>;

/// Elements of `from` that are not in `other`, counting repeats.
Elements difference(const Elements& from, const Elements& other) {
    std::multiset<std::string_view> left(other.begin(), other.end());
    Elements rest;
    for (const std::string_view element : from) {
        const auto found = left.find(element);
        if (found == left.end()) {
            rest.push_back(element);
        } else {
            left.erase(found);
        }
    }
    return rest;
}

std::optional<Elements> elements_of(const std::string* value) {
    if (value == nullptr) return Elements{};
    return split_array(*value, flash_depth);
}

/// Empty when one side is no list: then the key merges like any other.
std::optional<std::string> merge_flashes(const std::string* base, const std::string* ours,
                                         const std::string* theirs) {
    const auto before = elements_of(base);
    const auto mine = elements_of(ours);
    const auto now = elements_of(theirs);
    if (!before || !mine || !now) return std::nullopt;
    const Elements consumed = difference(*before, *mine);
    const Elements flashed = difference(*mine, *before);
    Elements result = difference(*now, consumed);
    result.insert(result.end(), flashed.begin(), flashed.end());
    return result.empty() ? std::string() : join_array(result);
}

void assign(Entries& entries, const std::string& key, const std::string* value) {
    if (value == nullptr) {
        entries.erase(key);
    } else {
        entries[key] = *value;
    }
}

}  // namespace

Merged merge(const Entries& base, const Entries& ours, const Entries& theirs) {
    Merged merged{theirs, 0};
    std::set<std::string, std::less<>> keys;
    for (const auto& [key, value] : base) keys.insert(key);
    for (const auto& [key, value] : ours) keys.insert(key);
    for (const std::string& key : keys) {
        const std::string* before = find(base, key);
        const std::string* mine = find(ours, key);
        const std::string* now = find(theirs, key);
        if (same(before, mine)) continue;
        if (key == flashes_key && !same(before, now)) {
            if (const auto list = merge_flashes(before, mine, now)) {
                assign(merged.entries, key, list->empty() ? nullptr : &*list);
                continue;
            }
        }
        if (!same(before, now) && !same(mine, now)) ++merged.same_key_conflicts;
        assign(merged.entries, key, mine);
    }
    return merged;
}

}  // namespace vedfolnir::model
