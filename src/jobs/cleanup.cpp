#include "jobs/cleanup.hpp"

#include "jobs/schedule.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <span>
#include <utility>

namespace vedfolnir::jobs {
namespace {

using async::Task;
using runtime::AtomicCounters;

using namespace boost::asio::experimental::awaitable_operators;

/// What is listed at once: an exchange with all shards costs as much as several steps, and is made during them.
constexpr std::uint32_t steps_per_page = 4;
/// What the hot store looks at in one exchange, for which requests wait.
constexpr std::uint32_t entries_per_page = 1024;

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
    /// Entries of the hot store, in the order in which they fell due over all shards, as well as that is known.
    struct Page {
        std::vector<async::Gone> gone;
        std::uint32_t step = 0;
    };

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
        return batches_left_ > 0 && may_act(run);
    }
    [[nodiscard]] static bool may_act(const JobRun& run) {
        return run.goes_on() && std::chrono::steady_clock::now() < run.deadline;
    }

    /// While SQL closes the rows of a page, the hot store forgets the page before and lists the next.
    Task<bool> sweep(const JobRun& run, JobResult& result) {
        auto due = co_await stores_.hot->shards_due(run.deadline);
        if (!due) co_return due.error();
        shards_ = std::move(*due);
        auto page = co_await list(run, result);
        std::vector<async::Gone> closed;
        for (;;) {
            if (!page) co_return page.error();
            if (page->gone.empty() && closed.empty() && !(shards_left(run))) co_return true;
            // Both are named: GCC 12 destroys temporaries inside a co_await twice.
            auto closing = close(std::move(*page), run);
            auto turning = forget_and_list(std::move(closed), run, result);
            auto both = std::move(closing) && std::move(turning);
            auto [done, next] = co_await std::move(both);
            if (!done) co_return done.error();
            closed = std::move(*done);
            page = std::move(next);
        }
    }

    [[nodiscard]] bool shards_left(const JobRun& run) const {
        return !shards_.empty() && goes_on(run);
    }

    Task<Page> forget_and_list(std::vector<async::Gone> closed, const JobRun& run,
                               JobResult& result) {
        if (!closed.empty()) {
            const auto removed =
                co_await stores_.hot->forget(run.ticket.fence, std::move(closed), run.deadline);
            if (!removed) co_return removed.error();
            result.removed += *removed;
            AtomicCounters::raise(stores_.counters->cleanup_removed, *removed);
        }
        co_return co_await list(run, result);
    }

    /// Takes as many steps off the run as the page will need.
    Task<Page> list(const JobRun& run, JobResult& result) {
        Page page;
        if (!shards_left(run)) co_return page;
        page.step = closing_.now();
        const auto steps = std::min(steps_per_page, batches_left_);
        const auto entries =
            std::max(options_.batch, std::min(entries_per_page, page.step * steps));
        const auto count = std::min<std::size_t>(shards_.size(), entries);
        std::vector<std::uint8_t> shards(shards_.end() - static_cast<std::ptrdiff_t>(count),
                                         shards_.end());
        shards_.resize(shards_.size() - count);
        auto due =
            co_await stores_.hot->due(std::move(shards), run.ticket.fence,
                                      entries / static_cast<std::uint32_t>(count), run.deadline);
        if (!due) co_return due.error();
        shards_.insert(shards_.end(), due->full.begin(), due->full.end());
        const auto time = co_await stores_.hot->now(run.deadline);
        if (!time) co_return time.error();
        if (due->oldest) result.lag = std::max(result.lag, Millis(*time - *due->oldest));
        page.gone = in_turn(std::move(due->gone));
        batches_left_ -= std::max(1U, steps_of(page));
        co_return page;
    }

    /// The first of each shard, then the second of each, and so on: so neighbours in time share a step, and pages of the
    /// tables in SQL.
    [[nodiscard]] static std::vector<async::Gone> in_turn(std::vector<async::Gone> gone) {
        std::array<std::uint32_t, 256> seen{};
        std::vector<std::pair<std::uint32_t, async::Gone>> placed;
        placed.reserve(gone.size());
        for (const async::Gone& each : gone) placed.emplace_back(seen.at(each.key.shard)++, each);
        std::ranges::stable_sort(placed, {}, [](const auto& one) { return one.first; });
        std::ranges::transform(placed, gone.begin(), [](const auto& one) { return one.second; });
        return gone;
    }

