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

/// Ids that are worth reading: above `after`, up to `until`.
struct Span {
    std::uint64_t after = 0;
    std::uint64_t until = 0;
};

/// Ascending. Between them is what retention dropped: a month under a hold stays where a later one goes.
std::vector<Span> spans_of(const sql::TrailState& state, const AuditFilter& filter) {
    std::vector<Span> spans;
    for (const auto& partition : state.partitions) {
        const bool before =
            filter.since && partition.closed && *partition.closed + clocks_differ < *filter.since;
        if (partition.dropped || before || partition.size == 0) continue;
        const auto after = partition.first_id - 1;
        if (spans.empty() || spans.back().until != after) spans.push_back({after, after});
        spans.back().until = after + partition.size;
    }
    return spans;
}

struct Page {
    std::vector<ExportedEntry> matching;
    std::uint64_t last = 0;
    std::size_t size = 0;
};

Page read_page(sql::Connection& db, const audit::Sealer& sealer, const Match& match, Span span) {
    Page page;
    sql::EventOpener opener(db, sealer);
    for (auto& stored : sql::list_stored(db, span.after, span.until, entries_page)) {
        ++page.size;
        page.last = stored.entry.position.id;
        if (!match(stored.entry)) continue;
        auto event = opener.open(stored);
        stored.entry.commitment = audit::commitment_to(stored.personal);
        page.matching.push_back({std::move(stored), std::move(event)});
    }
    return page;
}

/// Hands on what a page holds.
Result<void> hand_on(const Page& page, const ExportSink& sink) {
    for (const auto& entry : page.matching) {
        if (!entry.stored.readable) {
            return Error{Errc::internal,
                         fmt::format("entry {} is not as a writer leaves it; vedfolnir audit "
                                     "verify says what is wrong",
                                     entry.stored.entry.position.id)};
        }
        if (auto taken = sink(entry); !taken) return taken;
    }
    return {};
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
    const auto spans = spans_of(*state, filter);
    std::uint64_t total = 0;
    for (const auto& span : spans) total += span.until - span.after;
    std::uint64_t exported = 0;
    std::uint64_t seen = 0;
    for (auto span : spans) {
        while (span.after < span.until) {
            const auto page = read<Page>([match, span, sealer = *with](sql::Connection& db) {
                return read_page(db, *sealer, *match, span);
            });
            if (!page) return page.error();
            if (auto handed = hand_on(*page, sink); !handed) return std::move(handed).error();
            exported += page->matching.size();
            seen += page->size;
            progress(seen, total);
            if (page->size < entries_page) break;
            span.after = page->last;
        }
    }
    return exported;
}

}  // namespace vedfolnir::compose
