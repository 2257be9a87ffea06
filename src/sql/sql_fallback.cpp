#include "sql/sql_fallback.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/fallback_table.hpp"
#include "sql/sql.hpp"

#include <utility>

namespace vedfolnir::sql {
namespace {

/// The database speaks of the audit trail; here the same trouble means that the store cannot say.
Error as_store_error(Error error) {
    if (error.code == Errc::audit_unavailable) error.code = Errc::store_unavailable;
    return error;
}

template <class T>
async::Task<T> as_store(async::Task<T> asking) {
    auto answer = co_await std::move(asking);
    if (!answer) co_return as_store_error(std::move(answer.error()));
    co_return answer;
}

/// As `ask`; an empty answer is the Error "unknown".
template <class T>
async::Task<T> ask_known(std::shared_ptr<Database> database,
                         std::function<std::optional<T>(Connection&)> work, Deadline deadline) {
    auto answer = co_await database->write<std::optional<T>>(std::move(work), deadline);
    if (!answer) co_return as_store_error(std::move(answer.error()));
    if (!*answer) {
        co_return Error{
            Errc::store_unavailable,
            "the database keeps no copy of this session, and cannot say what became of it"};
    }
    co_return std::move(**answer);
}

}  // namespace

// Functions are named before they are awaited: GCC 12 destroys temporaries inside a co_await twice.

async::Task<async::FallbackRecord> SqlFallback::load(StoreKey key, Deadline deadline) {
    std::function<async::FallbackRecord(Connection&)> work = [database = database_.get(),
                                                              key](Connection& db) {
        return fallback_load(db, key, database->now());
    };
    return as_store(database_->read(std::move(work), deadline));
}

async::Task<async::CreateStatus> SqlFallback::create(StoreKey key, std::string record, Millis ttl,
                                                     Deadline deadline) {
    std::function<async::CreateStatus(Connection&)> work =
        [database = database_.get(), key, record = std::move(record), ttl](Connection& db) {
            return create_record(db, {key, record, ttl, database->now(), true});
        };
    return as_store(database_->write(std::move(work), deadline));
}

async::Task<async::SaveReply> SqlFallback::save(StoreKey key, std::uint64_t expected_generation,
                                                std::string record, Millis ttl, Deadline deadline) {
    std::function<std::optional<async::SaveReply>(Connection&)> work = [database = database_.get(),
                                                                        key, expected_generation,
                                                                        record = std::move(record),
                                                                        ttl](Connection& db) {
        return fallback_save(db, expected_generation, {key, record, ttl, database->now(), true});
    };
    return ask_known(database_, std::move(work), deadline);
}

async::Task<async::TouchStatus> SqlFallback::touch(StoreKey key, Millis ttl, Deadline deadline) {
    std::function<std::optional<async::TouchStatus>(Connection&)> work =
        [database = database_.get(), key, ttl](Connection& db) {
            return fallback_touch(db, {key, {}, ttl, database->now(), true});
        };
    return ask_known(database_, std::move(work), deadline);
}

async::Task<bool> SqlFallback::erase(StoreKey key, std::string note, Millis note_ttl, Millis life,
                                     Deadline deadline) {
    std::function<bool(Connection&)> work =
        [database = database_.get(), key, note = std::move(note), note_ttl, life](Connection& db) {
            return fallback_erase(db, {key, note, note_ttl, database->now(), true}, life);
        };
    return as_store(database_->write(std::move(work), deadline));
}

async::Task<async::EndReply> SqlFallback::end(async::EndOrder order, Millis life,
                                              Deadline deadline) {
    std::function<async::EndReply(Connection&)> work =
        [database = database_.get(), order = std::move(order), life](Connection& db) {
            return fallback_end(db, order, life, database->now());
        };
    return as_store(database_->write(std::move(work), deadline));
}

async::Task<std::vector<async::IndexEntry>> SqlFallback::list_user(UserTag user,
                                                                   Deadline deadline) {
    using Listed = std::vector<async::IndexEntry>;
    std::function<Listed(Connection&)> work = [database = database_.get(), user](Connection& db) {
        return fallback_list(db, user, database->now());
    };
    return as_store(database_->read(std::move(work), deadline));
}

// No statement: the clock is this process's own.
async::Task<TimePoint> SqlFallback::now(Deadline) { co_return database_->now(); }

async::Task<std::vector<async::AheadRow>> SqlFallback::ahead(std::optional<StoreKey> after,
                                                             std::uint32_t limit,
                                                             Deadline deadline) {
    std::function<std::vector<async::AheadRow>(Connection&)> work = [database = database_.get(),
                                                                     after, limit](Connection& db) {
        return list_ahead(db, after, limit, database->now());
    };
    return as_store(database_->read(std::move(work), deadline));
}

async::Task<std::uint32_t> SqlFallback::settle(std::vector<async::Settled> told,
                                               Deadline deadline) {
    std::function<std::uint32_t(Connection&)> work = [database = database_.get(),
                                                      told = std::move(told)](Connection& db) {
        return settle_rows(db, told, database->now());
    };
    return as_store(database_->write_alone(std::move(work), deadline));
}

async::Task<FallbackState> SqlFallback::state(Deadline deadline) {
    std::function<FallbackState(Connection&)> work = fallback_state;
    return as_store(database_->watch(std::move(work), deadline));
}

async::Task<FallbackState> SqlFallback::set_mode(FallbackMode mode, std::string actor,
                                                 Deadline deadline) {
    std::function<FallbackState(Connection&)> work =
        [sealer = sealer_, now = database_->now(), mode, actor = std::move(actor)](Connection& db) {
            return set_fallback_mode(db, {*sealer, now}, mode, actor);
        };
    return as_store(database_->write(std::move(work), deadline));
}

async::Task<std::uint32_t> SqlFallback::put_snapshots(std::vector<async::Snapshot> snapshots,
                                                      Deadline deadline) {
    std::function<std::uint32_t(Connection&)> work =
        [database = database_.get(), snapshots = std::move(snapshots)](Connection& db) {
            return sql::put_snapshots(db, snapshots, database->now());
        };
    return as_store(database_->write_alone(std::move(work), deadline));
}

std::shared_ptr<SqlFallback> make_fallback(std::shared_ptr<Database> database,
                                           SharedSealer sealer) {
    return std::make_shared<SqlFallback>(std::move(database), std::move(sealer));
}

}  // namespace vedfolnir::sql
