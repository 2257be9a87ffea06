#include "crypto/random.hpp"

#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace vedfolnir::crypto {

Result<void> KernelRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return Error{Errc::random_unavailable,
                         std::string("getrandom: ") + std::strerror(errno)};
        }
        out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

Result<Handle> random_handle(RandomSource& random) {
    Handle handle;
    if (auto filled = random.fill(handle.bytes); !filled) return filled.error();
    return handle;
}

Result<OperationId> random_operation(RandomSource& random) {
    OperationId operation{};
    if (auto filled = random.fill(operation); !filled) return filled.error();
    return operation;
}

}  // namespace vedfolnir::crypto
