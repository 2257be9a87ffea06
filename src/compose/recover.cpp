#include "compose/recover.hpp"

#include "compose/audit_keys.hpp"
#include "model/record.hpp"
#include "redis/redis_store.hpp"
#include "redis/upkeep.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "sql/survey.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace vedfolnir::compose {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using async::RestoreStatus;
using async::Task;
using sql::Copy;

constexpr std::uint32_t page = 500;
/// A batch is many commands; nobody waits for it as for a page.
constexpr Millis batch_timeout{5'000};
/// A session whose shard keeps applying endings while it is looked at.
constexpr int tries_max = 3;

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

RedisOptions patient(RedisOptions options) {
    options.request_timeout = std::max(options.request_timeout, batch_timeout);
    return options;
}

bool same_write(const std::string& a, const std::string& b) {
    const auto first = model::parse_header(a);
    const auto second = model::parse_header(b);
    return first && second && first->operation == second->operation &&
           first->generation == second->generation;
}

class Recovery {
public:
    Recovery(const ManagerOptions& options, const RecoverOptions& wanted,
             const std::shared_ptr<sql::Database>& database, const sql::SharedSealer& sealer,
             const runtime::Runtime& runtime)
        : options_(options),
          wanted_(wanted),
          executor_(runtime.executor()),
          copies_(database),
          archive_(sql::make_archive(database, sealer)),
          fallback_(sql::make_fallback(database, sealer)),
          redis_(redis::make_store(executor_, patient(options.redis), nullptr)),
          upkeep_(executor_, patient(options.redis)) {}

    Task<RecoverReport> run(Deadline deadline) {
        deadline_ = deadline;
        const auto done = co_await all();
        // What was restored stays and is told, also where the rest failed.
        if (!wanted_.dry_run && (done || report_.restored > 0)) {
            const auto told = co_await tell(done.has_value());
            if (done && !told) co_return told.error();
        }
        if (!done) co_return done.error();
        co_return report_;
    }

private:
    [[nodiscard]] Deadline soon() const {
        return std::min(deadline_, deadline_in(options_.redis.connect_timeout + batch_timeout +
                                               options_.sql.statement_timeout));
    }

    Task<std::uint32_t> tell(bool whole) {
        async::AuditEvent event;
        event.at = wall_clock();
        event.type = whole ? "recovery.done" : "recovery.cut_short";
        event.actor = wanted_.actor;
        event.detail = report_.json();
        std::vector<async::AuditEvent> events;
        events.push_back(std::move(event));
        return archive_->append(std::move(events), soon());
    }

    /// Two ranges of shards at the same time: the hot store works on a batch of one while the answers of the other are read.
    Task<bool> all() {
        const auto count = co_await copies_.count(soon());
        if (!count) co_return count.error();
        const auto began = std::chrono::steady_clock::now();
        // Both are named: GCC 12 destroys temporaries inside a co_await twice.
        auto lower = range({}, 0x7f, *count, began);
        auto upper = range("80", 0xff, *count, began);
        auto both = std::move(lower) && std::move(upper);
        const auto [one, other] = co_await std::move(both);
        if (!one) co_return one.error();
        co_return other;
    }

    /// The copies behind `after`, up to those of shard `last_shard`.
    Task<bool> range(std::string after, std::uint8_t last_shard, std::uint64_t count,
                     std::chrono::steady_clock::time_point began) {
        auto copies = co_await copies_.copies(std::move(after), page_size(), soon());
        for (;;) {
            if (!copies) co_return copies.error();
            if (std::chrono::steady_clock::now() >= deadline_)
                co_return Error{Errc::deadline_exceeded, "recover: the time for it is over"};
            const auto of_others = std::ranges::find_if(
                *copies, [&](const Copy& copy) { return copy.key.shard > last_shard; });
            const bool last = copies->size() < page_size() || of_others != copies->end();
            copies->erase(of_others, copies->end());
            report_.seen += copies->size();
            const auto next_after = last ? std::string() : copies->back().key.text();
            auto putting = put_back(std::move(*copies));
            if (last) {
                const auto put = co_await std::move(putting);
                if (wanted_.progress) wanted_.progress(report_, count);
                co_return put;
            }
            auto reading = copies_.copies(next_after, page_size(), soon());
            auto both = std::move(reading) && std::move(putting);
            auto [next, put] = co_await std::move(both);
            if (!put) co_return put.error();
            if (wanted_.progress) wanted_.progress(report_, count);
            co_await keep_pace(began);
            copies = std::move(next);
        }
    }

    /// Of each of the two ranges.
    [[nodiscard]] std::uint32_t page_size() const {
        if (wanted_.per_second == 0) return page;
        return std::clamp(wanted_.per_second / 2, 1U, page);
    }

    /// No faster than permitted, over all that was seen so far.
    asio::awaitable<void> keep_pace(std::chrono::steady_clock::time_point began) {
        if (wanted_.per_second == 0) co_return;
        const Millis due(report_.seen * 1000 / wanted_.per_second);
        asio::steady_timer pause(executor_, std::min(began + due, deadline_));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }

    Task<bool> put_back(std::vector<Copy> copies) {
        std::vector<Copy> alive;
        for (Copy& copy : copies) {
            if (copy.knows == Copy::Knows::ended) ++report_.ended;
            if (copy.knows == Copy::Knows::expired) ++report_.expired;
            if (copy.knows == Copy::Knows::damaged) ++report_.damaged;
            if (copy.knows == Copy::Knows::alive) alive.push_back(std::move(copy));
        }
        if (alive.empty()) co_return true;
        if (wanted_.dry_run) co_return co_await look(std::move(alive));
        for (int tries = 0; tries < tries_max && !alive.empty(); ++tries) {
            auto outdated = co_await restore(std::move(alive));
            if (!outdated) co_return outdated.error();
            auto again = co_await read_anew(std::move(*outdated));
            if (!again) co_return again.error();
            alive = std::move(*again);
        }
        report_.rejected += alive.size();
        co_return true;
    }

    /// What has to be read anew, because its shard applied an ending meanwhile.
    Task<std::vector<Copy>> restore(std::vector<Copy> alive) {
        std::vector<async::RestoreItem> items;
        items.reserve(alive.size());
        for (const Copy& copy : alive)
            items.push_back({copy.key, copy.bytes, copy.ttl, copy.sequence});
        const auto replies =
            co_await redis_->restore(std::move(items), options_.lifetimes.clock_skew_max, soon());
        if (!replies) co_return replies.error();
        std::vector<Copy> outdated;
        for (std::size_t i = 0; i < std::min(alive.size(), replies->size()); ++i) {
            if ((*replies)[i].status == RestoreStatus::outdated)
                outdated.push_back(std::move(alive[i]));
            else
                count((*replies)[i], alive[i].bytes);
        }
        co_return outdated;
    }

    void count(const async::RestoreReply& reply, const std::string& bytes) {
        switch (reply.status) {
        case RestoreStatus::restored:
            ++report_.restored;
            break;
        case RestoreStatus::newer:
            ++(same_write(bytes, reply.current) ? report_.present : report_.conflicting);
            break;
        case RestoreStatus::ended:
        case RestoreStatus::outdated:
            ++report_.ended;
            break;
        case RestoreStatus::skewed:
            ++report_.rejected;
            break;
        case RestoreStatus::tied:
            ++report_.lost;
            break;
        }
    }

    Task<std::vector<Copy>> read_anew(std::vector<Copy> copies) {
        std::vector<Copy> alive;
        for (const Copy& copy : copies) {
            auto kept = co_await fallback_->load(copy.key, soon());
            if (!kept) co_return kept.error();
            if (kept->knows == async::FallbackRecord::Knows::ended) ++report_.ended;
            if (kept->knows == async::FallbackRecord::Knows::unknown) ++report_.expired;
            if (kept->knows != async::FallbackRecord::Knows::found) continue;
            alive.push_back(
                {copy.key, Copy::Knows::alive, std::move(kept->bytes), kept->ttl, kept->sequence});
        }
        co_return alive;
    }

    Task<bool> look(std::vector<Copy> alive) {
        std::vector<StoreKey> keys;
        keys.reserve(alive.size());
        for (const Copy& copy : alive) keys.push_back(copy.key);
        const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
        if (!standing) co_return standing.error();
        for (const async::Standing& record : *standing)
            ++(record.bytes ? report_.present : report_.restored);
        co_return true;
    }

    const ManagerOptions& options_;
    const RecoverOptions& wanted_;
    asio::any_io_executor executor_;
    sql::SqlSurvey copies_;
    std::shared_ptr<async::Archive> archive_;
    std::shared_ptr<sql::SqlFallback> fallback_;
    std::shared_ptr<redis::RedisStore> redis_;
    redis::RedisUpkeep upkeep_;
    Deadline deadline_{};
    RecoverReport report_;
};

}  // namespace

std::string RecoverReport::json() const {
    return fmt::format(
        R"({{"seen":{},"restored":{},"present":{},"conflicting":{},"ended":{},"expired":{},"rejected":{},"damaged":{},"lost":{}}})",
        seen, restored, present, conflicting, ended, expired, rejected, damaged, lost);
}

Result<RecoverReport> recover(const ManagerOptions& options, const RecoverOptions& wanted) {
    if (options.store != StoreKind::redis)
        return Error{Errc::unsupported, "sessions live in SQL; there is nothing to put back"};
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    auto database =
        sql::make_database(options.sql, options.state_dir,
                           {.statement_timeout = options.sql.statement_timeout, .clock = {}});
    if (!database) return std::move(database).error();
    runtime::Runtime runtime;
    Recovery recovery(options, wanted, *database, *sealer, runtime);
    const Deadline deadline = deadline_in(wanted.budget);
    auto report = runtime::run_sync<RecoverReport>(runtime, recovery.run(deadline), deadline);
    runtime.stop();
    (*database)->close();
    return report;
}

}  // namespace vedfolnir::compose
