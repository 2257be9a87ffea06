#include "jobs/cleanup.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace vedfolnir::jobs {
namespace {

using async::Task;
using runtime::AtomicCounters;

/// They share a transaction in SQL, so that few entries in each do not cost one each.
constexpr std::size_t shards_per_batch = 16;

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

class Cleanup : public std::enable_shared_from_this<Cleanup> {
public:
    Cleanup(Stores stores, const JobOptions& options)
        : stores_(std::move(stores)), options_(options) {}

    Task<JobResult> run(JobRun run) {
        const auto began = std::chrono::steady_clock::now();
        AtomicCounters& counters = *stores_.counters;
        AtomicCounters::raise(counters.cleanup_runs);
        auto result = co_await work(std::move(run));
        if (!result) AtomicCounters::raise(counters.cleanup_failures);
        const auto took =
            std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began);
        AtomicCounters::raise(counters.cleanup_ms, static_cast<std::uint64_t>(took.count()));
        co_return result;
    }

private:
    Task<JobResult> work(JobRun run) {
        JobResult result;
        batches_left_ = options_.batches_max;
        if (stores_.hot) {
            const auto swept = co_await sweep(run, result);
            if (!swept) co_return swept.error();
        }
        const auto closed = co_await close_and_purge(run, result);
        if (!closed) co_return closed.error();
        result.more = batches_left_ == 0;
        co_return result;
    }

    [[nodiscard]] bool goes_on(const JobRun& run) const {
        return batches_left_ > 0 && run.goes_on() &&
               std::chrono::steady_clock::now() < run.deadline;
    }

    Task<bool> sweep(const JobRun& run, JobResult& result) {
        auto due = co_await stores_.hot->shards_due(run.deadline);
        if (!due) co_return due.error();
        while (!due->empty() && goes_on(run)) {
            --batches_left_;
            const auto count =
                std::min<std::size_t>({due->size(), shards_per_batch, std::size_t{options_.batch}});
            std::vector<std::uint8_t> shards(due->end() - static_cast<std::ptrdiff_t>(count),
                                             due->end());
            due->resize(due->size() - count);
            const auto full = co_await sweep_batch(std::move(shards), run, result);
            if (!full) co_return full.error();
            due->insert(due->end(), full->begin(), full->end());
        }
        co_return true;
    }

    /// SQL first: who hears of the sweep later finds the row closed. The shards that may hold more.
    Task<std::vector<std::uint8_t>> sweep_batch(std::vector<std::uint8_t> shards, const JobRun& run,
                                                JobResult& result) {
        const auto each = options_.batch / static_cast<std::uint32_t>(shards.size());
        auto page =
            co_await stores_.hot->due(std::move(shards), run.ticket.fence, each, run.deadline);
        if (!page) co_return page.error();
        const auto time = co_await stores_.hot->now(run.deadline);
        if (!time) co_return time.error();
        if (page->oldest) result.lag = std::max(result.lag, Millis(*time - *page->oldest));
        if (page->gone.empty()) co_return std::move(page->full);
        auto closed = co_await stores_.sql->close_gone(run.ticket, std::move(page->gone), *time,
                                                       run.deadline);
        if (!closed) co_return closed.error();
        const auto removed =
            co_await stores_.hot->forget(run.ticket.fence, std::move(closed->gone), run.deadline);
        if (!removed) co_return removed.error();
        result.removed += *removed;
        AtomicCounters::raise(stores_.counters->cleanup_removed, *removed);
        count_closed(closed->closed);
        co_return std::move(page->full);
    }

    void count_closed(std::uint32_t rows) {
        AtomicCounters::raise(stores_.counters->cleanup_closed, rows);
        stores_.counters->count_ended(EndReason::expired, rows);
    }

    Task<bool> close_and_purge(const JobRun& run, JobResult& result) {
        const TimePoint now = wall_clock();
        for (bool full = true; full && goes_on(run);) {
            --batches_left_;
            const auto closed =
                co_await stores_.sql->close_expired(run.ticket, now, options_.batch, run.deadline);
            if (!closed) co_return closed.error();
            full = *closed >= options_.batch;
            count_closed(*closed);
            if (stores_.hot) continue;
            // Without a hot store the row is the session.
            result.removed += *closed;
            AtomicCounters::raise(stores_.counters->cleanup_removed, *closed);
        }
        for (bool full = true; full && goes_on(run);) {
            --batches_left_;
            const auto purged = co_await stores_.sql->purge(run.ticket, async::Retained::records,
                                                            now, options_.batch, run.deadline);
            if (!purged) co_return purged.error();
            full = *purged >= options_.batch;
        }
        co_return true;
    }

    Stores stores_;
    JobOptions options_;
    std::uint32_t batches_left_ = 0;
};

class Retention : public std::enable_shared_from_this<Retention> {
public:
    Retention(Stores stores, const JobOptions& options, const Lifetimes& lifetimes)
        : stores_(std::move(stores)), options_(options), lifetimes_(lifetimes) {}

    Task<JobResult> run(JobRun run) {
        JobResult result;
        const TimePoint now = wall_clock();
        struct Kept {
            async::Retained rows;
            Seconds time;
        };
        // A revocation is kept beyond the life of its sessions for as long as a backup with them might be restored, and
        // so is the row that says how a session ended.
        const std::array kept{Kept{async::Retained::sessions,
                                   std::max(options_.ended_kept, lifetimes_.clock_skew_max)},
                              Kept{async::Retained::audit, options_.audit_kept},
                              Kept{async::Retained::revocations,
                                   lifetimes_.clock_skew_max + options_.restorable_backup},
                              Kept{async::Retained::statistics, options_.statistics_kept}};
        std::uint32_t batches = options_.batches_max;
        for (const Kept& rows : kept) {
            for (bool full = true; full && batches > 0 && run.goes_on();) {
                --batches;
                const auto purged = co_await stores_.sql->purge(
                    run.ticket, rows.rows, now - rows.time, options_.batch, run.deadline);
                if (!purged) co_return purged.error();
                full = *purged >= options_.batch;
                result.removed += *purged;
                AtomicCounters::raise(stores_.counters->retention_removed, *purged);
            }
        }
        result.more = batches == 0;
        co_return result;
    }

private:
    Stores stores_;
    JobOptions options_;
    Lifetimes lifetimes_;
};

}  // namespace

Job cleanup(Stores stores, const JobOptions& options) {
    auto job = std::make_shared<Cleanup>(std::move(stores), options);
    return {.name = "cleanup", .interval = options.cleanup_interval, .run = [job](JobRun run) {
                return job->run(std::move(run));
            }};
}

Job retention(Stores stores, const JobOptions& options, const Lifetimes& lifetimes) {
    auto job = std::make_shared<Retention>(std::move(stores), options, lifetimes);
    return {.name = "retention", .interval = options.retention_interval, .run = [job](JobRun run) {
                return job->run(std::move(run));
            }};
}

}  // namespace vedfolnir::jobs
