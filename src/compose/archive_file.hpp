// Archives of the audit trail as files: Zstandard around the bytes of audit/archive.hpp.
#pragma once

#include "audit/archive.hpp"
#include "compose/files.hpp"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace vedfolnir::compose {

/// `audit-202601.zst` in `folder`.
[[nodiscard]] std::string archive_path(const std::string& folder, std::uint64_t partition);

/// A new archive. It appears with `publish`, and never if that was not reached. Not thread-safe; one thread after another.
class ArchiveWriter {
public:
    /// Removes drafts of writers that were killed: those in the same folder that nobody wrote to for an hour.
    /// Errors: bad_options (something stands there, or the folder cannot be written).
    [[nodiscard]] static Result<std::unique_ptr<ArchiveWriter>> create(
        const std::string& path, const audit::ArchiveHeader& header);

    // Errors of the rest: bad_options, with the system's words.

    [[nodiscard]] Result<void> add(const audit::StoredEntry& stored);
    /// Nothing follows any more; all of it is on disk, as a draft.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] Result<void> publish() { return file_->publish(); }
    [[nodiscard]] const std::string& draft() const noexcept { return file_->draft(); }

private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };
    explicit ArchiveWriter(std::unique_ptr<NewFile> file);
    [[nodiscard]] Result<void> compress(std::string_view bytes, bool last);

    std::unique_ptr<NewFile> file_;
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    std::string buffer_;
};

/// One entry; the views hold until the next call.
struct ArchivedEntry {
    std::string_view canonical;
    std::string_view personal;
    audit::Hash leaf{};
};

/// Not thread-safe.
class ArchiveReader {
public:
    /// Errors: bad_options (it cannot be read), bad_value (it is no archive).
    [[nodiscard]] static Result<std::unique_ptr<ArchiveReader>> open(const std::string& path);

    [[nodiscard]] const audit::ArchiveHeader& header() const noexcept { return header_; }
    /// Empty at the end. Errors: bad_value (from here on it is damaged), bad_options.
    [[nodiscard]] Result<std::optional<ArchivedEntry>> next();
    /// What `next` could not read is not there, rather than damaged.
    [[nodiscard]] bool cut_off() const noexcept { return cut_off_; }

private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };
    struct Close {
        void operator()(std::FILE* file) const noexcept;
    };
    ArchiveReader(std::string path, std::FILE* file);
    [[nodiscard]] Result<void> read_header();
    /// Makes at least `size` bytes stand in `plain_` from `at_` on, or as many as there are.
    [[nodiscard]] Result<void> need(std::size_t size);
    [[nodiscard]] Result<bool> decompress_some();
    [[nodiscard]] std::size_t ready() const noexcept { return plain_.size() - at_; }
    [[nodiscard]] Error damaged(std::string_view why) const;
    [[nodiscard]] Error cut();

    std::string path_;
    std::unique_ptr<std::FILE, Close> file_;
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;
    audit::ArchiveHeader header_;
    std::string packed_;
    std::size_t packed_at_ = 0;
    std::size_t packed_size_ = 0;
    std::string plain_;
    std::size_t at_ = 0;
    bool cut_off_ = false;
    bool in_frame_ = true;  ///< The compressed stream is not at its end.
};

struct ArchiveCheck {
    std::uint64_t entries = 0;  ///< That are as they were written.
    std::optional<audit::Finding> finding;
};

/// Holds the entries of an archive against its header and the checkpoints, some at a time. Not thread-safe; one thread
/// after another.
class ArchiveChecker {
public:
    ArchiveChecker(std::unique_ptr<ArchiveReader> reader,
                   std::span<const audit::Checkpoint> checkpoints);

    /// Reads at most `limit` more; true: it is over, and `check` says what was found. Errors: bad_options (the file cannot be
    /// read).
    [[nodiscard]] Result<bool> advance(std::uint64_t limit);
    [[nodiscard]] const ArchiveCheck& check() const noexcept { return check_; }

private:
    std::unique_ptr<ArchiveReader> reader_;
    audit::PartitionVerifier verifier_;
    ArchiveCheck check_;
};

/// All entries at once. `progress` is told entries, and of how many. Errors: as those of ArchiveChecker.
[[nodiscard]] Result<ArchiveCheck> check_archive(
    std::unique_ptr<ArchiveReader> reader, std::span<const audit::Checkpoint> checkpoints,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress);

}  // namespace vedfolnir::compose
