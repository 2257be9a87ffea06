// The bytes of a journal file (docs/internals/journal.md): a header, then records with a checksum each. No I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::journal {

/// Names one file: drawn when it is made, and part of every checksum.
using FileId = std::array<std::uint8_t, 16>;

inline constexpr std::size_t header_size = 32;
inline constexpr std::size_t frame_size = 24;  ///< In front of each body.
inline constexpr std::size_t body_max = 256 * 1024;

struct Record {
    std::uint64_t number = 0;  ///< 1, 2, 3, …
    std::int64_t at_ms = 0;
    std::string body;
};

[[nodiscard]] std::string file_header(const FileId& id);
/// Empty: not a header of this version.
[[nodiscard]] std::optional<FileId> read_header(std::string_view bytes);

/// `record.body` is not empty and at most `body_max` long.
[[nodiscard]] std::string frame(const FileId& id, const Record& record);

enum class Tail : std::uint8_t {
    clean,   ///< The bytes end with a whole record.
    torn,    ///< What follows the last whole record is no record, and nothing after it is one.
    damaged  ///< As torn, but whole records follow: something in the middle was changed.
};

struct Scan {
    std::vector<Record> records;
    std::size_t good = 0;  ///< Bytes up to the end of the last whole record.
    Tail tail = Tail::clean;
};

/// Reads records from the beginning of `bytes`; the first one must carry `number`.
[[nodiscard]] Scan scan(const FileId& id, std::string_view bytes, std::uint64_t number);

}  // namespace vedfolnir::journal
