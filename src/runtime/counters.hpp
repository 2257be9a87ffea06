// Monotonic numbers of this process, raised where the thing counted happens. Header-only: plain atomics.
#pragma once

#include "runtime/atomic_timing.hpp"
#include "vedfolnir/types.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace vedfolnir::runtime {

/// Relaxed: each number stands alone, none orders memory. Names as in vedfolnir::Counters.
struct AtomicCounters {
    using Count = std::atomic<std::uint64_t>;
    Count store_commands{0}, sql_statements{0};
    Count loads{0}, loads_found{0}, loads_unknown{0};
    Count cookies_malformed{0}, cookies_forged{0}, cookies_ambiguous{0};
    Count records_unreadable{0};
    Count creates{0}, saves{0}, touches{0}, logins{0}, endings{0}, endings_pending{0};
    Count merges{0}, conflicts_same_key{0}, commits_dropped{0};
    std::array<Count, end_reason_count> ended{};  ///< Sessions, indexed by EndReason.
    Count audit_dropped{0}, changes_lost{0}, slow_operations{0};
    /// As they stand: events in memory that wait for SQL or the journal, and when the first of them happened (ms).
    Count audit_queue{0}, audit_since_ms{0};
    Count journal_entries{0}, journal_since_ms{0};  ///< As they stand, not how often.
    Count near_hits{0}, near_stale{0}, near_fills{0}, near_fills_refused{0}, near_invalidations{0};

    std::array<AtomicTiming, operation_count> timings{};  ///< Indexed by Operation.

    /// Reads and writes that the database answered; reads of which it could not say; calls it was spared.
    Count fallback_reads{0}, fallback_writes{0}, fallback_unknown{0}, fallback_refused{0};
    /// What the hot store got back; what it refused because something else won.
    Count fallback_restored{0}, fallback_conflicts{0};
    /// Not raised but set: 1 while this process uses the database; records that the hot store was not told yet.
    Count fallback_active{0}, fallback_ahead{0};
    Count fallback_queue{0};  ///< As it stands: calls that wait for their turn with the database.

    /// Threads for SQL, and the time that calls took on them, all together.
    Count sql_writers{0}, sql_readers{0}, sql_writing_us{0}, sql_reading_us{0};

    /// Background jobs of this process; `_ms` adds up milliseconds.
    Count cleanup_runs{0}, cleanup_failures{0}, cleanup_removed{0}, cleanup_closed{0},
        cleanup_ms{0};
    Count retention_removed{0};
    Count snapshots_written{0}, snapshots_failures{0};
    Count snapshots_lag_ms{0};  ///< Not a sum: as the last run found it.

    static void raise(Count& count, std::uint64_t by = 1) noexcept {
        count.fetch_add(by, std::memory_order_relaxed);
    }
    void count_ended(EndReason reason, std::uint64_t sessions = 1) noexcept {
        raise(ended[static_cast<std::size_t>(reason)], sessions);
    }
};

}  // namespace vedfolnir::runtime
