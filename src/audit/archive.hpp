// A closed partition as bytes outside the database: a header, then its entries (docs/internals/audit_proof.md). No I/O.
#pragma once

#include "audit/head.hpp"
#include "audit/verifier.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::audit {

struct ArchiveHeader {
    std::uint64_t partition = 0;
    std::uint64_t first_id = 0;
    std::uint64_t size = 0;
    std::string frontier;
    SignedHead head;  ///< Covers the partition in its full size.
};

inline constexpr std::size_t archive_header_max = 64UL * 1024;

/// One line, without its newline.
[[nodiscard]] std::string archive_text(const ArchiveHeader& header);
/// Errors: bad_value, which says what is wrong.
[[nodiscard]] Result<ArchiveHeader> parse_archive_header(std::string_view line);

/// How long the two texts of an entry are. It stands before them with their leaf.
struct ArchiveFrame {
    static constexpr std::size_t bytes = 38;
    static constexpr std::size_t texts_max = 1UL << 20U;

    std::size_t canonical = 0;
    std::size_t personal = 0;
    Hash leaf{};

    [[nodiscard]] bool sound() const noexcept { return canonical + personal <= texts_max; }
};
/// `text` has `ArchiveFrame::bytes` bytes.
[[nodiscard]] ArchiveFrame parse_archive_frame(std::string_view text);

/// Frame, canonical bytes, personal text. The entry has its commitment.
[[nodiscard]] std::string archive_bytes(const StoredEntry& stored);

}  // namespace vedfolnir::audit
