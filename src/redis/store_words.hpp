// What the files of RedisStore share: how arguments are written, and an answer that our functions never give.
#pragma once

#include "model/record.hpp"
#include "vedfolnir/error.hpp"
#include "vedfolnir/types.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vedfolnir::redis {

inline std::string digits(std::uint64_t value) { return std::to_string(value); }
inline std::string digits(Millis value) { return std::to_string(value.count()); }

/// Anonymous, if it is no record.
inline UserTag tag_of(const std::string& record) {
    UserTag tag;
    if (record.size() >= model::offset::body) {
        std::memcpy(tag.bytes.data(), record.data() + model::offset::user_tag, tag.bytes.size());
    }
    return tag;
}

inline Error unexpected(std::string_view function, std::string_view word) {
    return {Errc::internal,
            "Redis: " + std::string(function) + " answered `" + std::string(word) + "`"};
}

}  // namespace vedfolnir::redis
