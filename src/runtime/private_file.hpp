// A file that only this user may read, and a lock on it that belongs to one process.
#pragma once

#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>

namespace vedfolnir::runtime {

/// An open descriptor: mode 0600 where it makes the file, no symbolic link at its end, closed on exec. A forked child
/// closes its copy, so that it does not prolong a lock that its parent took. At most 256 are open in one process.
/// Thread safety: one thread at a time; several objects on one path exclude each other like processes.
class PrivateFile {
public:
    enum class Missing : std::uint8_t { create, refuse };

    /// Errors: audit_unavailable with the system's words and whom to permit what.
    [[nodiscard]] static Result<PrivateFile> open(const std::string& path,
                                                  Missing missing = Missing::create);

    PrivateFile(PrivateFile&& other) noexcept;
    PrivateFile& operator=(PrivateFile&& other) noexcept;
    PrivateFile(const PrivateFile&) = delete;
    PrivateFile& operator=(const PrivateFile&) = delete;
    ~PrivateFile();

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    /// Waits for the exclusive lock; false if `deadline` came first. Blocks. The kernel releases it when the process dies.
    [[nodiscard]] Result<bool> lock(Deadline deadline);
    void unlock() noexcept;

private:
    explicit PrivateFile(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

}  // namespace vedfolnir::runtime
