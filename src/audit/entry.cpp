#include "audit/entry.hpp"

#include "model/bytes.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace vedfolnir::audit {
namespace {

constexpr char version = 1;
constexpr std::size_t fixed_size = 124;
constexpr std::size_t handle_at = 41;
constexpr std::size_t operation_at = 58;
constexpr std::size_t subject_at = 75;
constexpr std::size_t commitment_at = 91;
constexpr std::size_t type_length_at = 123;

template <class Array>
void put(std::string& out, std::size_t at, const Array& bytes) {
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(at));
}

template <std::size_t N>
std::array<std::uint8_t, N> get(std::string_view in, std::size_t at) {
    std::array<std::uint8_t, N> bytes{};
    std::ranges::copy(in.substr(at, N), bytes.begin());
    return bytes;
}

/// A flag byte and 16 bytes. False: neither absent (all zero) nor present.
bool read_optional(std::string_view in, std::size_t at,
                   std::optional<std::array<std::uint8_t, 16>>& out) {
    const auto bytes = get<16>(in, at + 1);
    if (in[at] == 1) out = bytes;
    return in[at] == 1 || (in[at] == 0 && bytes == std::array<std::uint8_t, 16>{});
}

}  // namespace

std::string canonical_bytes(const Entry& entry) {
    std::string out(fixed_size, '\0');
    out[0] = version;
    model::put_be(out, 1, entry.position.id);
    model::put_be(out, 9, entry.position.partition);
    model::put_be(out, 17, entry.position.index);
    model::put_be(out, 25, entry.at_ms);
    model::put_be(out, 33, entry.operation_part);
    out[handle_at] = static_cast<char>(entry.handle.has_value());
    if (entry.handle) put(out, handle_at + 1, entry.handle->bytes);
    out[operation_at] = static_cast<char>(entry.operation.has_value());
    if (entry.operation) put(out, operation_at + 1, *entry.operation);
    put(out, subject_at, entry.subject.bytes);
    put(out, commitment_at, entry.commitment);
    // The column holds at most 64 bytes; an edited longer one must not look like a shorter one.
    out[type_length_at] = static_cast<char>(std::min<std::size_t>(entry.type.size(), 255));
    return out += entry.type;
}

std::optional<Entry> parse_entry(std::string_view bytes) {
    if (bytes.size() < fixed_size || bytes[0] != version) return std::nullopt;
    if (static_cast<unsigned char>(bytes[type_length_at]) != bytes.size() - fixed_size)
        return std::nullopt;
    Entry entry;
    entry.position = {model::get_be<std::uint64_t>(bytes, 1),
                      model::get_be<std::uint64_t>(bytes, 9),
                      model::get_be<std::uint64_t>(bytes, 17)};
    entry.at_ms = model::get_be<std::int64_t>(bytes, 25);
    entry.operation_part = model::get_be<std::uint64_t>(bytes, 33);
    std::optional<std::array<std::uint8_t, 16>> handle;
    if (!read_optional(bytes, handle_at, handle)) return std::nullopt;
    if (!read_optional(bytes, operation_at, entry.operation)) return std::nullopt;
    if (handle) entry.handle = Handle{*handle};
    entry.subject.bytes = get<16>(bytes, subject_at);
    entry.commitment = get<32>(bytes, commitment_at);
    entry.type = bytes.substr(fixed_size);
    return entry;
}

Hash commitment_to(std::string_view personal) {
    return crypto::sha256({}, model::as_bytes(personal));
}

std::uint64_t partition_of(TimePoint at) {
    const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(at)};
    return static_cast<std::uint64_t>(static_cast<int>(day.year())) * 100 +
           static_cast<unsigned>(day.month());
}

}  // namespace vedfolnir::audit
