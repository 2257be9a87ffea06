#include "sql/sql_archive.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/fallback_table.hpp"
#include "sql/lifecycle.hpp"
#include "sql/listings.hpp"
#include "sql/sql.hpp"

namespace vedfolnir::sql {

// The lambdas are named before they are awaited: GCC 12 destroys temporaries inside a co_await
// expression twice.

SqlArchive::SqlArchive(std::shared_ptr<Database> database, SharedSealer sealer)
    : database_(std::move(database)), sealer_(std::move(sealer)) {}

template <class T, class Work>
std::function<T(Connection&)> SqlArchive::audited(Work work) const {
    // The thread may outlive this object: it shares what it uses.
    return [sealer = sealer_, now = database_->now(), work = std::move(work)](Connection& db) -> T {
        return work(db, Auditor{*sealer, now});
    };
}

async::Task<async::LoginGrant> SqlArchive::begin_login(async::LoginOrder order, Deadline deadline) {
    if (auto prepared = runtime::prepare(order); !prepared) co_return prepared.error();
    auto work = audited<async::LoginGrant>(
        [order = std::move(order)](Connection& db, const Auditor& auditor) {
            return sql::begin_login(db, auditor, order);
        });
    co_return co_await database_->write<async::LoginGrant>(std::move(work), deadline);
}

async::Task<bool> SqlArchive::confirm_login(Handle handle, StoreKey key,
                                            std::optional<async::Snapshot> copy,
                                            Deadline deadline) {
    std::function<bool(Connection&)> work = [database = database_.get(), handle, key,
                                             copy = std::move(copy)](Connection& db) {
        if (!sql::confirm_login(db, handle, key)) return false;
        if (copy) put_first_copy(db, *copy, database->now());
        return true;
    };
    co_return co_await database_->write<bool>(std::move(work), deadline);
}

async::Task<async::EndReceipt> SqlArchive::end(async::EndRequest request, Deadline deadline) {
    if (auto prepared = runtime::prepare(request); !prepared) co_return prepared.error();
    auto work = audited<async::EndReceipt>(
        [request = std::move(request)](Connection& db, const Auditor& auditor) {
            return end_sessions(db, auditor, request);
        });
    co_return co_await database_->write<async::EndReceipt>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlArchive::close_expired(TimePoint now, std::uint32_t limit,
                                                     Deadline deadline) {
    auto work = audited<std::uint32_t>([=](Connection& db, const Auditor& auditor) {
        return sql::close_expired(db, auditor, now, limit);
    });
    co_return co_await database_->write_alone<std::uint32_t>(std::move(work), deadline);
}

async::Task<bool> SqlArchive::record_change(Handle handle, std::string platform,
                                            async::AuditEvent event, Deadline deadline) {
    if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    auto clean = runtime::clean_text(platform, runtime::platform_max);
    auto work = audited<bool>([handle, clean = std::move(clean),
                               event = std::move(event)](Connection& db, const Auditor& auditor) {
        return sql::record_change(db, auditor, handle, clean, event);
    });
    co_return co_await database_->write<bool>(std::move(work), deadline);
}

async::Task<async::ReplayReceipt> SqlArchive::replay(std::vector<async::Deferred> entries,
                                                     Deadline deadline) {
    for (auto& entry : entries) {
        if (auto prepared = runtime::prepare(entry); !prepared) co_return prepared.error();
    }
    auto work = audited<async::ReplayReceipt>(
        [entries = std::move(entries)](Connection& db, const Auditor& auditor) {
            return sql::replay(db, auditor, entries);
        });
    co_return co_await database_->write_alone<async::ReplayReceipt>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlArchive::append(std::vector<async::AuditEvent> events,
                                              Deadline deadline) {
    for (auto& event : events) {
        if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    }
    auto work = audited<std::uint32_t>(
        [events = std::move(events)](Connection& db, const Auditor& auditor) {
            return append_events(db, auditor, events);
        });
    co_return co_await database_->write<std::uint32_t>(std::move(work), deadline);
}

async::Task<std::vector<async::SessionRow>> SqlArchive::sessions(async::SessionQuery query,
                                                                 Deadline deadline) {
    if (auto prepared = runtime::prepare(query); !prepared) co_return prepared.error();
    std::function<std::vector<async::SessionRow>(Connection&)> work =
        [query = std::move(query)](Connection& db) { return list_sessions(db, query); };
    co_return co_await database_->read<std::vector<async::SessionRow>>(std::move(work), deadline);
}

async::Task<std::vector<async::AuditEvent>> SqlArchive::audit(async::AuditQuery query,
                                                              Deadline deadline) {
    if (auto prepared = runtime::prepare(query); !prepared) co_return prepared.error();
    std::function<std::vector<async::AuditEvent>(Connection&)> work =
        [query = std::move(query), sealer = sealer_](Connection& db) {
            return list_events(db, *sealer, query);
        };
    co_return co_await database_->read<std::vector<async::AuditEvent>>(std::move(work), deadline);
}

async::Task<bool> SqlArchive::try_write(Deadline deadline) {
    std::function<bool(Connection&)> work = [](Connection& db) {
        change_nothing(db);
        return true;
    };
    co_return co_await database_->write<bool>(std::move(work), deadline);
}

async::Task<std::vector<std::uint64_t>> SqlArchive::sequences(Deadline deadline) {
    std::function<std::vector<std::uint64_t>(Connection&)> work = list_sequences;
    co_return co_await database_->read<std::vector<std::uint64_t>>(std::move(work), deadline);
}

async::Task<std::uint32_t> SqlArchive::raise_sequences(std::vector<std::uint64_t> marks,
                                                       async::AuditEvent event, Deadline deadline) {
    if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    auto work = audited<std::uint32_t>([marks = std::move(marks), event = std::move(event)](
                                           Connection& db, const Auditor& auditor) {
        return sql::raise_sequences(db, auditor, marks, event);
    });
    co_return co_await database_->write<std::uint32_t>(std::move(work), deadline);
}

async::Task<std::vector<async::Revocation>> SqlArchive::revocations(std::uint8_t shard,
                                                                    std::uint64_t after,
                                                                    std::uint32_t limit,
                                                                    Deadline deadline) {
    std::function<std::vector<async::Revocation>(Connection&)> work = [=](Connection& db) {
        return list_revocations(db, shard, after, limit);
    };
    co_return co_await database_->read<std::vector<async::Revocation>>(std::move(work), deadline);
}

async::Task<std::vector<async::UserEpoch>> SqlArchive::epochs(TimePoint since, std::uint32_t limit,
                                                              Deadline deadline) {
    std::function<std::vector<async::UserEpoch>(Connection&)> work = [=](Connection& db) {
        return list_epochs(db, since, limit);
    };
    co_return co_await database_->read<std::vector<async::UserEpoch>>(std::move(work), deadline);
}

async::Task<std::vector<async::UserEpoch>> SqlArchive::epochs_from(std::uint8_t shard,
                                                                   std::optional<UserTag> after,
                                                                   std::uint32_t limit,
                                                                   Deadline deadline) {
    std::function<std::vector<async::UserEpoch>(Connection&)> work = [=](Connection& db) {
        return list_epochs_from(db, shard, after, limit);
    };
    co_return co_await database_->watch<std::vector<async::UserEpoch>>(std::move(work), deadline);
}

async::Task<std::uint64_t> SqlArchive::epoch_of(UserTag user, Deadline deadline) {
    std::function<std::uint64_t(Connection&)> work = [user](Connection& db) {
        return user_epoch(db, user);
    };
    co_return co_await database_->read<std::uint64_t>(std::move(work), deadline);
}

std::shared_ptr<async::Archive> make_archive(std::shared_ptr<Database> database,
                                             SharedSealer sealer) {
    return std::make_shared<SqlArchive>(std::move(database), std::move(sealer));
}

Result<std::shared_ptr<async::Archive>> make_archive(const SqlOptions& options,
                                                     const std::string& state_dir,
                                                     SharedSealer sealer,
                                                     runtime::AtomicCounters* counters) {
    DatabaseSettings settings;
    settings.counters = counters;
    auto database = make_database(options, state_dir, std::move(settings));
    if (!database) return database.error();
    return make_archive(std::move(*database), std::move(sealer));
}

}  // namespace vedfolnir::sql
