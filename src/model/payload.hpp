// The sealed part of a record: the manager's fields and the application's keys (docs/internals/payload.md).
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/result.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::model {

/// The application's keys with their values as encoded. Sorted by key, so equal data has equal bytes.
using Entries = std::map<std::string, std::string, std::less<>>;

/// What the manager itself keeps inside the seal.
struct ManagerFields {
    std::string user_id;
    std::string device;
    std::string place;

    friend bool operator==(const ManagerFields&, const ManagerFields&) = default;
};

/// About what the entries take of the heap, the allocator's rounding included.
[[nodiscard]] std::size_t heap_bytes(const Entries& entries) noexcept;

struct Payload {
    ManagerFields manager;
    Entries entries;

    friend bool operator==(const Payload&, const Payload&) = default;
};

[[nodiscard]] std::string encode_payload(const ManagerFields& manager, const Entries& entries);
[[nodiscard]] inline std::string encode_payload(const Payload& payload) {
    return encode_payload(payload.manager, payload.entries);
}

/// Empty unless `bytes` is exactly one payload of a known version: no other decoder is ever tried.
[[nodiscard]] std::optional<Payload> decode_payload(std::string_view bytes,
                                                    const SizeLimits& limits);

/// Errors: too_large, naming both sizes, when the payload or its number of keys exceeds the limits.
[[nodiscard]] Result<void> check_size(const Entries& entries, std::size_t encoded_size,
                                      const SizeLimits& limits);

}  // namespace vedfolnir::model
