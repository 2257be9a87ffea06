// The copies of records, page by page: for `vedfolnir fsck`.
#pragma once

#include "sql/database.hpp"

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

private:
    std::shared_ptr<Database> database_;
};

}  // namespace vedfolnir::sql
