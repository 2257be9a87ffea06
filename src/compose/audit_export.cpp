// AuditDesk::export_entries: the trail in its own order, in memory for one page.
#include "compose/audit_desk.hpp"
#include "runtime/archive_rules.hpp"
#include "sql/audit_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace vedfolnir::compose {
namespace {

constexpr std::uint32_t entries_page = 1000;
/// Clocks of hosts differ: an event may have been written in a month that was closed a little before its own time.
constexpr std::chrono::hours clocks_differ{24};

/// What of the filter shows without opening an entry.
class Match {
public:
    Match(const AuditFilter& filter, const audit::Sealer& sealer)
        : filter_(filter), types_(runtime::type_range(filter.type)) {
        if (!filter.user_id.empty()) subject_ = sealer.subject_of(filter.user_id);
    }
    [[nodiscard]] bool operator()(const audit::Entry& entry) const {
        const TimePoint at{Millis(entry.at_ms)};
        return (!filter_.since || at >= *filter_.since) &&
               (!filter_.until || at < *filter_.until) &&
               (!filter_.handle || entry.handle == filter_.handle) &&
               (!subject_ || entry.subject == *subject_) && entry.type >= types_.low &&
               entry.type <= types_.high;
    }

private:
    AuditFilter filter_;
    runtime::TypeRange types_;
    std::optional<UserTag> subject_;
};

/// The ids that are worth reading. Empty trail: nothing.
struct Span {
    std::uint64_t after = 0;
    std::uint64_t until = 0;
};

Span span_of(const sql::TrailState& state, const AuditFilter& filter) {
    Span span;
    for (const auto& partition : state.partitions) {
        const auto last = partition.first_id + partition.size - 1;
        const bool before =
            filter.since && partition.closed && *partition.closed + clocks_differ < *filter.since;
        if (partition.dropped || before) span.after = last;
        span.until = last;
    }
    return span;
}

}  // namespace

Result<std::uint64_t> AuditDesk::export_entries(const AuditFilter& filter, const ExportSink& sink,
                                                const Progress& progress) {
    const auto with = sealer();
    if (!with) return with.error();
    const auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return state.error();
    // Shared with a page that is still being read when nobody waits for it any more.
    const auto match = std::make_shared<const Match>(filter, **with);
    auto [after, until] = span_of(*state, filter);
    const auto total = until - after;
    std::uint64_t exported = 0;
    for (std::uint64_t seen = 0; after < until;) {
        struct Page {
            std::vector<ExportedEntry> matching;
            std::uint64_t last = 0;
            std::size_t size = 0;
        };
        auto page = read<Page>([match, after, until, sealer = *with](sql::Connection& db) {
            Page read_now;
            sql::EventOpener opener(db, *sealer);
            for (auto& stored : sql::list_stored(db, after, until, entries_page)) {
                ++read_now.size;
                read_now.last = stored.entry.position.id;
                if (!(*match)(stored.entry)) continue;
                auto event = opener.open(stored);
                stored.entry.commitment = audit::commitment_to(stored.personal);
                read_now.matching.push_back({std::move(stored), std::move(event)});
            }
            return read_now;
        });
        if (!page) return std::move(page).error();
        for (const auto& entry : page->matching) {
            if (!entry.stored.readable) {
                return Error{Errc::internal,
                             fmt::format("entry {} is not as a writer leaves it; vedfolnir audit "
                                         "verify says what is wrong",
                                         entry.stored.entry.position.id)};
            }
            if (auto taken = sink(entry); !taken) return std::move(taken).error();
            ++exported;
        }
        if (page->size < entries_page) break;
        after = page->last;
        seen += page->size;
        progress(seen, total);
    }
    return exported;
}

}  // namespace vedfolnir::compose
