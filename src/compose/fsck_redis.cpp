#include "compose/fsck_run.hpp"
#include "crypto/sealing.hpp"
#include "policy/lifetime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vedfolnir::compose {

using async::Task;
using ops::Defect;
using Kind = redis::Surveyed::Kind;

namespace {

/// Unreadable to us and gone so soon: where parallel logins by a remember-me token meet.
constexpr Millis short_lived{60'000};

}  // namespace

Task<bool> Fsck::walk(bool sets) {
    std::uint64_t cursor = 0;
    std::uint64_t seen = 0;
    std::vector<redis::Surveyed> records;
    do {
        if (std::chrono::steady_clock::now() >= deadline_)
            co_return Error{Errc::deadline_exceeded, "fsck: the time for it is over"};
        auto scanned = co_await redis_.scan(cursor, soon());
        if (!scanned) co_return scanned.error();
        cursor = scanned->cursor;
        seen += scanned->keys.size();
        for (redis::Surveyed& key : scanned->keys) {
            if (!sets) {
                ++report_.keys;
                if (key.kind == Kind::record) records.push_back(std::move(key));
                continue;
            }
            const auto checked = co_await check_set(std::move(key));
            if (!checked) co_return checked.error();
        }
        while (records.size() >= page || (cursor == 0 && !records.empty())) {
            const auto count =
                static_cast<std::ptrdiff_t>(std::min<std::size_t>(records.size(), page));
            std::vector<redis::Surveyed> batch(records.begin(), records.begin() + count);
            records.erase(records.begin(), records.begin() + count);
            const auto checked = co_await check_records(std::move(batch));
            if (!checked) co_return checked.error();
        }
        tell_progress(seen, sets ? "keys again, for their lists" : "keys");
    } while (cursor != 0);
    co_return true;
}

Task<bool> Fsck::check_records(std::vector<redis::Surveyed> batch) {
    std::vector<StoreKey> keys;
    for (const auto& record : batch) keys.push_back(record.key);
    const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
    if (!standing) co_return standing.error();
    std::vector<Opened> opened;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto& stands = (*standing)[i];
        if (!stands.bytes) continue;
        ++report_.records;
        const auto header = co_await check_record(batch[i], *stands.bytes, stands.ttl);
        if (!header) co_return header.error();
        if (*header && !(*header)->user.anonymous())
            opened.push_back({{batch[i].key, (*header)->user, (*header)->handle},
                              (*header)->absolute_expiry,
                              now_ + stands.ttl});
    }
    co_return co_await check_listed(std::move(opened));
}

Task<std::optional<model::RecordHeader>> Fsck::check_record(redis::Surveyed record,
                                                            std::string bytes, Millis ttl) {
    using Header = std::optional<model::RecordHeader>;
    const auto note = model::parse_note(bytes);
    const auto opened = note ? std::nullopt
                             : crypto::open_record(ring_, record.key, bytes, options_.limits,
                                                   options_.plain_records);
    const bool endless = ttl <= Millis{0};
    if (!note && !opened) {
        if (endless || ttl > short_lived) unreadable_.push_back(record.name);
        co_return Header{};
    }
    readable_ += opened ? 1 : 0;
    if (endless) {
        Millis left{0};
        if (note) left = Millis(note->until - now_);
        if (opened &&
            policy::judge(opened->header, options_.lifetimes, now_) == policy::Life::alive)
            left = policy::time_to_live(opened->header, options_.lifetimes, now_);
        auto put_right = left > Millis{0} ? redis_.expire(record.name, left, soon())
                                          : redis_.remove(record.name, soon());
        const auto done = co_await repair(std::move(put_right));
        if (!done) co_return done.error();
        found(Defect::record_without_end, record.name, *done);
    }
    co_return opened ? Header(opened->header) : Header{};
}

Task<bool> Fsck::remove_unreadable() {
    report_.key_ring_doubtful = unreadable_.size() > readable_;
    for (const std::string& name : unreadable_) {
        bool repaired = false;
        if (!report_.key_ring_doubtful) {
            auto work = redis_.remove(name, soon());
            const auto done = co_await repair(std::move(work));
            if (!done) co_return done.error();
            repaired = *done;
        }
        found(Defect::record_unreadable, name, repaired);
    }
    co_return true;
}

