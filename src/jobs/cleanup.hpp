// Jobs that remove what is over: expired sessions, and rows that need not be kept any longer.
#pragma once

#include "jobs/job.hpp"
#include "runtime/counters.hpp"
#include "vedfolnir/options.hpp"

#include <memory>

namespace vedfolnir::jobs {

/// Whatever a job needs; the counters must outlive it.
struct Stores {
    std::shared_ptr<async::HotUpkeep> hot;  ///< Null: sessions live in SQL only.
    std::shared_ptr<async::SqlUpkeep> sql;
    runtime::AtomicCounters* counters = nullptr;
    Report report;
};

/// Expired sessions leave the sets and indexes of the hot store, their rows are closed with reason `expired` and one event
/// each, and expired copies leave SQL. Each run looks at a bounded number of entries.
[[nodiscard]] Job cleanup(Stores stores, const JobOptions& options);

/// Ended sessions, events and revocations whose time of keeping is over, in batches.
[[nodiscard]] Job retention(Stores stores, const JobOptions& options, const Lifetimes& lifetimes);

}  // namespace vedfolnir::jobs
