// Counts what is taken from the heap: every operator new, and what OpenSSL takes by itself.
#pragma once

#include <cstddef>

namespace vedfolnir::bench {

/// Allocations of the calling thread since it began.
[[nodiscard]] std::size_t allocations() noexcept;

/// Counts OpenSSL's as well. Before anything of OpenSSL is used; throws std::runtime_error when it is too late.
void count_openssl_allocations();

}  // namespace vedfolnir::bench
