#include "cache/counter_memory.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <string_view>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace vedfolnir::cache {
namespace {

/// What stands before the counters. It tells a segment of ours from one that got its id later.
struct Header {
    std::array<char, 8> magic;
    std::uint32_t layout;
    std::uint32_t stripes;
    std::uint64_t instance;

    friend bool operator==(const Header&, const Header&) = default;
};

constexpr std::size_t counters_offset = 4096;
constexpr std::size_t memory_size = counters_offset + stripe_count * sizeof(std::uint64_t);

Header header_of(std::uint64_t instance) {
    return {{'V', 'E', 'D', 'S', 'T', 'R', 'I', 'P'}, stripe_layout, stripe_count, instance};
}

Error refused(std::string_view call, int why) {
    return {Errc::unsupported,
            fmt::format("no shared memory between workers: {}: {}; permit System V shared memory "
                        "(kernel.shmmni, kernel.shmall, the container's system call filter)",
                        call, std::generic_category().message(why))};
}

/// An id that got free may name somebody else's segment by now, of any size and owner.
bool is_ours(int id) {
    shmid_ds status{};
    return ::shmctl(id, IPC_STAT, &status) == 0 && status.shm_segsz == memory_size &&
           status.shm_perm.uid == ::geteuid() && (status.shm_perm.mode & 0777) == 0600;
}

/// Removes what a maker left who was killed between making and marking: ours, and nobody has it mapped.
void remove_left_over(key_t key) {
    const int id = ::shmget(key, 0, 0);
    shmid_ds status{};
    if (id >= 0 && is_ours(id) && ::shmctl(id, IPC_STAT, &status) == 0 && status.shm_nattch == 0)
        ::shmctl(id, IPC_RMID, nullptr);
}

int new_segment(key_t key) {
    if (key != IPC_PRIVATE) {
        remove_left_over(key);
        const int id = ::shmget(key, memory_size, IPC_CREAT | IPC_EXCL | 0600);
        if (id >= 0 || errno != EEXIST) return id;
        // Somebody else's segment has that key; ours can do without.
    }
    return ::shmget(IPC_PRIVATE, memory_size, IPC_CREAT | 0600);
}

void* map_segment(int id) {
    void* address = ::shmat(id, nullptr, 0);
    return reinterpret_cast<std::intptr_t>(address) == -1 ? nullptr : address;
}

}  // namespace

CounterMemory CounterMemory::anonymous(std::uint64_t start) {
    void* address =
        ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc();
    CounterMemory memory(address);
    memory.fill(start);
    return memory;
}

Result<CounterMemory::Shared> CounterMemory::create(std::uint64_t instance, std::int32_t key) {
    const int id = new_segment(key);
    if (id < 0) return refused("shmget", errno);
    void* address = map_segment(id);
    const int why = errno;
    // From here on it lives as long as somebody has it mapped, and others can still map it by its id (a Linux rule).
    ::shmctl(id, IPC_RMID, nullptr);
    if (address == nullptr) return refused("shmat", why);
    Shared made{{id, instance}, CounterMemory(address)};
    made.memory.fill(instance);
    return made;
}

Result<std::optional<CounterMemory>> CounterMemory::attach(const SegmentName& name) {
    void* address = map_segment(name.id);
    if (address == nullptr) {
        const int why = errno;
        if (why == EINVAL || why == EIDRM || why == EACCES) return std::optional<CounterMemory>();
        return refused("shmat", why);
    }
    // Checked while it is mapped: now the id cannot change hands. The size first, before anything in it is read.
    if (!is_ours(name.id)) {
        ::shmdt(address);
        return std::optional<CounterMemory>();
    }
    CounterMemory memory(address);
    if (!memory.is(name)) return std::optional<CounterMemory>();
    return std::optional<CounterMemory>(std::move(memory));
}

CounterMemory::CounterMemory(CounterMemory&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)) {}

CounterMemory::~CounterMemory() {
    // Unmapping is detaching, for segments too.
    if (address_ != nullptr) ::munmap(address_, memory_size);
}

bool CounterMemory::replace_by(CounterMemory other) noexcept {
    void* moved =
        ::mremap(other.address_, memory_size, memory_size, MREMAP_MAYMOVE | MREMAP_FIXED, address_);
    if (moved == MAP_FAILED) return false;
    other.address_ = nullptr;
    return true;
}

std::uint64_t* CounterMemory::counters() const noexcept {
    return reinterpret_cast<std::uint64_t*>(static_cast<std::byte*>(address_) + counters_offset);
}

void CounterMemory::fill(std::uint64_t start) const noexcept {
    *static_cast<Header*>(address_) = header_of(start);
    for (std::size_t stripe = 0; stripe < stripe_count; ++stripe) {
        std::atomic_ref(counters()[stripe]).store(start, std::memory_order_release);
    }
}

bool CounterMemory::is(const SegmentName& name) const noexcept {
    return *static_cast<const Header*>(address_) == header_of(name.instance);
}

}  // namespace vedfolnir::cache
