// Three-way merge of a session's keys: what this request loaded, what it made of it, what stands there now (N2).
#pragma once

#include "model/payload.hpp"

#include <cstdint>

namespace vedfolnir::model {

struct Merged {
    Entries entries;
    std::uint32_t same_key_conflicts =
        0;  ///< Keys changed on both sides; ours, the later commit, won.
};

/// Values are atomic and a delete is a write. `_flashes` merges by element: what this request consumed goes, what it
/// flashed is appended.
[[nodiscard]] Merged merge(const Entries& base, const Entries& ours, const Entries& theirs);

/// The key whose elements are merged.
inline constexpr std::string_view flashes_key = "_flashes";

}  // namespace vedfolnir::model
