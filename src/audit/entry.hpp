// One entry of the trail as the tree sees it: its canonical bytes (docs/internals/audit_proof.md).
#pragma once

#include "audit/tree.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::audit {

struct Position {
    std::uint64_t id = 0;         ///< In the whole trail, from 1.
    std::uint64_t partition = 0;  ///< 202601: January 2026.
    std::uint64_t index = 0;      ///< In its partition, from 0.
};

struct Entry {
    Position position;
    std::int64_t at_ms = 0;
    std::string type;  ///< At most 255 bytes.
    std::optional<Handle> handle;
    std::optional<OperationId> operation;
    std::uint64_t operation_part = 0;
    UserTag subject;  ///< Zero: nobody is named.
    Hash commitment{};
};

[[nodiscard]] std::string canonical_bytes(const Entry& entry);
/// Empty unless the bytes are those of an entry of this version.
[[nodiscard]] std::optional<Entry> parse_entry(std::string_view bytes);

/// What an entry says of its sealed personal text.
[[nodiscard]] Hash commitment_to(std::string_view personal);

/// The month (UTC) of a moment: 202601.
[[nodiscard]] std::uint64_t partition_of(TimePoint at);

}  // namespace vedfolnir::audit
