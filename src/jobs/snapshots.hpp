// Copies of changed records in SQL.
#pragma once

#include "jobs/job.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/async/restore.hpp"
#include "vedfolnir/options.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vedfolnir::jobs {

/// What is kept of a record: other sealed bytes for the same key. Empty: it does not open, and is not worth a copy.
using Abridge = std::function<std::optional<std::string>(const StoreKey& key, std::string record)>;

struct SnapshotStores {
    std::shared_ptr<async::HotUpkeep> hot;
    std::shared_ptr<async::SnapshotSink> sink;
    runtime::AtomicCounters* counters = nullptr;  ///< Must outlive the job.
};

/// Records whose copy is due are copied, and then taken off the hot store's list, unless they changed again meanwhile. The
/// sink keeps the newest of a record whoever brings it, so that a copy needs no fence; the list does.
[[nodiscard]] Job snapshots(SnapshotStores stores, Abridge abridge, const SnapshotOptions& options);

}  // namespace vedfolnir::jobs
