#include "model/record.hpp"

#include "model/bytes.hpp"

#include <algorithm>

namespace vedfolnir::model {
namespace {

constexpr std::string_view aad_label = "vedfolnir record v1";
constexpr std::size_t note_size = 12;

std::uint64_t millis(TimePoint time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

/// Times beyond this are damage, not dates (year 10889); the bound keeps arithmetic on them from overflowing.
constexpr std::uint64_t millis_max = 1ULL << 48U;

std::optional<TimePoint> time_at(std::string_view in, std::size_t where) noexcept {
    const auto value = get_be<std::uint64_t>(in, where);
    if (value >= millis_max) return std::nullopt;
    return TimePoint(Millis(static_cast<std::int64_t>(value)));
}

template <std::size_t N>
void put_array(std::string& out, std::size_t where, const std::array<std::uint8_t, N>& bytes) {
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(where));
}

template <std::size_t N>
void get_array(std::string_view in, std::size_t where,
               std::array<std::uint8_t, N>& bytes) noexcept {
    std::ranges::copy(as_bytes(in.substr(where, N)), bytes.begin());
}

bool all_zero(std::string_view bytes) noexcept {
    return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

}  // namespace

std::string pack_header(const RecordHeader& header) {
    std::string out(offset::body, '\0');
    out[offset::format] = static_cast<char>(record_format);
    out[offset::flags] = static_cast<char>(header.sealed ? flag_sealed : 0);
    put_be<std::uint16_t>(out, offset::key_id, header.key_id);
    put_be<std::uint64_t>(out, offset::generation, header.generation);
    put_be<std::uint64_t>(out, offset::last_seen, millis(header.last_seen));
    put_array(out, offset::handle, header.handle.bytes);
    put_array(out, offset::user_tag, header.user.bytes);
    put_be<std::uint64_t>(out, offset::created, millis(header.created));
    put_be<std::uint64_t>(out, offset::authenticated, millis(header.authenticated));
    put_be<std::uint32_t>(out, offset::idle_limit,
                          static_cast<std::uint32_t>(header.idle_limit.count()));
    put_be<std::uint64_t>(out, offset::absolute_expiry, millis(header.absolute_expiry));
    put_be<std::uint64_t>(out, offset::epoch, header.epoch);
    put_be<std::uint64_t>(out, offset::clock, header.clock);
    put_array(out, offset::operation, header.operation);
    out[offset::key_scheme] = static_cast<char>(header.key_scheme);
    return out;
}

std::optional<RecordHeader> parse_header(std::string_view record) noexcept {
    if (record.size() < offset::body) return std::nullopt;
    const auto flags = static_cast<std::uint8_t>(record[offset::flags]);
    if (static_cast<std::uint8_t>(record[offset::format]) != record_format) return std::nullopt;
    if ((flags & ~flag_sealed) != 0) return std::nullopt;
    if (!all_zero(record.substr(offset::reserved, offset::body - offset::reserved)))
        return std::nullopt;

    RecordHeader header;
    header.sealed = (flags & flag_sealed) != 0;
    header.key_id = get_be<std::uint16_t>(record, offset::key_id);
    header.generation = get_be<std::uint64_t>(record, offset::generation);
    header.idle_limit = Seconds(get_be<std::uint32_t>(record, offset::idle_limit));
    header.epoch = get_be<std::uint64_t>(record, offset::epoch);
    header.clock = get_be<std::uint64_t>(record, offset::clock);
    header.key_scheme = static_cast<std::uint8_t>(record[offset::key_scheme]);
    get_array(record, offset::handle, header.handle.bytes);
    get_array(record, offset::user_tag, header.user.bytes);
    get_array(record, offset::operation, header.operation);

    const auto last_seen = time_at(record, offset::last_seen);
    const auto created = time_at(record, offset::created);
    const auto authenticated = time_at(record, offset::authenticated);
    const auto absolute = time_at(record, offset::absolute_expiry);
    if (!last_seen || !created || !authenticated || !absolute) return std::nullopt;
    if (header.key_scheme != key_scheme_hkdf_store_key) return std::nullopt;
    header.last_seen = *last_seen;
    header.created = *created;
    header.authenticated = *authenticated;
    header.absolute_expiry = *absolute;
    return header;
}

std::string additional_data(std::string_view record, const StoreKey& key) {
    std::string data;
    data.reserve(aad_label.size() + offset::body + 17);
    data += aad_label;
    data += record.substr(0, offset::last_seen);
    data += record.substr(offset::handle, offset::body - offset::handle);
    data.push_back(static_cast<char>(key.shard));
    data.append(reinterpret_cast<const char*>(key.digest.data()), key.digest.size());
    return data;
}

std::string pack_note(const Note& note) {
    std::string out(note_size, '\0');
    out[offset::format] = static_cast<char>(record_format);
    out[offset::flags] = static_cast<char>(flag_note);
    out[2] = static_cast<char>(note.kind);
    put_be<std::uint64_t>(out, 4, millis(note.until));
    return out;
}

std::optional<Note> parse_note(std::string_view bytes) noexcept {
    if (bytes.size() != note_size) return std::nullopt;
    if (static_cast<std::uint8_t>(bytes[offset::format]) != record_format) return std::nullopt;
    if (static_cast<std::uint8_t>(bytes[offset::flags]) != flag_note) return std::nullopt;
    const auto until = time_at(bytes, 4);
    if (!until || bytes[2] != static_cast<char>(Note::rotated_without_successor) || bytes[3] != 0) {
        return std::nullopt;
    }
    return Note{static_cast<std::uint8_t>(bytes[2]), *until};
}

std::uint64_t next_clock(std::uint64_t previous, TimePoint now) noexcept {
    // Wall time leads; the counter orders changes within one millisecond or while the wall stands behind.
    const std::uint64_t wall = millis(now) << 16U;
    return std::max(wall, previous + 1);
}

}  // namespace vedfolnir::model
