#include "jobs/snapshots.hpp"

#include "runtime/fail_point.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vedfolnir::jobs {
namespace {

using async::Dirty;
using async::Task;
using runtime::AtomicCounters;

/// Sealed bytes of one transaction: far below what a database takes in one statement.
constexpr std::size_t batch_bytes_max = 4U << 20U;

class Snapshots {
public:
    Snapshots(SnapshotStores stores, runtime::Abridge abridge, std::uint32_t batch)
        : stores_(std::move(stores)), abridge_(std::move(abridge)), batch_(batch) {}

    Task<JobResult> run(JobRun run) {
        auto result = co_await copy(std::move(run));
        if (!result) AtomicCounters::raise(stores_.counters->snapshots_failures);
        if (result) {
            AtomicCounters::raise(stores_.counters->snapshots_written, result->removed);
            stores_.counters->snapshots_lag_ms = static_cast<std::uint64_t>(result->lag.count());
        }
        co_return result;
    }

private:
    Task<JobResult> copy(JobRun run) {
        JobResult result;
        auto dirty = co_await stores_.hot->dirty(batch_, run.deadline);
        if (!dirty) co_return dirty.error();
        if (dirty->empty()) co_return result;
        const auto time = co_await stores_.hot->now(run.deadline);
        if (!time) co_return time.error();
        // Longest waiting first, over all shards.
        std::ranges::sort(*dirty, {}, &Dirty::due);
        result.lag = std::max(Millis{0}, Millis(*time - dirty->front().due));
        std::size_t at = 0;
        while (at < dirty->size() && run.goes_on()) {
            const auto end = std::min(dirty->size(), at + batch_);
            std::vector<Dirty> batch(dirty->begin() + static_cast<std::ptrdiff_t>(at),
                                     dirty->begin() + static_cast<std::ptrdiff_t>(end));
            const auto copied = co_await copy_batch(std::move(batch), run);
            if (!copied) co_return copied.error();
            result.removed += *copied;
            at = end;
        }
        result.more = dirty->size() >= batch_;
        co_return result;
    }

    Task<std::uint32_t> copy_batch(std::vector<Dirty> batch, const JobRun& run) {
        std::vector<StoreKey> keys;
        keys.reserve(batch.size());
        for (const Dirty& entry : batch) keys.push_back(entry.key);
        auto loaded = co_await stores_.hot->load_all(std::move(keys), run.deadline);
        if (!loaded) co_return loaded.error();
        std::uint32_t kept = 0;
        std::size_t bytes = 0;
        std::vector<async::Snapshot> snapshots;
        for (std::size_t i = 0; i < batch.size() && i < loaded->size(); ++i) {
            // Gone: it ended or expired, which SQL knows or finds out by itself.
            async::Standing& record = (*loaded)[i];
            if (!record.bytes || record.ttl <= Millis{0}) continue;
            auto worth = abridge_(batch[i].key, std::move(*record.bytes));
            if (!worth) continue;
            if (bytes + worth->size() > batch_bytes_max && !snapshots.empty()) {
                const auto put = co_await put_snapshots(std::exchange(snapshots, {}), run.deadline);
                if (!put) co_return put.error();
                kept += *put;
                bytes = 0;
            }
            bytes += worth->size();
            snapshots.push_back({batch[i].key, std::move(*worth), record.ttl});
        }
        const auto put = co_await put_snapshots(std::move(snapshots), run.deadline);
        if (!put) co_return put.error();
        runtime::fail_point("snapshots.put");
        const auto drained =
            co_await stores_.hot->drained(run.ticket.fence, std::move(batch), run.deadline);
        if (!drained) co_return drained.error();
        runtime::fail_point("snapshots.drained");
        co_return kept + *put;
    }

    Task<std::uint32_t> put_snapshots(std::vector<async::Snapshot> snapshots, Deadline deadline) {
        if (snapshots.empty()) co_return 0U;
        co_return co_await stores_.sink->put_snapshots(std::move(snapshots), deadline);
    }

    SnapshotStores stores_;
    runtime::Abridge abridge_;
    std::uint32_t batch_;
};

}  // namespace

Job snapshots(SnapshotStores stores, runtime::Abridge abridge, const SnapshotOptions& options) {
    auto job = std::make_shared<Snapshots>(std::move(stores), std::move(abridge), options.batch);
    // Twice within the lag that is promised: a change waits for the next run at most.
    return {.name = "snapshots",
            .interval = options.lag_max / 2,
            .often = true,
            .run = [job](JobRun run) { return job->run(std::move(run)); }};
}

}  // namespace vedfolnir::jobs
