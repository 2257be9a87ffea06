#include "compose/fsck_run.hpp"
#include "crypto/sealing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace vedfolnir::compose {

using async::Task;

namespace {

constexpr std::uint32_t row_page = 1000;

}  // namespace

Task<std::vector<std::string>> Fsck::behind(Deadline deadline) {
    const auto marks = co_await store_->marks(deadline);
    if (!marks) co_return marks.error();
    const auto sequences = co_await archive_->sequences(deadline);
    if (!sequences) co_return sequences.error();
    std::vector<std::string> behind;
    for (std::size_t i = 0; i < std::min(marks->size(), sequences->size()); ++i) {
        if ((*marks)[i] >= (*sequences)[i]) continue;
        // Retention removes revocations of which nothing can be alive; those are not missing.
        const auto missing =
            co_await archive_->revocations(static_cast<std::uint8_t>(i), (*marks)[i], 1, deadline);
        if (!missing) co_return missing.error();
        if (!missing->empty()) behind.push_back(fmt::format("{{{:02x}}}:mark", i));
    }
    co_return behind;
}

Task<bool> Fsck::rows() {
    async::SessionQuery query;
    query.now = now_;
    query.limit = row_page;
    for (;;) {
        const auto rows = co_await archive_->sessions(query, soon());
        if (!rows) co_return rows.error();
        report_.rows += rows->size();
        if (const auto done = co_await check_rows(*rows); !done) co_return done.error();
        tell_progress(report_.rows, "rows");
        if (rows->size() < row_page) co_return true;
        query.after = rows->back().handle;
    }
}

Task<bool> Fsck::check_rows(const std::vector<async::SessionRow>& rows) {
    std::vector<StoreKey> keys;
    keys.reserve(rows.size());
    for (const auto& row : rows) keys.push_back(row.key);
    const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
    if (!standing) co_return standing.error();
    std::vector<async::Gone> gone;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if ((*standing)[i].bytes || rows[i].authenticated > now_ - under_way) continue;
        gone.push_back({rows[i].key, rows[i].handle, {}});
        if (gone.size() < page) continue;
        auto batch = std::exchange(gone, {});
        const auto closed = co_await close(std::move(batch));
        if (!closed) co_return closed.error();
    }
    co_return co_await close(std::move(gone));
}

Task<bool> Fsck::close(std::vector<async::Gone> gone) {
    if (gone.empty()) co_return true;
    std::vector<StoreKey> keys;
    keys.reserve(gone.size());
    for (const auto& row : gone) keys.push_back(row.key);
    const auto copied = co_await copies_.alive(std::move(keys), soon());
    if (!copied) co_return copied.error();
    const std::set<StoreKey> alive(copied->begin(), copied->end());
    std::erase_if(gone, [&](const async::Gone& row) { return alive.contains(row.key); });
    std::set<Handle> closed;
    if (wanted_.repair && !gone.empty()) {
        async::Ticket ticket{"fsck", 0};
        const auto done = co_await sql_.close_gone(std::move(ticket), gone, now_, soon());
        if (!done) co_return done.error();
        for (const auto& row : done->gone) closed.insert(row.handle);
    }
    for (const auto& row : gone)
        found(Defect::row_unclosed, row.handle.text(), closed.contains(row.handle));
    co_return true;
}

Task<bool> Fsck::copies() {
    std::string after;
    for (;;) {
        const auto copies = co_await copies_.copies(after, page, soon());
        if (!copies) co_return copies.error();
        report_.copies += copies->size();
        for (const auto& copy : *copies) {
            after = copy.key.text();
            if (!unreadable(copy)) continue;
            // As for records: a key ring that is not the application's says nothing about copies.
            bool repaired = false;
            if (copy.knows == sql::Copy::Knows::damaged || !report_.key_ring_doubtful) {
                auto work = copies_.remove(copy.key, soon());
                const auto done = co_await repair(std::move(work));
                if (!done) co_return done.error();
                repaired = *done;
            }
            found(Defect::copy_unreadable, copy.key.text(), repaired);
        }
        tell_progress(report_.copies, "copies");
        if (copies->size() < page) co_return true;
    }
}

bool Fsck::unreadable(const sql::Copy& copy) const {
    if (copy.knows == sql::Copy::Knows::damaged) return true;
    return copy.knows == sql::Copy::Knows::alive &&
           !crypto::open_record(ring_, copy.key, copy.bytes, options_.limits,
                                options_.plain_records);
}

}  // namespace vedfolnir::compose
