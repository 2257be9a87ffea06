// Record v1: the fixed fields around the sealed payload, and the note a rotation leaves (docs/internals/record.md).
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::model {

/// Offsets that the store functions read and write in place.
namespace offset {
inline constexpr std::size_t format = 0;
inline constexpr std::size_t flags = 1;
inline constexpr std::size_t key_id = 2;
inline constexpr std::size_t generation = 4;
inline constexpr std::size_t last_seen = 12;
inline constexpr std::size_t handle = 20;
inline constexpr std::size_t user_tag = 36;
inline constexpr std::size_t created = 52;
inline constexpr std::size_t authenticated = 60;
inline constexpr std::size_t idle_limit = 68;
inline constexpr std::size_t absolute_expiry = 72;
inline constexpr std::size_t epoch = 80;
inline constexpr std::size_t clock = 88;
inline constexpr std::size_t operation = 96;
inline constexpr std::size_t key_scheme = 112;
inline constexpr std::size_t reserved = 113;
inline constexpr std::size_t body = 120;
}  // namespace offset

inline constexpr std::uint8_t record_format = 1;
inline constexpr std::uint8_t flag_sealed = 0x01;
inline constexpr std::uint8_t flag_note = 0x80;
inline constexpr std::uint8_t key_scheme_hkdf_store_key = 1;

struct RecordHeader {
    bool sealed = true;
    std::uint16_t key_id = 0;
    std::uint64_t generation = 1;
    TimePoint last_seen{};
    Handle handle;
    UserTag user;
    TimePoint created{};
    TimePoint authenticated{};  ///< Epoch 0: never.
    Seconds idle_limit{0};
    TimePoint absolute_expiry{};
    std::uint64_t epoch = 0;
    std::uint64_t clock =
        0;  ///< Hybrid logical clock: 48 bits of milliseconds, 16 bits of counter.
    OperationId operation{};
    std::uint8_t key_scheme = key_scheme_hkdf_store_key;
};

/// The 120 bytes before the body.
[[nodiscard]] std::string pack_header(const RecordHeader& header);

/// Reads the fixed fields of a record; empty for a note, another format, unknown flags or fields, or too few bytes.
[[nodiscard]] std::optional<RecordHeader> parse_header(std::string_view record) noexcept;

/// What the seal covers besides the payload: label, the fixed fields without `last_seen`, and the store key.
[[nodiscard]] std::string additional_data(std::string_view record, const StoreKey& key);

/// What a rotation leaves under the old key.
struct Note {
    static constexpr std::uint8_t rotated_without_successor = 1;
    std::uint8_t kind = rotated_without_successor;
    TimePoint until{};
};

[[nodiscard]] std::string pack_note(const Note& note);
[[nodiscard]] std::optional<Note> parse_note(std::string_view bytes) noexcept;

/// The next value of a hybrid logical clock that has seen `previous` at wall time `now`.
[[nodiscard]] std::uint64_t next_clock(std::uint64_t previous, TimePoint now) noexcept;

}  // namespace vedfolnir::model
