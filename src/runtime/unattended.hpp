// Coroutines that nobody waits for.
#pragma once

#include <cstdio>
#include <exception>

namespace vedfolnir::runtime {

/// What `co_spawn` calls when such a coroutine ends. Its errors are values; an exception out of it is a bug, or memory
/// that ran out: the work stands still from there on, and that is said on stderr. `what` must be a literal.
[[nodiscard]] inline auto unattended(const char* what) {
    return [what](const std::exception_ptr& failure, auto&&... /*result*/) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            // Nobody is left who could be told otherwise.
            static_cast<void>(std::fprintf(  // tidy: console
                stderr, "vedfolnir: %s ended by an exception, restart this process: %s\n", what,
                error.what()));
        }
    };
}

}  // namespace vedfolnir::runtime
