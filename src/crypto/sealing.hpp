// Seals a payload into a record and opens it again (C22, docs/internals/record.md).
#pragma once

#include "crypto/key_ring.hpp"
#include "model/payload.hpp"
#include "model/record.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::crypto {

struct Opened {
    model::RecordHeader header;
    model::Payload payload;
};

/// The record's bytes around an encoded payload. `header.key_id` and `header.sealed` are set here: the ring's write key, and `plain` by
/// configuration only. Errors: random_unavailable, key_unavailable.
[[nodiscard]] Result<std::string> seal_record(const KeyRing& ring, RandomSource& random,
                                              const StoreKey& key, model::RecordHeader header,
                                              std::string_view payload, bool plain);

/// Empty unless the bytes are a record of this format, for this key, untouched. Whether it must be sealed is decided
/// by `plain`, never by the record's flag; a failure is final: no other decoder is tried (V02).
[[nodiscard]] std::optional<Opened> open_record(const KeyRing& ring, const StoreKey& key,
                                                std::string_view bytes, const SizeLimits& limits,
                                                bool plain);

}  // namespace vedfolnir::crypto
