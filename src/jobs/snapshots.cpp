#include "jobs/snapshots.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace vedfolnir::jobs {
namespace {

using async::Dirty;
using async::Task;
using runtime::AtomicCounters;

class Snapshots : public std::enable_shared_from_this<Snapshots> {
public:
    Snapshots(Stores stores, Abridge abridge, const JobOptions& options)
        : stores_(std::move(stores)), abridge_(std::move(abridge)), batch_(options.batch) {}

    Task<JobResult> run(JobRun run) {
        auto result = co_await copy(std::move(run));
        if (!result) AtomicCounters::raise(stores_.counters->snapshots_failures);
        if (result) {
            AtomicCounters::raise(stores_.counters->snapshots_written, result->removed);
            AtomicCounters::set(stores_.counters->snapshots_lag_ms,
                                static_cast<std::uint64_t>(result->lag.count()));
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
        std::ranges::sort(*dirty, {}, &Dirty::changed);
        result.lag = std::max(Millis{0}, Millis(*time - dirty->front().changed));
        for (std::size_t at = 0; at < dirty->size() && run.goes_on(); at += batch_) {
            const auto end = std::min(dirty->size(), at + batch_);
            std::vector<Dirty> batch(dirty->begin() + static_cast<std::ptrdiff_t>(at),
                                     dirty->begin() + static_cast<std::ptrdiff_t>(end));
            const auto copied = co_await copy_batch(std::move(batch), *time, run);
            if (!copied) co_return copied.error();
            result.removed += *copied;
        }
        std::map<std::uint8_t, std::uint32_t> per_shard;
        for (const Dirty& entry : *dirty) {
            if (++per_shard[entry.key.shard] >= batch_) result.more = true;
        }
        co_return result;
    }

    Task<std::uint32_t> copy_batch(std::vector<Dirty> batch, TimePoint now, const JobRun& run) {
        std::vector<StoreKey> keys;
        keys.reserve(batch.size());
        for (const Dirty& entry : batch) keys.push_back(entry.key);
        auto loaded = co_await stores_.hot->load_all(std::move(keys), run.deadline);
        if (!loaded) co_return loaded.error();
        std::vector<async::Copy> copies;
        for (std::size_t i = 0; i < batch.size() && i < loaded->size(); ++i) {
            // Gone: it ended or expired, which SQL knows or finds out by itself.
            auto& record = (*loaded)[i];
            if (!record.bytes || record.ttl <= Millis{0}) continue;
            if (auto kept = abridge_(batch[i].key, std::move(*record.bytes)))
                copies.push_back({batch[i].key, std::move(*kept), record.ttl});
        }
        std::uint32_t count = 0;
        if (!copies.empty()) {
            const auto kept =
                co_await stores_.sql->put_copies(run.ticket, std::move(copies), now, run.deadline);
            if (!kept) co_return kept.error();
            count = *kept;
        }
        std::map<std::uint8_t, std::vector<Dirty>> by_shard;
        for (const Dirty& entry : batch) by_shard[entry.key.shard].push_back(entry);
        for (auto& [shard, entries] : by_shard) {
            const auto drained = co_await stores_.hot->drained(shard, run.ticket.fence,
                                                               std::move(entries), run.deadline);
            if (!drained) co_return drained.error();
        }
        co_return count;
    }

    Stores stores_;
    Abridge abridge_;
    std::uint32_t batch_;
};

}  // namespace

Job snapshots(Stores stores, Abridge abridge, const JobOptions& options) {
    auto job = std::make_shared<Snapshots>(std::move(stores), std::move(abridge), options);
    // Twice within the lag that is promised: a change waits for the next run at most.
    return {.name = "snapshots",
            .interval = options.snapshots->lag_max / 2,
            .often = true,
            .run = [job](JobRun run) { return job->run(std::move(run)); }};
}

}  // namespace vedfolnir::jobs
