// Archives of the audit trail as files: written once, read line by line.
#pragma once

#include "audit/archive.hpp"
#include "vedfolnir/result.hpp"

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::compose {

/// A new file of mode 0600. Removed again unless `close` was reached.
class ArchiveWriter {
public:
    /// Errors: bad_options (it exists, or cannot be made).
    [[nodiscard]] static Result<std::unique_ptr<ArchiveWriter>> open(const std::string& path);
    ~ArchiveWriter();
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    // Errors: audit_unavailable, with the system's words.
    [[nodiscard]] Result<void> add(std::string_view line);
    [[nodiscard]] Result<void> close();

private:
    ArchiveWriter(std::string path, int file) : path_(std::move(path)), file_(file) {}
    [[nodiscard]] Result<void> flush();

    std::string path_;
    int file_;
    std::string buffer_;
};

class ArchiveReader {
public:
    /// Errors: bad_options.
    [[nodiscard]] static Result<std::unique_ptr<ArchiveReader>> open(const std::string& path);
    /// Empty at the end. Errors: bad_value, with the line's number.
    [[nodiscard]] Result<std::optional<audit::ArchiveLine>> next();
    /// As `next`, without parsing.
    [[nodiscard]] std::optional<std::string_view> next_text();

private:
    explicit ArchiveReader(std::string path) : path_(std::move(path)), file_(path_) {}

    std::string path_;
    std::ifstream file_;
    std::string line_;
    std::uint64_t number_ = 0;
};

}  // namespace vedfolnir::compose