Task<bool> Fsck::check_listed(std::vector<Opened> records) {
    if (records.empty()) co_return true;
    std::vector<StoreKey> keys;
    std::vector<redis::Owned> owned;
    for (const Opened& record : records) {
        keys.push_back(record.record.key);
        owned.push_back(record.record);
    }
    const auto over = co_await copies_.ended(std::move(keys), now_ - under_way, soon());
    if (!over) co_return over.error();
    const auto listed = co_await redis_.listed(std::move(owned), soon());
    if (!listed) co_return listed.error();
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (!(*listed)[i].stands) continue;
        const bool ended = std::ranges::find(*over, records[i].record.key) != over->end();
        if (ended) {
            const auto done = co_await end_record(records[i].record);
            if (!done) co_return done.error();
            continue;
        }
        const auto done = co_await list_record(records[i], (*listed)[i]);
        if (!done) co_return done.error();
    }
    co_return true;
}

Task<bool> Fsck::end_record(redis::Owned record) {
    bool repaired = false;
    if (wanted_.repair) {
        async::EndOrder order;
        order.shard = record.key.shard;
        order.keys = {record.key};
        order.user = record.user;
        const auto gone = co_await store_->end(std::move(order), soon());
        if (!gone) co_return gone.error();
        repaired = true;
    }
    found(Defect::record_ended, record.key.text(), repaired);
    co_return true;
}

Task<bool> Fsck::list_record(Opened record, redis::Listed listed) {
    if (!listed.in_index) {
        auto work = redis_.list_in_index(record.record, record.absolute, soon());
        const auto done = co_await repair(std::move(work));
        if (!done) co_return done.error();
        found(Defect::index_missing, record.record.key.text(), *done);
    }
    if (!listed.in_expiry) {
        auto work = redis_.list_in_expiry(record.record, record.due, soon());
        const auto done = co_await repair(std::move(work));
        if (!done) co_return done.error();
        found(Defect::expiry_missing, record.record.key.text(), *done);
    }
    co_return true;
}

Task<bool> Fsck::check_set(redis::Surveyed set) {
    if (set.kind != Kind::index && set.kind != Kind::expiry && set.kind != Kind::dirty)
        co_return true;
    TimePoint longest{};
    std::uint32_t first = 0;
    for (;;) {
        const auto state = co_await redis_.set(set, first, page, soon());
        if (!state) co_return state.error();
        const auto removed = co_await check_entries(set, state->entries);
        if (!removed) co_return removed.error();
        for (const auto& entry : state->entries) longest = std::max(longest, entry.score);
        if (state->entries.size() < page) {
            const bool endless =
                set.kind == Kind::index && !state->has_end && !state->entries.empty();
            if (endless) co_return co_await end_index(std::move(set), longest);
            co_return true;
        }
        first += page - *removed;
    }
}

Task<bool> Fsck::end_index(redis::Surveyed set, TimePoint longest) {
    const auto ends = co_await redis_.has_end(set.name, soon());
    if (!ends) co_return ends.error();
    if (*ends) co_return true;  // gone with its last entry, or renewed meanwhile
    const Millis left(longest - now_);
    auto put_right =
        left > Millis{0} ? redis_.expire(set.name, left, soon()) : redis_.remove(set.name, soon());
    const auto done = co_await repair(std::move(put_right));
    if (!done) co_return done.error();
    found(Defect::index_without_end, set.name, *done);
    co_return true;
}

Task<std::uint32_t> Fsck::check_entries(const redis::Surveyed& set,
                                        const std::vector<redis::Entry>& entries) {
    std::vector<StoreKey> keys;
    for (const auto& entry : entries) keys.push_back(entry.key);
    const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
    if (!standing) co_return standing.error();
    std::uint32_t removed = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto defect = judge_entry(set, entries[i], (*standing)[i].bytes);
        if (!defect) continue;
        auto work = redis_.remove_member(set.name, entries[i].member, soon());
        const auto done = co_await repair(std::move(work));
        if (!done) co_return done.error();
        found(*defect, fmt::format("{} {}", set.name, entries[i].key.text()), *done);
        removed += *done ? 1 : 0;
    }
    co_return removed;
}

std::optional<Defect> Fsck::judge_entry(const redis::Surveyed& set, const redis::Entry& entry,
                                        const std::optional<std::string>& bytes) const {
    const auto header = bytes ? model::parse_header(*bytes) : std::nullopt;
    switch (set.kind) {
    case Kind::index:
        if (!header || header->handle != entry.handle || header->user != set.user)
            return Defect::index_orphan;
        return std::nullopt;
    case Kind::expiry:
        // What fell due is the sweep's, until it had two chances.
        if (!header && entry.score < now_ - 2 * options_.jobs.cleanup_interval - under_way)
            return Defect::expiry_stale;
        return std::nullopt;
    case Kind::dirty:
        if (!header && entry.score < now_ - under_way) return Defect::dirty_stale;
        return std::nullopt;
    default:
        return std::nullopt;
    }
}

}  // namespace vedfolnir::compose
