#include "sql/sql_store.hpp"

#include "sql/listings.hpp"
#include "sql/record_table.hpp"
#include "sql/sql.hpp"

namespace vedfolnir::sql {
namespace {

/// The database speaks of the audit trail; here the same trouble means that the store cannot say.
Error as_store_error(Error error) {
    if (error.code != Errc::audit_unavailable) return error;
    return Error{Errc::store_unavailable, std::move(error.detail)};
}

}  // namespace

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

SqlStore::SqlStore(std::shared_ptr<Database> database) : database_(std::move(database)) {}

template <class T>
async::Task<T> SqlStore::write(std::function<T(Connection&)> work, Deadline deadline) {
    auto answer = co_await database_->write<T>(std::move(work), deadline);
    if (!answer) co_return as_store_error(std::move(answer.error()));
    co_return answer;
}

template <class T>
async::Task<T> SqlStore::read(std::function<T(Connection&)> work, Deadline deadline) {
    auto answer = co_await database_->read<T>(std::move(work), deadline);
    if (!answer) co_return as_store_error(std::move(answer.error()));
    co_return answer;
}

async::Task<async::CreateStatus> SqlStore::create(StoreKey key, std::string record, Millis ttl,
                                                  Deadline deadline) {
    std::function<async::CreateStatus(Connection&)> work =
        [database = database_.get(), key, record = std::move(record), ttl](Connection& db) {
            return create_record(db, {key, record, ttl, database->now()});
        };
    return write<async::CreateStatus>(std::move(work), deadline);
}

async::Task<std::optional<std::string>> SqlStore::load(StoreKey key, Deadline deadline) {
    using Found = std::optional<std::string>;
    std::function<Found(Connection&)> work = [database = database_.get(), key](Connection& db) {
        return load_record(db, key, database->now());
    };
    return read<Found>(std::move(work), deadline);
}

async::Task<async::SaveReply> SqlStore::save(StoreKey key, std::uint64_t expected_generation,
                                             std::string record, Millis ttl, Deadline deadline) {
    std::function<async::SaveReply(Connection&)> work =
        [database = database_.get(), key, expected_generation, record = std::move(record),
         ttl](Connection& db) {
            return save_record(db, expected_generation, {key, record, ttl, database->now()});
        };
    return write<async::SaveReply>(std::move(work), deadline);
}

async::Task<async::TouchStatus> SqlStore::touch(StoreKey key, Millis ttl, Deadline deadline) {
    std::function<async::TouchStatus(Connection&)> work = [database = database_.get(), key,
                                                           ttl](Connection& db) {
        return touch_record(db, {key, {}, ttl, database->now()});
    };
    return write<async::TouchStatus>(std::move(work), deadline);
}

async::Task<bool> SqlStore::erase(StoreKey key, std::string note, Millis note_ttl,
                                  Deadline deadline) {
    std::function<bool(Connection&)> work = [database = database_.get(), key,
                                             note = std::move(note), note_ttl](Connection& db) {
        return erase_record(db, {key, note, note_ttl, database->now()});
    };
    return write<bool>(std::move(work), deadline);
}

async::Task<async::EndReply> SqlStore::end(async::EndOrder order, Deadline deadline) {
    std::function<async::EndReply(Connection&)> work = [database = database_.get(),
                                                        order = std::move(order)](Connection& db) {
        return apply_ending(db, order, database->now());
    };
    return write<async::EndReply>(std::move(work), deadline);
}

async::Task<std::vector<async::IndexEntry>> SqlStore::list_user(UserTag user, Deadline deadline) {
    using Listed = std::vector<async::IndexEntry>;
    std::function<Listed(Connection&)> work = [database = database_.get(), user](Connection& db) {
        return list_records(db, user, database->now());
    };
    return read<Listed>(std::move(work), deadline);
}

async::Task<async::AppliedEpoch> SqlStore::epoch_of(UserTag user, Deadline deadline) {
    std::function<async::AppliedEpoch(Connection&)> work = [user](Connection& db) {
        return async::AppliedEpoch{user_epoch(db, user), true};
    };
    return read<async::AppliedEpoch>(std::move(work), deadline);
}

// The archive's table of epochs is this store's as well.
async::Task<std::vector<bool>> SqlStore::epochs_told(Deadline) {
    co_return std::vector<bool>(256, true);
}
async::Task<bool> SqlStore::tell_epochs(std::vector<async::EpochPage>, Deadline) { co_return true; }
async::Task<bool> SqlStore::doubt_epochs(std::uint8_t, Deadline) { co_return true; }

async::Task<std::vector<std::uint64_t>> SqlStore::marks(Deadline deadline) {
    std::function<std::vector<std::uint64_t>(Connection&)> work = list_marks;
    return read<std::vector<std::uint64_t>>(std::move(work), deadline);
}

// One database: whatever it lost of records, it lost of endings as well.
async::Task<bool> SqlStore::attest(Deadline) { co_return true; }
async::Task<std::vector<bool>> SqlStore::lost_nothing(Deadline) {
    co_return std::vector<bool>(256, true);
}

async::Task<bool> SqlStore::same_server(Deadline) { co_return true; }

// No statement: the clock is this process's own.
async::Task<TimePoint> SqlStore::now(Deadline) { co_return database_->now(); }

std::shared_ptr<async::SessionStore> make_store(std::shared_ptr<Database> database) {
    return std::make_shared<SqlStore>(std::move(database));
}

}  // namespace vedfolnir::sql
