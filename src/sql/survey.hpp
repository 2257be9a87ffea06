// The copies of sessions, page by page, with what the database knows of each.
#pragma once

#include "sql/database.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::sql {

struct Copy {
    enum class Knows : std::uint8_t {
        alive,
        ended,    ///< Its session is over, or goes on under another key.
        expired,  ///< Its time to live is over; the hot store may have seen activity since.
        damaged   ///< Of one that should be alive: no record.
    };
    StoreKey key;
    Knows knows = Knows::alive;
    std::string bytes;  ///< Of one that is alive.
    Millis ttl{0};
    /// The shard's last revocation when it was read: what is said of it holds up to there.
    std::uint64_t sequence = 0;
};

/// Errors: audit_unavailable, bad_options.
class SqlSurvey {
public:
    explicit SqlSurvey(std::shared_ptr<Database> database) : database_(std::move(database)) {}

    /// Those behind `after` (empty: from the first), by key, on one state of the database.
    [[nodiscard]] async::Task<std::vector<Copy>> copies(std::string after, std::uint32_t limit,
                                                        Deadline deadline);
    [[nodiscard]] async::Task<std::uint64_t> count(Deadline deadline);
    /// Those of `keys` whose session ended `before` that time or earlier.
    [[nodiscard]] async::Task<std::vector<StoreKey>> ended(std::vector<StoreKey> keys,
                                                           TimePoint before, Deadline deadline);
    /// Those of `keys` of which a copy is inside its time to live.
    [[nodiscard]] async::Task<std::vector<StoreKey>> alive(std::vector<StoreKey> keys,
                                                           Deadline deadline);
    /// Removes a copy. False: there was none.
    [[nodiscard]] async::Task<bool> remove(StoreKey key, Deadline deadline);

private:
    std::shared_ptr<Database> database_;
};

}  // namespace vedfolnir::sql
