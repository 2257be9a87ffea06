// Copies of changed records in SQL.
#pragma once

#include "jobs/job.hpp"
#include "runtime/abridge.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/async/restore.hpp"
#include "vedfolnir/options.hpp"

#include <memory>

namespace vedfolnir::jobs {

struct SnapshotStores {
    std::shared_ptr<async::HotUpkeep> hot;
    std::shared_ptr<async::SnapshotSink> sink;
    runtime::AtomicCounters* counters = nullptr;  ///< Must outlive the job.
};

/// Records whose copy is due are copied, and then taken off the hot store's list, unless they changed again meanwhile. The
/// sink keeps the newest of a record whoever brings it, so that a copy needs no fence; the list does.
[[nodiscard]] Job snapshots(SnapshotStores stores, runtime::Abridge abridge,
                            const SnapshotOptions& options);

}  // namespace vedfolnir::jobs