    [[nodiscard]] static std::uint32_t steps_of(const Page& page) {
        return (static_cast<std::uint32_t>(page.gone.size()) + page.step - 1) / page.step;
    }

    /// SQL first: who hears of the sweep later finds the row closed. What the hot store may forget.
    Task<std::vector<async::Gone>> close(Page page, const JobRun& run) {
        std::vector<async::Gone> closed;
        std::span<const async::Gone> rest(page.gone);
        while (!rest.empty() && may_act(run)) {
            const auto now = rest.first(std::min<std::size_t>(rest.size(), page.step));
            rest = rest.subspan(now.size());
            const auto time = co_await stores_.hot->now(run.deadline);
            if (!time) co_return time.error();
            const auto began = std::chrono::steady_clock::now();
            std::vector<async::Gone> gone(now.begin(), now.end());
            auto done =
                co_await stores_.sql->close_gone(run.ticket, std::move(gone), *time, run.deadline);
            if (!done) {
                closing_.failed();
                co_return done.error();
            }
            closing_.took(static_cast<std::uint32_t>(now.size()),
                          std::chrono::steady_clock::now() - began);
            count_closed(done->closed);
            std::ranges::move(done->gone, std::back_inserter(closed));
        }
        co_return closed;
    }

    void count_closed(std::uint32_t rows) {
        AtomicCounters::raise(stores_.counters->cleanup_closed, rows);
        stores_.counters->count_ended(EndReason::expired, rows);
    }

    Task<bool> close_and_purge(const JobRun& run, JobResult& result) {
        const TimePoint now = wall_clock();
        for (bool full = true; full && goes_on(run);) {
            --batches_left_;
            const auto step = closing_.now();
            const auto began = std::chrono::steady_clock::now();
            const auto closed =
                co_await stores_.sql->close_expired(run.ticket, now, step, run.deadline);
            if (!closed) {
                closing_.failed();
                co_return closed.error();
            }
            closing_.took(*closed, std::chrono::steady_clock::now() - began);
            full = *closed >= step;
            count_closed(*closed);
            if (stores_.hot) continue;
            // Without a hot store the row is the session.
            result.removed += *closed;
            AtomicCounters::raise(stores_.counters->cleanup_removed, *closed);
        }
        for (bool full = true; full && goes_on(run);) {
            --batches_left_;
            const auto step = purging_.now();
            const auto began = std::chrono::steady_clock::now();
            const auto purged = co_await stores_.sql->purge(run.ticket, async::Retained::records,
                                                            now, step, run.deadline);
            if (!purged) {
                purging_.failed();
                co_return purged.error();
            }
            purging_.took(*purged, std::chrono::steady_clock::now() - began);
            full = *purged >= step;
        }
        co_return true;
    }

    Stores stores_;
    JobOptions options_;
    std::uint32_t batches_left_ = 0;
    std::vector<std::uint8_t> shards_;  ///< In which more may have fallen due.
    StepSize closing_{options_.batch};
    StepSize purging_{options_.batch};
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
        // so is the row that says how a session ended. Events come last: what keeps them from going (an archive that
        // cannot be looked at) keeps nothing else.
        const std::array kept{Kept{async::Retained::sessions,
                                   std::max(options_.ended_kept, lifetimes_.clock_skew_max)},
                              Kept{async::Retained::revocations,
                                   lifetimes_.clock_skew_max + options_.restorable_backup},
                              Kept{async::Retained::statistics, options_.statistics_kept},
                              Kept{async::Retained::audit, options_.audit_kept}};
        std::uint32_t batches = options_.batches_max;
        for (const Kept& rows : kept) {
            // Anew for each kind and run: what removes rows of one kind quickly may take long with those of another.
            StepSize size(options_.batch);
            for (bool full = true; full && batches > 0 && run.goes_on();) {
                --batches;
                const auto step = size.now();
                const auto began = std::chrono::steady_clock::now();
                const auto purged = co_await stores_.sql->purge(
                    run.ticket, rows.rows, now - rows.time, step, run.deadline);
                if (!purged) co_return purged.error();
                size.took(*purged, std::chrono::steady_clock::now() - began);
                full = *purged >= step;
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
