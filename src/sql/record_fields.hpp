// What SQL may know of sealed bytes: the fields at fixed offsets (docs/internals/record.md), and how they stand in a column.
#pragma once

#include "vedfolnir/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::sql {

/// The fields that a store may read; the payload stays sealed.
struct Fields {
    Handle handle;
    UserTag user;
    std::uint64_t generation = 0;
    std::uint64_t epoch = 0;
    std::uint64_t clock = 0;  ///< Hybrid logical clock.
    TimePoint absolute_expiry{};
    std::string_view operation;

    /// `record` must outlive this, and be a record (`expect_record`).
    explicit Fields(std::string_view record);

    /// Never past the absolute end (0: none); not positive when that has come.
    [[nodiscard]] Millis capped(Millis ttl, TimePoint now) const;
    /// A retry carries the operation id of what it repeats; all zero names no operation.
    [[nodiscard]] bool same_operation(const Fields& other) const;
};

[[nodiscard]] bool is_note(std::string_view bytes);

/// These throw Failure (internal): a caller broke the contract of its store.
void expect(bool condition, const char* broken);
void expect_record(std::string_view bytes, const char* name);

/// Sealed bytes as a column holds them, and back. Throws Failure (internal) where a column holds something else.
[[nodiscard]] std::string encoded(std::string_view bytes);
[[nodiscard]] std::string decoded(const std::string& text);

/// The record with `last_seen` set.
[[nodiscard]] std::string stamped(std::string record, TimePoint now);

}  // namespace vedfolnir::sql
