#include "allocations.hpp"

#include <openssl/crypto.h>

#include <cstdlib>
#include <new>
#include <stdexcept>

namespace {

thread_local std::size_t counted = 0;

void* take(std::size_t size) {
    ++counted;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

void* take_aligned(std::size_t size, std::align_val_t alignment) {
    ++counted;
    const auto bound = static_cast<std::size_t>(alignment);
    // aligned_alloc wants whole multiples.
    if (void* memory = std::aligned_alloc(bound, (size + bound - 1) / bound * bound)) return memory;
    throw std::bad_alloc();
}

void* openssl_malloc(std::size_t size, const char*, int) {
    ++counted;
    return std::malloc(size);
}
void* openssl_realloc(void* memory, std::size_t size, const char*, int) {
    ++counted;
    return std::realloc(memory, size);
}
void openssl_free(void* memory, const char*, int) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return take_aligned(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return take_aligned(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace vedfolnir::bench {

std::size_t allocations() noexcept { return counted; }

void count_openssl_allocations() {
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        throw std::runtime_error("OpenSSL has allocated before its allocations were to be counted");
    }
}

}  // namespace vedfolnir::bench
