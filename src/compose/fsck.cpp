#include "compose/fsck.hpp"

#include "compose/audit_keys.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/sealing.hpp"
#include "model/record.hpp"
#include "policy/lifetime.hpp"
#include "redis/redis_store.hpp"
#include "redis/survey.hpp"
#include "redis/upkeep.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "sql/survey.hpp"
#include "sql/upkeep.hpp"
#include "vedfolnir/session_manager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

namespace vedfolnir::compose {
namespace {

using async::Task;
using ops::Defect;
using Kind = redis::Surveyed::Kind;

/// A batch is many commands; nobody waits for it as for a page.
constexpr Millis batch_timeout{5'000};
constexpr std::uint32_t page = 200;
constexpr std::uint32_t row_page = 1000;
/// What is younger may be under way: a login, a copy, an ending.
constexpr Seconds under_way{60};
/// Unreadable to us and gone so soon: where parallel logins by a remember-me token meet.
constexpr Millis short_lived{60'000};

RedisOptions patient(RedisOptions options) {
    options.request_timeout = std::max(options.request_timeout, batch_timeout);
    return options;
}

/// A record of a known user that opens.
struct Opened {
    redis::Owned record;
    TimePoint absolute;
    TimePoint due;
};

class Fsck {
public:
    Fsck(const ManagerOptions& options, const FsckOptions& wanted, crypto::KeyRing ring,
         const sql::SharedSealer& sealer, const std::shared_ptr<sql::Database>& database,
         const runtime::Runtime& runtime)
        : options_(options),
          wanted_(wanted),
          ring_(std::move(ring)),
          redis_(runtime.executor(), patient(options.redis)),
          upkeep_(runtime.executor(), patient(options.redis)),
          store_(redis::make_store(runtime.executor(), patient(options.redis), nullptr)),
          archive_(sql::make_archive(database, sealer)),
          sql_(database, sealer),
          copies_(database) {}

    /// Records first: a record that goes leaves entries, which the sets show then.
    Task<ops::FsckReport> run(Deadline deadline) {
        deadline_ = deadline;
        const auto now = co_await upkeep_.now(soon());
        if (!now) co_return now.error();
        now_ = *now;
        if (const auto done = co_await walk(false); !done) co_return done.error();
        if (const auto done = co_await remove_unreadable(); !done) co_return done.error();
        if (const auto done = co_await walk(true); !done) co_return done.error();
        if (const auto done = co_await rows(); !done) co_return done.error();
        if (const auto done = co_await copies(); !done) co_return done.error();
        co_return std::move(report_);
    }

    /// The shards whose marks are behind SQL.
    Task<std::vector<std::string>> behind(Deadline deadline) {
        const auto marks = co_await store_->marks(deadline);
        if (!marks) co_return marks.error();
        const auto sequences = co_await archive_->sequences(deadline);
        if (!sequences) co_return sequences.error();
        std::vector<std::string> behind;
        for (std::size_t i = 0; i < std::min(marks->size(), sequences->size()); ++i) {
            if ((*marks)[i] >= (*sequences)[i]) continue;
            // Retention removes revocations of which nothing can be alive; those are not missing.
            const auto missing = co_await archive_->revocations(static_cast<std::uint8_t>(i),
                                                                (*marks)[i], 1, deadline);
            if (!missing) co_return missing.error();
            if (!missing->empty()) behind.push_back(fmt::format("{{{:02x}}}:mark", i));
        }
        co_return behind;
    }

    /// In numbers.
    Task<std::uint32_t> tell(std::string detail, Deadline deadline) {
        async::AuditEvent event;
        event.at = now_;
        event.type = "fsck.done";
        event.actor = wanted_.actor;
        event.detail = std::move(detail);
        std::vector<async::AuditEvent> events;
        events.push_back(std::move(event));
        return archive_->append(std::move(events), deadline);
    }

private:
    [[nodiscard]] Deadline soon() const {
        return std::min(deadline_, deadline_in(options_.redis.connect_timeout + batch_timeout +
                                               options_.sql.statement_timeout));
    }
    void found(Defect defect, std::string where, bool repaired) {
        report_.add({defect, std::move(where), repaired});
    }

    void tell_progress(std::uint64_t seen, std::string_view of_what) const {
        if (wanted_.progress) wanted_.progress(seen, of_what);
    }

    /// The whole keyspace once: records, or what lists them.
    Task<bool> walk(bool sets) {
        std::uint64_t cursor = 0;
        std::uint64_t seen = 0;
        std::vector<redis::Surveyed> records;
        do {
            if (std::chrono::steady_clock::now() >= deadline_)
                co_return Error{Errc::deadline_exceeded, "fsck: the time for it is over"};
            auto scanned = co_await redis_.scan(cursor, soon());
            if (!scanned) co_return scanned.error();
            cursor = scanned->cursor;
            seen += scanned->keys.size();
            for (redis::Surveyed& key : scanned->keys) {
                if (!sets) {
                    ++report_.keys;
                    if (key.kind == Kind::record) records.push_back(std::move(key));
                    continue;
                }
                const auto checked = co_await check_set(std::move(key));
                if (!checked) co_return checked.error();
            }
            while (records.size() >= page || (cursor == 0 && !records.empty())) {
                const auto count =
                    static_cast<std::ptrdiff_t>(std::min<std::size_t>(records.size(), page));
                std::vector<redis::Surveyed> batch(records.begin(), records.begin() + count);
                records.erase(records.begin(), records.begin() + count);
                const auto checked = co_await check_records(std::move(batch));
                if (!checked) co_return checked.error();
            }
            tell_progress(seen, sets ? "keys again, for their lists" : "keys");
        } while (cursor != 0);
        co_return true;
    }

    Task<bool> check_records(std::vector<redis::Surveyed> batch) {
        std::vector<StoreKey> keys;
        for (const auto& record : batch) keys.push_back(record.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        std::vector<Opened> opened;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto& stands = (*standing)[i];
            if (!stands.bytes) continue;
            ++report_.records;
            const auto header = co_await check_record(batch[i], *stands.bytes, stands.ttl);
            if (!header) co_return header.error();
            if (*header && !(*header)->user.anonymous())
                opened.push_back({{batch[i].key, (*header)->user, (*header)->handle},
                                  (*header)->absolute_expiry,
                                  now_ + stands.ttl});
        }
        co_return co_await check_listed(std::move(opened));
    }

    /// The header of one that opens.
    Task<std::optional<model::RecordHeader>> check_record(redis::Surveyed record, std::string bytes,
                                                          Millis ttl) {
        using Header = std::optional<model::RecordHeader>;
        const auto note = model::parse_note(bytes);
        const auto opened = note ? std::nullopt
                                 : crypto::open_record(ring_, record.key, bytes, options_.limits,
                                                       options_.plain_records);
        const bool endless = ttl <= Millis{0};
        if (!note && !opened) {
            if (endless || ttl > short_lived) unreadable_.push_back(record.name);
            co_return Header{};
        }
        readable_ += opened ? 1 : 0;
        if (endless) {
            Millis left{0};
            if (note) left = Millis(note->until - now_);
            if (opened &&
                policy::judge(opened->header, options_.lifetimes, now_) == policy::Life::alive)
                left = policy::time_to_live(opened->header, options_.lifetimes, now_);
            auto put_right = left > Millis{0} ? redis_.expire(record.name, left, soon())
                                              : redis_.remove(record.name, soon());
            const auto done = co_await repair(std::move(put_right));
            if (!done) co_return done.error();
            found(Defect::record_without_end, record.name, *done);
        }
        co_return opened ? Header(opened->header) : Header{};
    }

    /// A key ring that opens hardly anything is not the application's: then nothing is removed.
    Task<bool> remove_unreadable() {
        report_.key_ring_doubtful = unreadable_.size() > readable_;
        for (const std::string& name : unreadable_) {
            bool repaired = false;
            if (!report_.key_ring_doubtful) {
                auto work = redis_.remove(name, soon());
                const auto done = co_await repair(std::move(work));
                if (!done) co_return done.error();
                repaired = *done;
            }
            found(Defect::record_unreadable, name, repaired);
        }
        co_return true;
    }

    /// Records of known users stand in two lists, and SQL does not say that they ended.
    Task<bool> check_listed(std::vector<Opened> records) {
        if (records.empty()) co_return true;
        std::vector<StoreKey> keys;
        std::vector<redis::Owned> owned;
        for (const Opened& record : records) {
            keys.push_back(record.record.key);
            owned.push_back(record.record);
        }
        const auto over = co_await copies_.ended(std::move(keys), now_ - under_way, soon());
        if (!over) co_return over.error();
        const auto listed = co_await redis_.listed(std::move(owned), soon());
        if (!listed) co_return listed.error();
        for (std::size_t i = 0; i < records.size(); ++i) {
            if (!(*listed)[i].stands) continue;
            const bool ended = std::ranges::find(*over, records[i].record.key) != over->end();
            if (ended) {
                const auto done = co_await end_record(records[i].record);
                if (!done) co_return done.error();
                continue;
            }
            const auto done = co_await list_record(records[i], (*listed)[i]);
            if (!done) co_return done.error();
        }
        co_return true;
    }

    Task<bool> end_record(redis::Owned record) {
        bool repaired = false;
        if (wanted_.repair) {
            async::EndOrder order;
            order.shard = record.key.shard;
            order.keys = {record.key};
            order.user = record.user;
            const auto gone = co_await store_->end(std::move(order), soon());
            if (!gone) co_return gone.error();
            repaired = true;
        }
        found(Defect::record_ended, record.key.text(), repaired);
        co_return true;
    }

    Task<bool> list_record(Opened record, redis::Listed listed) {
        if (!listed.in_index) {
            auto work = redis_.list_in_index(record.record, record.absolute, soon());
            const auto done = co_await repair(std::move(work));
            if (!done) co_return done.error();
            found(Defect::index_missing, record.record.key.text(), *done);
        }
        if (!listed.in_expiry) {
            auto work = redis_.list_in_expiry(record.record, record.due, soon());
            const auto done = co_await repair(std::move(work));
            if (!done) co_return done.error();
            found(Defect::expiry_missing, record.record.key.text(), *done);
        }
        co_return true;
    }

    /// True if it was repaired; without the permission to, nothing is done.
    Task<bool> repair(Task<bool> work) {
        if (!wanted_.repair) co_return false;
        const auto done = co_await std::move(work);
        if (!done) co_return done.error();
        co_return true;
    }

    Task<bool> check_set(redis::Surveyed set) {
        if (set.kind != Kind::index && set.kind != Kind::expiry && set.kind != Kind::dirty)
            co_return true;
        TimePoint longest{};
        std::uint32_t first = 0;
        for (;;) {
            const auto state = co_await redis_.set(set, first, page, soon());
            if (!state) co_return state.error();
            const auto removed = co_await check_entries(set, state->entries);
            if (!removed) co_return removed.error();
            for (const auto& entry : state->entries) longest = std::max(longest, entry.score);
            if (state->entries.size() < page) {
                const bool endless =
                    set.kind == Kind::index && !state->has_end && !state->entries.empty();
                if (endless) co_return co_await end_index(std::move(set), longest);
                co_return true;
            }
            first += page - *removed;
        }
    }

    Task<bool> end_index(redis::Surveyed set, TimePoint longest) {
        const auto ends = co_await redis_.has_end(set.name, soon());
        if (!ends) co_return ends.error();
        if (*ends) co_return true;  // gone with its last entry, or renewed meanwhile
        const Millis left(longest - now_);
        auto put_right = left > Millis{0} ? redis_.expire(set.name, left, soon())
                                          : redis_.remove(set.name, soon());
        const auto done = co_await repair(std::move(put_right));
        if (!done) co_return done.error();
        found(Defect::index_without_end, set.name, *done);
        co_return true;
    }

    /// How many entries a repair took out.
    Task<std::uint32_t> check_entries(const redis::Surveyed& set,
                                      const std::vector<redis::Entry>& entries) {
        std::vector<StoreKey> keys;
        for (const auto& entry : entries) keys.push_back(entry.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        std::uint32_t removed = 0;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const auto defect = judge_entry(set, entries[i], (*standing)[i].bytes);
            if (!defect) continue;
            auto work = redis_.remove_member(set.name, entries[i].member, soon());
            const auto done = co_await repair(std::move(work));
            if (!done) co_return done.error();
            found(*defect, fmt::format("{} {}", set.name, entries[i].key.text()), *done);
            removed += *done ? 1 : 0;
        }
        co_return removed;
    }

    [[nodiscard]] std::optional<Defect> judge_entry(const redis::Surveyed& set,
                                                    const redis::Entry& entry,
                                                    const std::optional<std::string>& bytes) const {
        const auto header = bytes ? model::parse_header(*bytes) : std::nullopt;
        switch (set.kind) {
        case Kind::index:
            if (!header || header->handle != entry.handle || header->user != set.user)
                return Defect::index_orphan;
            return std::nullopt;
        case Kind::expiry:
            // What fell due is the sweep's, until it had two chances.
            if (!header && entry.score < now_ - 2 * options_.jobs.cleanup_interval - under_way)
                return Defect::expiry_stale;
            return std::nullopt;
        case Kind::dirty:
            if (!header && entry.score < now_ - under_way) return Defect::dirty_stale;
            return std::nullopt;
        default:
            return std::nullopt;
        }
    }

    Task<bool> rows() {
        async::SessionQuery query;
        query.now = now_;
        query.limit = row_page;
        for (;;) {
            const auto rows = co_await archive_->sessions(query, soon());
            if (!rows) co_return rows.error();
            report_.rows += rows->size();
            if (const auto done = co_await check_rows(*rows); !done) co_return done.error();
            tell_progress(report_.rows, "rows");
            if (rows->size() < row_page) co_return true;
            query.after = rows->back().handle;
        }
    }

    Task<bool> check_rows(const std::vector<async::SessionRow>& rows) {
        std::vector<StoreKey> keys;
        for (const auto& row : rows) keys.push_back(row.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        std::vector<async::Gone> gone;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if ((*standing)[i].bytes || rows[i].authenticated > now_ - under_way) continue;
            gone.push_back({rows[i].key, rows[i].handle, {}});
            if (gone.size() < page) continue;
            auto batch = std::exchange(gone, {});
            const auto closed = co_await close(std::move(batch));
            if (!closed) co_return closed.error();
        }
        co_return co_await close(std::move(gone));
    }

    /// Open rows without a record, except those of which there is a copy: it comes back when it is asked for.
    Task<bool> close(std::vector<async::Gone> gone) {
        if (gone.empty()) co_return true;
        std::vector<StoreKey> keys;
        for (const auto& row : gone) keys.push_back(row.key);
        const auto copied = co_await copies_.alive(std::move(keys), soon());
        if (!copied) co_return copied.error();
        const std::set<StoreKey> alive(copied->begin(), copied->end());
        std::erase_if(gone, [&](const async::Gone& row) { return alive.contains(row.key); });
        std::set<Handle> closed;
        if (wanted_.repair && !gone.empty()) {
            async::Ticket ticket{"fsck", 0};
            const auto done = co_await sql_.close_gone(std::move(ticket), gone, now_, soon());
            if (!done) co_return done.error();
            for (const auto& row : done->gone) closed.insert(row.handle);
        }
        for (const auto& row : gone)
            found(Defect::row_unclosed, row.handle.text(), closed.contains(row.handle));
        co_return true;
    }

    Task<bool> copies() {
        std::string after;
        for (;;) {
            const auto copies = co_await copies_.copies(after, page, soon());
            if (!copies) co_return copies.error();
            report_.copies += copies->size();
            for (const auto& copy : *copies) {
                after = copy.key.text();
                if (!unreadable(copy)) continue;
                // As for records: a key ring that is not the application's says nothing about copies.
                bool repaired = false;
                if (copy.knows == sql::Copy::Knows::damaged || !report_.key_ring_doubtful) {
                    auto work = copies_.remove(copy.key, soon());
                    const auto done = co_await repair(std::move(work));
                    if (!done) co_return done.error();
                    repaired = *done;
                }
                found(Defect::copy_unreadable, copy.key.text(), repaired);
            }
            tell_progress(report_.copies, "copies");
            if (copies->size() < page) co_return true;
        }
    }

    [[nodiscard]] bool unreadable(const sql::Copy& copy) const {
        if (copy.knows == sql::Copy::Knows::damaged) return true;
        return copy.knows == sql::Copy::Knows::alive &&
               !crypto::open_record(ring_, copy.key, copy.bytes, options_.limits,
                                    options_.plain_records);
    }

    const ManagerOptions& options_;
    const FsckOptions& wanted_;
    crypto::KeyRing ring_;
    redis::RedisSurvey redis_;
    redis::RedisUpkeep upkeep_;
    std::shared_ptr<redis::RedisStore> store_;
    std::shared_ptr<async::Archive> archive_;
    sql::SqlUpkeep sql_;
    sql::SqlSurvey copies_;
    Deadline deadline_{};
    TimePoint now_{};
    std::vector<std::string> unreadable_;
    std::uint64_t readable_ = 0;
    ops::FsckReport report_;
};

/// What a manager does with its first answer over a connection: missing endings are replayed. The handle is nobody's.
Result<void> replay_endings(const ManagerOptions& options) {
    ManagerOptions looking = options;
    looking.jobs.run = false;
    const auto manager = SessionManager::open(std::move(looking));
    if (!manager) return manager.error();
    const auto absent = manager->end(Handle{}.text(), EndReason::ended_by_operator, "system");
    if (!absent) return absent.error();
    return {};
}

/// Marks first: a replay removes records.
Result<void> check_marks(Fsck& checker, runtime::Runtime& runtime, const ManagerOptions& options,
                         bool repair, std::vector<ops::Finding>& findings) {
    const Deadline deadline =
        deadline_in(options.redis.connect_timeout + options.sql.statement_timeout);
    const auto before =
        runtime::run_sync<std::vector<std::string>>(runtime, checker.behind(deadline), deadline);
    if (!before) return before.error();
    if (before->empty()) return {};
    std::vector<std::string> after = *before;
    if (repair) {
        if (const auto replayed = replay_endings(options); !replayed) return replayed.error();
        const Deadline again =
            deadline_in(options.redis.connect_timeout + options.sql.statement_timeout);
        auto still =
            runtime::run_sync<std::vector<std::string>>(runtime, checker.behind(again), again);
        if (!still) return still.error();
        after = std::move(*still);
    }
    for (const std::string& mark : *before) {
        const bool repaired = std::ranges::find(after, mark) == after.end();
        findings.push_back({Defect::mark_behind, options.redis.prefix + mark, repaired});
    }
    return {};
}

}  // namespace

Result<ops::FsckReport> fsck(const ManagerOptions& options, const FsckOptions& wanted) {
    if (options.store != StoreKind::redis)
        return Error{Errc::unsupported, "fsck compares Redis with SQL; sessions live in SQL only"};
    auto ring = crypto::KeyRing::open(options.keys);
    if (!ring) return std::move(ring).error();
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    Fsck checker(options, wanted, std::move(*ring), *sealer, *database, runtime);
    std::vector<ops::Finding> marks;
    const auto compared = check_marks(checker, runtime, options, wanted.repair, marks);
    const Deadline deadline = deadline_in(wanted.budget);
    auto report = compared
                      ? runtime::run_sync<ops::FsckReport>(runtime, checker.run(deadline), deadline)
                      : Result<ops::FsckReport>(compared.error());
    if (report) {
        for (ops::Finding& mark : marks) report->add(std::move(mark));
        const Deadline soon = deadline_in(options.sql.statement_timeout);
        const auto told =
            runtime::run_sync<std::uint32_t>(runtime, checker.tell(report->json(), soon), soon);
        if (!told) report->untold = told.error().detail;
    }
    runtime.stop();
    (*database)->close();
    return report;
}

}  // namespace vedfolnir::compose
