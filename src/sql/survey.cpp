#include "sql/survey.hpp"

#include "model/base64url.hpp"
#include "sql/record_table.hpp"
#include "sql/rows.hpp"

#include <span>

namespace vedfolnir::sql {
namespace {

/// Empty where the column holds something else: bytes that do not open.
std::string bytes_of(const std::string& text) {
    std::string bytes(text.size() * 3 / 4, '\0');
    const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    return model::base64url_decode(text, out) ? bytes : std::string();
}

}  // namespace
async::Task<std::vector<Copy>> SqlSurvey::copies(std::string after, std::uint32_t limit,
                                                 Deadline deadline) {
    std::function<std::vector<Copy>(Connection&)> work =
        [database = database_.get(), after = std::move(after), limit](Connection& db) {
            const std::int64_t page = limit;
            std::vector<Copy> copies;
            for (const Row& row : db.query("records_page", 4, {{"after", after}, {"page", page}})) {
                copies.push_back({read_key(row, 0), bytes_of(row.text(1)), row.integer(2) != 0,
                                  moment(row.integer(3)) > database->now()});
            }
            return copies;
        };
    return database_->read<std::vector<Copy>>(std::move(work), deadline);
}

async::Task<bool> SqlSurvey::alive(StoreKey key, Deadline deadline) {
    std::function<bool(Connection&)> work = [database = database_.get(), key](Connection& db) {
        return load_record(db, key, database->now()).has_value();
    };
    return database_->read<bool>(std::move(work), deadline);
}

async::Task<std::vector<Recoverable>> SqlSurvey::recoverable(std::string after, std::uint32_t limit,
                                                             Deadline deadline) {
    std::function<std::vector<Recoverable>(Connection&)> work =
        [database = database_.get(), after = std::move(after), limit](Connection& db) {
            const std::int64_t page = limit;
            std::vector<Recoverable> copies;
            for (const Row& row :
                 db.query("records_page_of_sessions", 1, {{"after", after}, {"page", page}}))
                copies.push_back(recoverable_record(db, read_key(row, 0), database->now()));
            return copies;
        };
    return database_->read<std::vector<Recoverable>>(std::move(work), deadline);
}

async::Task<std::vector<StoreKey>> SqlSurvey::over(std::vector<StoreKey> keys, Deadline deadline) {
    std::function<std::vector<StoreKey>(Connection&)> work =
        [database = database_.get(), keys = std::move(keys)](Connection& db) {
            std::vector<StoreKey> over;
            for (const StoreKey& key : keys) {
                const auto copy = recoverable_record(db, key, database->now());
                if (copy.knows != Recoverable::Knows::alive) over.push_back(key);
            }
            return over;
        };
    return database_->read<std::vector<StoreKey>>(std::move(work), deadline);
}

async::Task<bool> SqlSurvey::remove(StoreKey key, Deadline deadline) {
    std::function<bool(Connection&)> work = [key](Connection& db) {
        return db.execute("record_delete", {{"store_key", key.text()}}) > 0;
    };
    return database_->write<bool>(std::move(work), deadline);
}

}  // namespace vedfolnir::sql
