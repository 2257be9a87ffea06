// The copies of records, page by page: for `vedfolnir fsck` and `vedfolnir recover`.
#pragma once

#include "sql/database.hpp"
#include "sql/record_table.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vedfolnir::sql {

struct Copy {
    StoreKey key;
    std::string bytes;
    bool note = false;
    bool alive = false;  ///< Inside its time to live.
};

class SqlSurvey {
public:
    explicit SqlSurvey(std::shared_ptr<Database> database) : database_(std::move(database)) {}

    /// Those behind `after` (empty: from the first), by key.
    [[nodiscard]] async::Task<std::vector<Copy>> copies(std::string after, std::uint32_t limit,
                                                        Deadline deadline);
    /// A copy of this record is inside its time to live.
    [[nodiscard]] async::Task<bool> alive(StoreKey key, Deadline deadline);
    [[nodiscard]] async::Task<bool> remove(StoreKey key, Deadline deadline);

    /// As `copies`, of logged-in users only, and with what the database knows of each.
    [[nodiscard]] async::Task<std::vector<Recoverable>> recoverable(std::string after,
                                                                    std::uint32_t limit,
                                                                    Deadline deadline);
    /// Of the sessions under these keys, those that are over by now.
    [[nodiscard]] async::Task<std::vector<StoreKey>> over(std::vector<StoreKey> keys,
                                                          Deadline deadline);

private:
    std::shared_ptr<Database> database_;
};

}  // namespace vedfolnir::sql
