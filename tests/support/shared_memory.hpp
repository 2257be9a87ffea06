// An object that a process shares with the children it forks. Header-only: a template.
#pragma once

#include <new>
#include <stdexcept>
#include <sys/mman.h>

namespace vedfolnir::test {

/// T is made of atomics and plain bytes.
template <class T>
class SharedMemory {
public:
    SharedMemory() {
        void* memory =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("mmap failed");
        object_ = new (memory) T();
    }
    ~SharedMemory() { ::munmap(object_, sizeof(T)); }
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }

private:
    T* object_;
};

}  // namespace vedfolnir::test
