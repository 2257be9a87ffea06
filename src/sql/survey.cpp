#include "sql/survey.hpp"

#include "model/base64url.hpp"
#include "model/record.hpp"
#include "sql/batch.hpp"
#include "sql/listings.hpp"
#include "sql/rows.hpp"

#include <functional>
#include <span>
#include <utility>

namespace vedfolnir::sql {
namespace {

using Knows = Copy::Knows;

/// Empty where the column holds something else.
std::string record_of(const std::string& text) {
    std::string bytes(text.size() * 3 / 4, '\0');
    const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
    if (!model::base64url_decode(text, out) || !model::parse_header(bytes)) return {};
    return bytes;
}

std::string key_rows(const std::vector<StoreKey>& keys) {
    Batch batch;
    for (const StoreKey& key : keys) {
        batch.next_row();
        batch.add("store_key", key.text());
    }
    return batch.json();
}

std::vector<StoreKey> read_keys(const Rows& rows) {
    std::vector<StoreKey> keys;
    keys.reserve(rows.size());
    for (const Row& row : rows) keys.push_back(read_key(row, 0));
    return keys;
}

std::vector<Copy> read_copies(Connection& db, const std::string& after, std::uint32_t limit,
                              TimePoint now) {
    const std::int64_t page = limit;
    const auto last = list_sequences(db);
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
            copy.bytes = record_of(row.text(1));
            if (copy.bytes.empty()) copy.knows = Knows::damaged;
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

async::Task<std::vector<StoreKey>> SqlSurvey::ended(std::vector<StoreKey> keys, TimePoint before,
                                                    Deadline deadline) {
    std::function<std::vector<StoreKey>(Connection&)> work = [keys = std::move(keys),
                                                              before](Connection& db) {
        const Params params{{"batch", key_rows(keys)}, {"before", millis(before)}};
        return read_keys(db.query("keys_ended", 1, params));
    };
    return database_->read<std::vector<StoreKey>>(std::move(work), deadline);
}

async::Task<std::vector<StoreKey>> SqlSurvey::alive(std::vector<StoreKey> keys, Deadline deadline) {
    std::function<std::vector<StoreKey>(Connection&)> work =
        [database = database_.get(), keys = std::move(keys)](Connection& db) {
            const Params params{{"batch", key_rows(keys)}, {"now", millis(database->now())}};
            return read_keys(db.query("keys_alive", 1, params));
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
