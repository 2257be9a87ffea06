// What can be wrong between Redis and SQL, in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::ops {

enum class Defect : std::uint8_t {
    record_unreadable,   ///< A record that does not open with this key ring.
    record_without_end,  ///< A record, or a note, without a time to live.
    record_ended,        ///< A record of a session that SQL ended a while ago.
    index_missing,       ///< A record that its user's index does not list.
    expiry_missing,      ///< A record that no sweep would find.
    index_without_end,
    index_orphan,    ///< An index lists a session whose record is gone, or another session's.
    expiry_stale,    ///< Long due, and its record is gone: no sweep took it.
    dirty_stale,     ///< Waits for being copied, and its record is gone.
    mark_behind,     ///< Redis was not told of endings that SQL knows.
    row_unclosed,    ///< An open row whose record is gone, with no copy that is alive.
    copy_unreadable  ///< A copy in SQL that does not open with this key ring.
};
inline constexpr std::size_t defect_kinds = 12;

[[nodiscard]] std::string_view to_string(Defect defect) noexcept;
/// What it means, and what a repair does.
[[nodiscard]] std::string_view explain(Defect defect) noexcept;

struct Finding {
    Defect defect = Defect::record_unreadable;
    std::string where;  ///< A key, or a handle. Never an id.
    bool repaired = false;
};

struct FsckReport {
    /// Findings beyond this many are counted only.
    static constexpr std::size_t findings_max = 1000;

    std::uint64_t keys = 0, records = 0, rows = 0, copies = 0;  ///< Looked at.
    std::map<Defect, std::uint64_t> found;
    std::vector<Finding> findings;
    std::uint64_t defects = 0, repaired = 0;
    /// More records do not open than do: the key ring may not be the application's, and none of them was removed.
    bool key_ring_doubtful = false;
    std::string untold;  ///< Why the audit trail does not tell of it; empty: it does.

    void add(Finding finding);
    [[nodiscard]] bool clean() const noexcept { return defects == repaired; }
    /// The numbers, as an object: `defects`, `repaired`, and how many of each kind.
    [[nodiscard]] std::string json() const;
};

/// From what FsckReport::json told; empty: it is none.
[[nodiscard]] std::optional<std::uint64_t> defects_left(std::string_view json);

}  // namespace vedfolnir::ops
