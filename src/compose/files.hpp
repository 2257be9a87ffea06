// Files that are whole or not there: synced, of mode 0600, put in their place at the end.
#pragma once

#include "vedfolnir/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace vedfolnir::compose {

/// Empty: all of it is written and on disk. Else what went wrong.
[[nodiscard]] std::string write_synced(int file, std::string_view text);

/// Writes `text` beside its place and moves it there, synced and with mode 0600. Errors: bad_options.
[[nodiscard]] Result<void> replace_file(const std::string& path, const std::string& text);

/// A file that is made once and overwrites nothing. It appears with `publish`, and never if that was not reached.
/// Not thread-safe.
class NewFile {
public:
    /// Errors: bad_options (something stands there already, or the folder cannot be written).
    [[nodiscard]] static Result<std::unique_ptr<NewFile>> create(const std::string& path);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    // Errors of the rest: bad_options, with the system's words.

    [[nodiscard]] Result<void> write(std::string_view bytes);
    /// All of it is on disk, under the name that it has for now.
    [[nodiscard]] Result<void> sync();
    [[nodiscard]] Result<void> publish();

    /// Where it stands until it is published.
    [[nodiscard]] const std::string& draft() const noexcept { return draft_; }

private:
    NewFile(std::string path, std::string draft, int file)
        : path_(std::move(path)), draft_(std::move(draft)), file_(file) {}
    [[nodiscard]] Result<void> flush();

    std::string path_;
    std::string draft_;  ///< Empty: published.
    int file_;
    std::string buffer_;
};

}  // namespace vedfolnir::compose
