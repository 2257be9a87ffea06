// Puts back what was written here while the hot store was away. Endings win, then the higher version; doing it twice changes
// nothing.
#include "model/record.hpp"
#include "resilient/resilient.hpp"
#include "resilient/shared.hpp"
#include "runtime/fail_point.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::resilient {
using async::AheadRow;
using async::RestoreReply;
using async::RestoreStatus;
using async::Settled;
using async::Task;
using runtime::AtomicCounters;

namespace {

constexpr Millis step_budget{2000};
/// Rows that keep changing are left to the next time.
constexpr int passes_max = 3;

bool same_write(const std::string& a, const std::string& b) {
    const auto first = model::parse_header(a);
    const auto second = model::parse_header(b);
    return first && second && first->operation == second->operation &&
           first->generation == second->generation;
}

/// A database that is slow has no time for so many at once, and would never have: then half of them are tried.
bool is_too_much(const Error& error, std::uint32_t& batch) {
    if (error.outage != Outage::none || batch == 1) return false;
    batch /= 2;
    return true;
}

/// What became of one record; empty: it has to be read anew.
std::optional<Settled> settle(AheadRow row, const RestoreReply& reply, ReturnReport& report) {
    Settled settled;
    settled.keep = has_copy(row.bytes);
    switch (reply.status) {
    case RestoreStatus::restored:
        ++report.restored;
        break;
    case RestoreStatus::newer:
        if (same_write(row.bytes, reply.current)) {
            ++report.unchanged;
        } else {
            ++report.conflicting;
            if (settled.keep) settled.newer = reply.current;
        }
        break;
    case RestoreStatus::ended:
        ++report.ended;
        settled.keep = false;
        break;
    case RestoreStatus::skewed:
        ++report.rejected;
        settled.keep = false;
        break;
    case RestoreStatus::tied:
        ++report.lost;
        settled.keep = false;
        break;
    case RestoreStatus::outdated:
        return std::nullopt;
    }
    settled.row = std::move(row);
    return settled;
}

}  // namespace

std::string ReturnReport::json() const {
    const auto field = [](const char* name, std::uint64_t value) {
        return "\"" + std::string(name) + "\":" + std::to_string(value);
    };
    return "{" + field("restored", restored) + "," + field("unchanged", unchanged) + "," +
           field("conflicting", conflicting) + "," + field("ended", ended) + "," +
           field("erased", erased) + "," + field("rejected", rejected) + "," + field("lost", lost) +
           "}";
}

void ReturnReport::add(const ReturnReport& other) noexcept {
    restored += other.restored;
    unchanged += other.unchanged;
    conflicting += other.conflicting;
    ended += other.ended;
    erased += other.erased;
    rejected += other.rejected;
    lost += other.lost;
}

Task<ReturnReport> Resilient::reconcile() {
    ReturnReport report;
    std::uint32_t batch = settings_.options.batch_max;
    for (int pass = 0; pass < passes_max; ++pass) {
        std::optional<StoreKey> after;
        std::uint32_t seen = 0;
        std::uint32_t settled = 0;
        for (;;) {
            auto rows = co_await parts_.database->ahead(after, batch, deadline_in(step_budget));
            if (!rows && is_too_much(rows.error(), batch)) continue;
            if (!rows) co_return rows.error();
            if (rows->empty()) break;
            const auto count_of_page = static_cast<std::uint32_t>(rows->size());
            const auto next = rows->back().key;
            const auto page = co_await reconcile_page(std::move(*rows));
            if (!page && is_too_much(page.error(), batch)) continue;
            if (!page) co_return page.error();
            after = next;
            report.add(page->report);
            seen += count_of_page;
            settled += page->settled;
            if (count_of_page < batch) break;
        }
        if (settled == seen) break;
    }
    count(&AtomicCounters::fallback_restored, report.restored);
    count(&AtomicCounters::fallback_conflicts, report.conflicting + report.lost);
    co_return report;
}

Task<Resilient::Page> Resilient::reconcile_page(std::vector<AheadRow> rows) {
    std::vector<Settled> told;
    std::vector<AheadRow> records;
    std::vector<async::RestoreItem> items;
    Page page;
    for (AheadRow& row : rows) {
        if (row.kind == AheadRow::Kind::record) {
            items.push_back({row.key, row.bytes, row.ttl, row.sequence, true});
            records.push_back(std::move(row));
            continue;
        }
        if (row.kind == AheadRow::Kind::erased) {
            const bool noted = !row.bytes.empty() && row.ttl > Millis{0};
            std::string note = noted ? row.bytes : std::string();
            const Millis note_ttl = noted ? row.ttl : Millis{0};
            const Deadline limit = deadline_in(step_budget);
            const auto erased =
                co_await parts_.hot->erase(row.key, std::move(note), note_ttl, limit);
            if (!erased) co_return erased.error();
            tell_changed(row.key);
            ++page.report.erased;
        } else {
            ++page.report.ended;
        }
        Settled settled;
        settled.row = std::move(row);
        told.push_back(std::move(settled));
    }
    const auto replies = co_await parts_.target->restore(
        std::move(items), settings_.lifetimes.clock_skew_max, deadline_in(step_budget));
    if (!replies) co_return replies.error();
    runtime::fail_point("reconcile.restored");
    for (std::size_t i = 0; i < std::min(records.size(), replies->size()); ++i) {
        tell_changed(records[i].key);
        auto settled = settle(std::move(records[i]), (*replies)[i], page.report);
        if (settled) told.push_back(std::move(*settled));
    }
    const auto settled =
        co_await parts_.database->settle(std::move(told), deadline_in(step_budget));
    if (!settled) co_return settled.error();
    runtime::fail_point("reconcile.settled");
    page.settled = *settled;
    co_return page;
}

}  // namespace vedfolnir::resilient
