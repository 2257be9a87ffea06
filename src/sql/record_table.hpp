// Records as rows: what the Redis functions do, as blocking SQL.
#pragma once

#include "sql/connection.hpp"
#include "vedfolnir/async/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::sql {

// Each runs inside the caller's transaction and throws Failure; `internal` where a caller breaks
// the contract of async::SessionStore, which says what they mean. `now` is the store's clock.

struct RecordWrite {
    StoreKey key;
    std::string bytes;
    Millis ttl{};
    TimePoint now{};
};

[[nodiscard]] async::CreateStatus create_record(Connection& db, const RecordWrite& write);
[[nodiscard]] std::optional<std::string> load_record(Connection& db, const StoreKey& key,
                                                     TimePoint now);
[[nodiscard]] async::SaveReply save_record(Connection& db, std::uint64_t expected_generation,
                                           RecordWrite write);
[[nodiscard]] async::TouchStatus touch_record(Connection& db, const StoreKey& key, Millis ttl,
                                              TimePoint now);
/// `note.bytes` may be empty: nothing is left then.
[[nodiscard]] bool erase_record(Connection& db, const RecordWrite& note);
[[nodiscard]] async::EndReply apply_ending(Connection& db, const async::EndOrder& order,
                                           TimePoint now);
/// Keeps a copy of a hot store's record, unless a newer one or a note stands there, or the session is not open under its
/// key. Whether it was kept.
[[nodiscard]] bool put_copy(Connection& db, const RecordWrite& copy);

/// A copy, and whether its session may come back.
struct Recoverable {
    enum class Knows : std::uint8_t {
        alive,
        ended,   ///< Its session is over, or goes on under another key.
        expired  ///< Its time to live is over.
    };
    StoreKey key;
    Knows knows = Knows::expired;
    std::string bytes;  ///< Of one that is alive.
    Millis ttl{0};
};
[[nodiscard]] Recoverable recoverable_record(Connection& db, const StoreKey& key, TimePoint now);

[[nodiscard]] std::vector<async::IndexEntry> list_records(Connection& db, const UserTag& user,
                                                          TimePoint now);
[[nodiscard]] std::vector<std::uint64_t> list_marks(Connection& db);

}  // namespace vedfolnir::sql
