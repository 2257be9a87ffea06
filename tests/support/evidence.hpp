// What the tests leave behind for the search at rest (tools/at_rest.py): see evidence.py beside this file.
// Header-only, because a handful of tests of different layers use it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace vedfolnir::test {

inline void append_evidence(const char* name, std::string_view line) {
    const char* folder = std::getenv("VEDFOLNIR_TEST_EVIDENCE");
    if (folder == nullptr) {
        return;
    }
    std::filesystem::create_directories(folder);
    std::ofstream(std::filesystem::path(folder) / name, std::ios::app) << line << '\n';
}

/// An id (cookie value) that must not be found at rest.
inline void issued(std::string_view session_id) { append_evidence("issued.txt", session_id); }

/// A session value, at least 12 characters and unlike anything else, that must not be found at rest.
inline void plaintext(std::string_view value) { append_evidence("plaintext.txt", value); }

/// Copies a file or folder (Redis dump, SQL file, logs) to be searched; `name` tells it from others.
inline void keep_evidence(const std::filesystem::path& path, const std::string& name) {
    const char* folder = std::getenv("VEDFOLNIR_TEST_EVIDENCE");
    if (folder == nullptr || !std::filesystem::exists(path)) {
        return;
    }
    const auto target = std::filesystem::path(folder) / "files" / name;
    std::filesystem::create_directories(target.parent_path());
    std::filesystem::copy(path, target,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
}

}  // namespace vedfolnir::test
