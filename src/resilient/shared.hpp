// What reads and writes share: versions of sealed records, and how a call of the database is timed.
#pragma once

#include "model/bytes.hpp"
#include "model/record.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/error.hpp"

#include <chrono>
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

/// Times a call of the database in place of the hot store, its wait for a place included. `counters` may be null.
class Timed {
public:
    Timed(runtime::AtomicCounters* counters, Operation operation)
        : counters_(counters), operation_(operation) {}
    ~Timed() {
        if (counters_ == nullptr) return;
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - since_);
        counters_->timings[static_cast<std::size_t>(operation_)].add(
            static_cast<std::uint64_t>(took.count()));
    }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

private:
    runtime::AtomicCounters* counters_;
    Operation operation_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace vedfolnir::resilient
