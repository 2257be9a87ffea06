// Archives of whole partitions: lines of JSON that read back and verify (docs/internals/audit_proof.md).
#pragma once

#include "audit/head.hpp"
#include "audit/verifier.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace vedfolnir::audit {

/// Stands before a partition's entries; its heads follow them.
struct ArchiveHeader {
    std::uint64_t partition = 0;
    std::uint64_t first_id = 0;
    std::uint64_t size = 0;
    std::string frontier;
};

// One line each, without its newline.
[[nodiscard]] std::string archive_text(const ArchiveHeader& header);
[[nodiscard]] std::string archive_text(const StoredEntry& stored);

using ArchiveLine = std::variant<ArchiveHeader, StoredEntry, SignedHead>;

/// An entry whose fields are not those of a writer is answered as not readable, so that its place is named.
/// Errors: bad_value (not a line of an archive of this version).
[[nodiscard]] Result<ArchiveLine> parse_archive_line(std::string_view line);

}  // namespace vedfolnir::audit
