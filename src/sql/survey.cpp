#include "sql/survey.hpp"

#include "sql/record_fields.hpp"
#include "sql/rows.hpp"

#include <array>
#include <functional>
#include <utility>

namespace vedfolnir::sql {
namespace {

using Knows = Copy::Knows;

std::array<std::uint64_t, 256> sequences(Connection& db) {
    std::array<std::uint64_t, 256> last{};
    for (const Row& row : db.query("shard_sequences", 2))
        last.at(static_cast<std::size_t>(row.integer(0))) =
            static_cast<std::uint64_t>(row.integer(1));
    return last;
}

std::vector<Copy> read_copies(Connection& db, const std::string& after, std::uint32_t limit,
                              TimePoint now) {
    const std::int64_t page = limit;
    const auto last = sequences(db);
    std::vector<Copy> copies;
    for (const Row& row : db.query("copies_page", 4, {{"after", after}, {"page", page}})) {
        Copy& copy = copies.emplace_back();
        copy.key = read_key(row, 0);
        copy.ttl = moment(row.integer(2)) - now;
        copy.sequence = last.at(copy.key.shard);
        if (row.integer(3) != 0) {
            copy.knows = Knows::ended;
        } else if (copy.ttl <= Millis{0}) {
            copy.knows = Knows::expired;
        } else {
            copy.bytes = decoded(row.text(1));
        }
    }
    return copies;
}

}  // namespace

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

async::Task<std::vector<Copy>> SqlSurvey::copies(std::string after, std::uint32_t limit,
                                                 Deadline deadline) {
    std::function<std::vector<Copy>(Connection&)> work =
        [database = database_.get(), after = std::move(after), limit](Connection& db) {
            return read_copies(db, after, limit, database->now());
        };
    return database_->read<std::vector<Copy>>(std::move(work), deadline);
}

async::Task<std::uint64_t> SqlSurvey::count(Deadline deadline) {
    std::function<std::uint64_t(Connection&)> work = [](Connection& db) {
        return static_cast<std::uint64_t>(db.query("copies_count", 1).at(0).integer(0));
    };
    return database_->read<std::uint64_t>(std::move(work), deadline);
}

}  // namespace vedfolnir::sql
