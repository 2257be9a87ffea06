// The memory of a stripe table: a header and 65 536 counters that processes share, or that are one process's own.
#pragma once

#include "vedfolnir/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vedfolnir::cache {

/// How many counters a table has. With 65 536 and 1 000 writes a second, 7 % of five seconds old entries miss.
inline constexpr std::size_t stripe_count = 65'536;

/// Version of the memory's layout and of the file that names it.
inline constexpr std::uint32_t stripe_layout = 1;

/// Names one shared table: where the kernel keeps it, and the random number that all its counters started from.
struct SegmentName {
    int id = -1;  ///< A System V shared memory id; ids are reused, so it proves nothing alone.
    std::uint64_t instance = 0;

    friend bool operator==(const SegmentName&, const SegmentName&) = default;
};

/// One mapping. Shared ones are System V segments, already marked for removal while they are in use: they cannot be
/// truncated or removed under their users (no SIGBUS), and the kernel frees them when the last process that has one
/// mapped is gone, however it went. Why not a mapped file: docs/adr/0009.
class CounterMemory {
public:
    struct Shared;

    /// Memory of this process and of the children it forks. Throws std::bad_alloc.
    [[nodiscard]] static CounterMemory anonymous(std::uint64_t start);

    /// A new segment for this user's processes. `key` names it for the instant before it is marked for removal, so that
    /// one left there by a maker who was killed is found and removed by the next: call it in turn (`StripeTurn`) with
    /// the table's key. Zero: none. Errors: unsupported, with what the system lacks.
    [[nodiscard]] static Result<Shared> create(std::uint64_t instance, std::int32_t key = 0);

    /// The segment `name`; empty when it is gone. Errors: unsupported (the system refuses to map it).
    [[nodiscard]] static Result<std::optional<CounterMemory>> attach(const SegmentName& name);

    CounterMemory(CounterMemory&& other) noexcept;
    CounterMemory& operator=(CounterMemory&&) = delete;
    CounterMemory(const CounterMemory&) = delete;
    CounterMemory& operator=(const CounterMemory&) = delete;
    ~CounterMemory();

    /// `other` takes this one's address in one step: whoever reads or counts meanwhile reaches the old memory or the
    /// new one. False, and nothing has changed, if the kernel refuses.
    [[nodiscard]] bool replace_by(CounterMemory other) noexcept;

    /// The first counter. The address stays the same for the life of this object.
    [[nodiscard]] std::uint64_t* counters() const noexcept;

private:
    explicit CounterMemory(void* address) noexcept : address_(address) {}
    /// Counters start at a random number, so that no value of one table is ever met in another.
    void fill(std::uint64_t start) const noexcept;
    [[nodiscard]] bool is(const SegmentName& name) const noexcept;

    void* address_ = nullptr;
};

struct CounterMemory::Shared {
    SegmentName name;
    CounterMemory memory;
};

}  // namespace vedfolnir::cache
