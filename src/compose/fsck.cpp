#include "compose/fsck.hpp"

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
#include <utility>

namespace vedfolnir::compose {
namespace {

using async::Task;
using ops::Defect;
using Kind = redis::Surveyed::Kind;

constexpr std::uint32_t page = 200;
constexpr std::uint32_t row_page = 1000;
/// What is younger may be under way: a login, a copy, an ending.
constexpr Seconds under_way{60};
/// Unreadable to us and gone so soon: where parallel logins by a remember-me token meet.
constexpr Millis short_lived{60'000};

class Fsck {
public:
    Fsck(const ManagerOptions& options, const FsckOptions& wanted, crypto::KeyRing ring,
         const std::shared_ptr<sql::Database>& database, const runtime::Runtime& runtime)
        : options_(options),
          wanted_(wanted),
          ring_(std::move(ring)),
          redis_(runtime.executor(), options.redis),
          upkeep_(runtime.executor(), options.redis),
          store_(redis::make_store(runtime.executor(), options.redis, nullptr)),
          archive_(sql::make_archive(database)),
          sql_(database),
          copies_(database) {}

    /// Records first: a record that goes leaves entries, which the sets show then.
    Task<ops::FsckReport> run(Deadline deadline) {
        deadline_ = deadline;
        const auto now = co_await upkeep_.now(soon());
        if (!now) co_return now.error();
        now_ = *now;
        for (const bool sets : {false, true}) {
            const auto walked = co_await walk(sets);
            if (!walked) co_return walked.error();
        }
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

private:
    [[nodiscard]] Deadline soon() const {
        return std::min(deadline_, deadline_in(options_.redis.connect_timeout +
                                               options_.sql.statement_timeout));
    }
    void found(Defect defect, std::string where, bool repaired) {
        report_.add({defect, std::move(where), repaired});
    }

    /// The whole keyspace once: records, or what lists them.
    Task<bool> walk(bool sets) {
        std::uint64_t cursor = 0;
        std::vector<redis::Surveyed> records;
        do {
            if (std::chrono::steady_clock::now() >= deadline_)
                co_return Error{Errc::deadline_exceeded, "fsck: the time for it is over"};
            auto scanned = co_await redis_.scan(cursor, soon());
            if (!scanned) co_return scanned.error();
            cursor = scanned->cursor;
            for (redis::Surveyed& key : scanned->keys) {
                if (!sets) ++report_.keys;
                if (!sets && key.kind == Kind::record) records.push_back(std::move(key));
                if (!sets) continue;
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
            if (wanted_.progress) wanted_.progress(report_);
        } while (cursor != 0);
        co_return true;
    }

    Task<bool> check_records(std::vector<redis::Surveyed> batch) {
        std::vector<StoreKey> keys;
        for (const auto& record : batch) keys.push_back(record.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto& stands = (*standing)[i];
            if (!stands.bytes) continue;
            ++report_.records;
            const auto checked = co_await check_record(batch[i], *stands.bytes, stands.ttl);
            if (!checked) co_return checked.error();
        }
        co_return true;
    }

    Task<bool> check_record(redis::Surveyed record, std::string bytes, Millis ttl) {
        const auto note = model::parse_note(bytes);
        const auto opened = note ? std::nullopt
                                 : crypto::open_record(ring_, record.key, bytes, options_.limits,
                                                       options_.plain_records);
        const bool endless = ttl <= Millis{0};
        if (!note && !opened) {
            if (!endless && ttl <= short_lived) co_return true;
            const auto done = co_await repair(redis_.remove(record.name, soon()));
            if (!done) co_return done.error();
            found(Defect::record_unreadable, record.name, *done);
            co_return true;
        }
        if (!endless) co_return true;
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
            const auto done =
                co_await repair(redis_.remove_member(set.name, entries[i].member, soon()));
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
            if (rows->size() < row_page) co_return true;
            query.after = rows->back().handle;
            if (wanted_.progress) wanted_.progress(report_);
        }
    }

    Task<bool> check_rows(const std::vector<async::SessionRow>& rows) {
        std::vector<StoreKey> keys;
        for (const auto& row : rows) keys.push_back(row.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if ((*standing)[i].bytes || rows[i].authenticated > now_ - under_way) continue;
            const auto copy = co_await copies_.alive(rows[i].key, soon());
            if (!copy) co_return copy.error();
            if (*copy) continue;  // it comes back when it is asked for
            const auto closed = co_await close(rows[i]);
            if (!closed) co_return closed.error();
            found(Defect::row_unclosed, rows[i].handle.text(), *closed);
        }
        co_return true;
    }

    Task<bool> close(async::SessionRow row) {
        if (!wanted_.repair) co_return false;
        const async::Ticket ticket{"fsck", 0};
        std::vector<async::Gone> gone{{row.key, row.handle, {}}};
        const auto closed = co_await sql_.close_gone(ticket, std::move(gone), now_, soon());
        if (!closed) co_return closed.error();
        co_return closed->closed > 0;
    }

    Task<bool> copies() {
        std::string after;
        for (;;) {
            const auto copies = co_await copies_.copies(after, page, soon());
            if (!copies) co_return copies.error();
            report_.copies += copies->size();
            for (const auto& copy : *copies) {
                after = copy.key.text();
                if (copy.note || crypto::open_record(ring_, copy.key, copy.bytes, options_.limits,
                                                     options_.plain_records))
                    continue;
                const auto done = co_await repair(copies_.remove(copy.key, soon()));
                if (!done) co_return done.error();
                found(Defect::copy_unreadable, copy.key.text(), *done);
            }
            if (copies->size() < page) co_return true;
        }
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
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    Fsck checker(options, wanted, std::move(*ring), *database, runtime);
    std::vector<ops::Finding> marks;
    const auto compared = check_marks(checker, runtime, options, wanted.repair, marks);
    const Deadline deadline = deadline_in(wanted.budget);
    auto report = compared
                      ? runtime::run_sync<ops::FsckReport>(runtime, checker.run(deadline), deadline)
                      : Result<ops::FsckReport>(compared.error());
    runtime.stop();
    (*database)->close();
    if (report) {
        for (ops::Finding& mark : marks) report->add(std::move(mark));
    }
    return report;
}

}  // namespace vedfolnir::compose
