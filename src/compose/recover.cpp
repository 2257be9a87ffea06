#include "compose/recover.hpp"

#include "model/record.hpp"
#include "policy/lifetime.hpp"
#include "redis/redis_store.hpp"
#include "redis/upkeep.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "sql/survey.hpp"
#include "sql/upkeep.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace vedfolnir::compose {
namespace {

namespace asio = boost::asio;
using async::Task;
using sql::Recoverable;

constexpr std::uint32_t page = 100;

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

class Recovery {
public:
    Recovery(const ManagerOptions& options, const RecoverOptions& wanted,
             const std::shared_ptr<sql::Database>& database, const runtime::Runtime& runtime)
        : options_(options),
          wanted_(wanted),
          executor_(runtime.executor()),
          copies_(database),
          sql_(database),
          redis_(redis::make_store(executor_, options.redis, nullptr)),
          upkeep_(executor_, options.redis) {}

    Task<RecoverReport> run(Deadline deadline) {
        deadline_ = deadline;
        JobStatus note;
        note.job = "recover";
        note.started = wall_clock();
        const auto done = co_await all();
        note.finished = wall_clock();
        note.outcome = done ? "done" : "failed";
        note.detail = report_.json();
        note.runs = 1;
        note.failures = done ? 0 : 1;
        note.removed = note.removed_last = report_.restored;
        if (done) note.succeeded = note.finished;
        if (!wanted_.dry_run) {
            const auto noted = co_await sql_.note_run(note, soon());
            if (done && !noted) co_return noted.error();
        }
        if (!done) co_return done.error();
        co_return report_;
    }

private:
    [[nodiscard]] Deadline soon() const {
        return std::min(deadline_, deadline_in(options_.redis.connect_timeout +
                                               options_.sql.statement_timeout));
    }

    Task<bool> all() {
        std::string after;
        const auto began = std::chrono::steady_clock::now();
        for (;;) {
            if (std::chrono::steady_clock::now() >= deadline_)
                co_return Error{Errc::deadline_exceeded, "recover: the time for it is over"};
            auto copies = co_await copies_.recoverable(after, page, soon());
            if (!copies) co_return copies.error();
            const bool last = copies->size() < page;
            if (!copies->empty()) after = copies->back().key.text();
            report_.seen += copies->size();
            const auto put = co_await put_back(std::move(*copies));
            if (!put) co_return put.error();
            if (wanted_.progress) wanted_.progress(report_);
            if (last) co_return true;
            co_await keep_pace(began);
        }
    }

    /// No faster than permitted, over all that was seen so far.
    asio::awaitable<void> keep_pace(std::chrono::steady_clock::time_point began) {
        if (wanted_.per_second == 0) co_return;
        asio::steady_timer pause(executor_,
                                 began + Millis(report_.seen * 1000 / wanted_.per_second));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }

    Task<bool> put_back(std::vector<Recoverable> copies) {
        std::vector<Recoverable> alive;
        for (Recoverable& copy : copies) {
            if (copy.knows == Recoverable::Knows::ended) ++report_.ended;
            if (copy.knows == Recoverable::Knows::expired) ++report_.expired;
            if (copy.knows == Recoverable::Knows::alive) alive.push_back(std::move(copy));
        }
        if (alive.empty()) co_return true;
        if (wanted_.dry_run) co_return co_await look(std::move(alive));
        std::vector<StoreKey> made;
        for (Recoverable& copy : alive) {
            const auto put = co_await put_one(std::move(copy), made);
            if (!put) co_return put.error();
        }
        co_return co_await remove_ended(std::move(made));
    }

    /// Only where nothing stands: what stands there was used since, or says why nothing does.
    Task<bool> put_one(Recoverable copy, std::vector<StoreKey>& made) {
        const auto header = model::parse_header(copy.bytes);
        const auto now = co_await redis_->now(soon());
        if (!now) co_return now.error();
        if (!header || policy::judge(*header, options_.lifetimes, *now) != policy::Life::alive) {
            ++report_.refused;
            co_return true;
        }
        const auto status =
            co_await redis_->create(copy.key, std::move(copy.bytes), copy.ttl, soon());
        if (!status) co_return status.error();
        switch (*status) {
        case async::CreateStatus::created:
            ++report_.restored;
            made.push_back(copy.key);
            break;
        case async::CreateStatus::exists:
            ++report_.present;
            break;
        case async::CreateStatus::stale_epoch:
            ++report_.ended;
            break;
        }
        co_return true;
    }

    /// Endings go to SQL first. One that came in after a copy was read, and reached Redis before the copy did, is seen now.
    Task<bool> remove_ended(std::vector<StoreKey> made) {
        if (made.empty()) co_return true;
        const auto over = co_await copies_.over(std::move(made), soon());
        if (!over) co_return over.error();
        for (const StoreKey& key : *over) {
            const auto erased = co_await redis_->erase(key, {}, Millis{0}, soon());
            if (!erased) co_return erased.error();
            --report_.restored;
            ++report_.ended;
        }
        co_return true;
    }

    Task<bool> look(std::vector<Recoverable> alive) {
        std::vector<StoreKey> keys;
        for (const Recoverable& copy : alive) keys.push_back(copy.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        for (const auto& record : *standing) ++(record.bytes ? report_.present : report_.restored);
        co_return true;
    }

    const ManagerOptions& options_;
    const RecoverOptions& wanted_;
    asio::any_io_executor executor_;
    sql::SqlSurvey copies_;
    sql::SqlUpkeep sql_;
    std::shared_ptr<redis::RedisStore> redis_;
    redis::RedisUpkeep upkeep_;
    Deadline deadline_{};
    RecoverReport report_;
};

}  // namespace

std::string RecoverReport::json() const {
    return fmt::format(
        R"({{"seen":{},"restored":{},"present":{},"ended":{},"expired":{},"refused":{}}})", seen,
        restored, present, ended, expired, refused);
}

Result<RecoverReport> recover(const ManagerOptions& options, const RecoverOptions& wanted) {
    if (options.store != StoreKind::redis)
        return Error{Errc::unsupported, "sessions live in SQL; there is nothing to put back"};
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    Recovery recovery(options, wanted, *database, runtime);
    const Deadline deadline = deadline_in(wanted.budget);
    auto report = runtime::run_sync<RecoverReport>(runtime, recovery.run(deadline), deadline);
    runtime.stop();
    (*database)->close();
    return report;
}

}  // namespace vedfolnir::compose
