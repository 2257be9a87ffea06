// What reads and writes share: versions of sealed records, and who waits too long for the database.
#pragma once

#include "model/bytes.hpp"
#include "model/record.hpp"
#include "vedfolnir/error.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace vedfolnir::resilient {

inline bool is_record(const std::string& bytes) {
    return bytes.size() >= model::offset::body && !model::parse_note(bytes);
}

inline std::uint64_t generation_of(const std::string& record) {
    return model::get_be<std::uint64_t>(record, model::offset::generation);
}

/// Copies are kept of known users only: nothing in SQL would say that an anonymous session ended.
inline bool has_copy(const std::string& record) {
    const auto header = model::parse_header(record);
    return header && !header->user.anonymous();
}

/// By generation, then by the hybrid logical clock.
inline bool newer(const std::string& a, const std::string& b) {
    const auto version = [](const std::string& record) {
        return std::pair(generation_of(record),
                         model::get_be<std::uint64_t>(record, model::offset::clock));
    };
    return version(a) > version(b);
}

inline Error spared() {
    return {Errc::store_unavailable, "too many calls wait for SQL in place of Redis"};
}

}  // namespace vedfolnir::resilient
