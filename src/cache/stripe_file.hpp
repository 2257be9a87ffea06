// The small private file through which the workers of one user find the table they share.
#pragma once

#include "cache/counter_memory.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::cache {

/// `DIRECTORY/stripes-v1-IDENTITY-BOOT-NAMESPACE`: it names a segment, and it is never mapped, so truncating it harms
/// nobody. The two last parts say where the segment is reachable: a container has a memory of its own, and a boot ends
/// it. Only complete files ever stand under the name.
/// Thread safety: const functions.
class StripeFile {
public:
    /// Prepares the folder (mode 0700, made when its parent exists) and the name; touches no file in it.
    /// Errors: bad_options (the folder is missing, foreign or open to others), unsupported (no /proc).
    [[nodiscard]] static Result<StripeFile> in(const std::string& directory,
                                               std::string_view identity);

    /// The segment it names; empty when there is no file. A link, another owner, another mode, a second name, another
    /// size or version are refused, not repaired. Errors: bad_options, with what to do.
    [[nodiscard]] Result<std::optional<SegmentName>> read() const;

    /// Puts a complete file in place of whatever is there. Call it in turn (`StripeTurn`).
    [[nodiscard]] Result<void> write(const SegmentName& segment) const;

    /// Shows that the table is in use, which keeps `clean` away from it.
    void touch() const noexcept;

    struct Others {
        /// Another container of this boot used the same folder for the same store within two hours. Its workers do not
        /// share memory with these.
        bool elsewhere = false;
    };

    /// Removes files of this kind that nobody has used for seven days, and drafts of processes that were killed.
    Others clean() const noexcept;

    /// A System V key for this table, see CounterMemory::create.
    [[nodiscard]] std::int32_t key() const noexcept;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

private:
    StripeFile(std::string directory, std::string name)
        : directory_(std::move(directory)),
          name_(std::move(name)),
          path_(directory_ + "/" + name_) {}

    std::string directory_;
    std::string name_;
    std::string path_;
};

/// One process at a time makes a table. A lock of the folder that the kernel drops with its holder; nothing on the
/// way of a request takes it.
class StripeTurn {
public:
    /// Errors: unsupported (the file system has no locks), deadline_exceeded.
    [[nodiscard]] static Result<StripeTurn> take(const std::string& directory, Deadline deadline);

    StripeTurn(StripeTurn&& other) noexcept;
    StripeTurn& operator=(StripeTurn&&) = delete;
    StripeTurn(const StripeTurn&) = delete;
    StripeTurn& operator=(const StripeTurn&) = delete;
    ~StripeTurn();

private:
    explicit StripeTurn(int descriptor) noexcept : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

}  // namespace vedfolnir::cache
