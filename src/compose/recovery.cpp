#include "compose/recovery.hpp"

#include "model/record.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace vedfolnir::compose {
namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using async::RestoreStatus;
using async::Task;
using sql::Copy;

namespace {

constexpr std::uint32_t page = 500;
constexpr Millis batch_timeout{5'000};
/// A session whose shard keeps applying endings while it is looked at.
constexpr int tries_max = 3;

TimePoint wall_clock() { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }

bool same_write(const std::string& a, const std::string& b) {
    const auto first = model::parse_header(a);
    const auto second = model::parse_header(b);
    return first && second && first->operation == second->operation &&
           first->generation == second->generation;
}

}  // namespace

RedisOptions patient_for_batches(RedisOptions options) {
    options.request_timeout = std::max(options.request_timeout, batch_timeout);
    return options;
}

Recovery::Recovery(asio::any_io_executor executor, const ManagerOptions& options,
                   RecoverOptions wanted, const std::shared_ptr<sql::Database>& database,
                   const audit::SharedSealer& sealer, std::shared_ptr<redis::RedisStore> redis)
    : executor_(std::move(executor)),
      options_(options),
      wanted_(std::move(wanted)),
      copies_(database),
      archive_(sql::make_archive(database, sealer)),
      fallback_(sql::make_fallback(database, sealer)),
      redis_(std::move(redis)),
      upkeep_(executor_, patient_for_batches(options.redis)) {}

Task<RecoverReport> Recovery::run(Deadline deadline) {
    deadline_ = deadline;
    began_ = std::chrono::steady_clock::now();
    seen_before_ = report_.seen;
    if (incarnation_.empty()) {
        const auto begun = co_await begin();
        if (!begun) co_return begun.error();
    }
    const auto ran = co_await both_ranges();
    if (!ran) co_return ran.error();
    done_ = ranges_[0].done && ranges_[1].done;
    if (!done_ || wanted_.dry_run) co_return report_;
    const auto noted = co_await redis_->attest_copies(incarnation_, pass_, soon());
    if (!noted) co_return noted.error();
    if (wanted_.beside && report_.restored == 0) co_return report_;
    const auto told = co_await tell(true);
    if (!told) co_return told.error();
    co_return report_;
}

Task<bool> Recovery::cut_short(Deadline deadline) {
    deadline_ = deadline;
    if (wanted_.dry_run || report_.restored == 0) co_return true;
    const auto told = co_await tell(false);
    if (!told) co_return told.error();
    co_return true;
}

Task<bool> Recovery::begin() {
    const auto state = co_await redis_->copies_state(soon());
    if (!state) co_return state.error();
    const auto count = co_await copies_.count(soon());
    if (!count) co_return count.error();
    if (!wanted_.dry_run) {
        const auto pass = co_await redis_->begin_copies(soon());
        if (!pass) co_return pass.error();
        pass_ = *pass;
    }
    all_ = *count;
    incarnation_ = state->incarnation;
    co_return true;
}

Deadline Recovery::soon() const {
    return std::min(deadline_, deadline_in(options_.redis.connect_timeout + batch_timeout +
                                           options_.sql.statement_timeout));
}

bool Recovery::goes_on() const { return !wanted_.goes_on || wanted_.goes_on(); }

Task<std::uint32_t> Recovery::tell(bool whole) {
    async::AuditEvent event;
    event.at = wall_clock();
    event.type = whole ? "recovery.done" : "recovery.cut_short";
    event.actor = wanted_.actor;
    event.detail = report_.json();
    std::vector<async::AuditEvent> events;
    events.push_back(std::move(event));
    return archive_->append(std::move(events), soon());
}

/// At the same time: Redis works on a batch of one while the answers of the other are read.
Task<bool> Recovery::both_ranges() {
    // Both are named: GCC 12 destroys temporaries inside a co_await twice.
    auto lower = go_through(ranges_[0]);
    auto upper = go_through(ranges_[1]);
    auto both = std::move(lower) && std::move(upper);
    const auto [one, other] = co_await std::move(both);
    if (!one) co_return one.error();
    co_return other;
}

Task<bool> Recovery::go_through(Range& range) {
    if (range.done) co_return true;
    auto copies = co_await copies_.copies(range.after, page_size(), soon());
    for (;;) {
        if (!copies) co_return copies.error();
        if (std::chrono::steady_clock::now() >= deadline_)
            co_return Error{Errc::deadline_exceeded, "recover: the time for it is over"};
        const auto of_others = std::ranges::find_if(
            *copies, [&](const Copy& copy) { return copy.key.shard > range.last_shard; });
        const bool last = copies->size() < page_size() || of_others != copies->end();
        copies->erase(of_others, copies->end());
        const auto seen = copies->size();
        const auto reached = last ? range.after : copies->back().key.text();
        auto putting = put_back(std::move(*copies));
        if (last || !goes_on()) {
            const auto put = co_await std::move(putting);
            if (!put) co_return put.error();
        } else {
            auto reading = copies_.copies(reached, page_size(), soon());
            auto both = std::move(reading) && std::move(putting);
            auto [next, put] = co_await std::move(both);
            if (!put) co_return put.error();
            copies = std::move(next);
        }
        range.after = reached;
        range.done = last;
        report_.seen += seen;
        if (wanted_.progress) wanted_.progress(report_, all_);
        if (last || !goes_on()) co_return true;
        co_await keep_pace();
    }
}

/// Of each of the two ranges.
std::uint32_t Recovery::page_size() const {
    if (wanted_.per_second == 0) return page;
    return std::clamp(wanted_.per_second / 2, 1U, page);
}

/// No faster than permitted, over all that this run saw so far.
asio::awaitable<void> Recovery::keep_pace() const {
    if (wanted_.per_second == 0) co_return;
    const Millis due((report_.seen - seen_before_) * 1000 / wanted_.per_second);
    asio::steady_timer pause(executor_, std::min(began_ + due, deadline_));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<bool> Recovery::put_back(std::vector<Copy> copies) {
    std::vector<Copy> alive;
    for (Copy& copy : copies) {
        if (copy.knows == Copy::Knows::ended) ++report_.ended;
        if (copy.knows == Copy::Knows::expired) ++report_.expired;
        if (copy.knows == Copy::Knows::damaged) ++report_.damaged;
        if (copy.knows == Copy::Knows::alive) alive.push_back(std::move(copy));
    }
    if (alive.empty()) co_return true;
    if (wanted_.dry_run) co_return co_await look(std::move(alive));
    for (int tries = 0; tries < tries_max && !alive.empty(); ++tries) {
        auto outdated = co_await restore(std::move(alive));
        if (!outdated) co_return outdated.error();
        auto again = co_await read_anew(std::move(*outdated));
        if (!again) co_return again.error();
        alive = std::move(*again);
    }
    report_.rejected += alive.size();
    co_return true;
}

/// What has to be read anew, because its shard applied an ending meanwhile.
Task<std::vector<Copy>> Recovery::restore(std::vector<Copy> alive) {
    std::vector<async::RestoreItem> items;
    items.reserve(alive.size());
    for (const Copy& copy : alive)
        items.push_back({copy.key, copy.bytes, copy.ttl, copy.sequence, true});
    const auto replies =
        co_await redis_->restore(std::move(items), options_.lifetimes.clock_skew_max, soon());
    if (!replies && replies.error().code == Errc::internal && alive.size() > 1)
        co_return co_await restore_each(std::move(alive));
    if (!replies && replies.error().code == Errc::internal) {
        ++report_.rejected;
        co_return std::vector<Copy>();
    }
    if (!replies) co_return replies.error();
    std::vector<Copy> outdated;
    for (std::size_t i = 0; i < std::min(alive.size(), replies->size()); ++i) {
        if ((*replies)[i].status == RestoreStatus::outdated)
            outdated.push_back(std::move(alive[i]));
        else
            count((*replies)[i], alive[i].bytes);
    }
    co_return outdated;
}

/// Something under one of the keys is no session. It must not keep the others out.
Task<std::vector<Copy>> Recovery::restore_each(std::vector<Copy> alive) {
    std::vector<Copy> outdated;
    for (Copy& copy : alive) {
        std::vector<Copy> one;
        one.push_back(std::move(copy));
        auto rest = co_await restore(std::move(one));
        if (!rest) co_return rest.error();
        std::ranges::move(*rest, std::back_inserter(outdated));
    }
    co_return outdated;
}

void Recovery::count(const async::RestoreReply& reply, const std::string& bytes) {
    switch (reply.status) {
    case RestoreStatus::restored:
        ++report_.restored;
        break;
    case RestoreStatus::newer:
        ++(same_write(bytes, reply.current) ? report_.present : report_.conflicting);
        break;
    case RestoreStatus::ended:
    case RestoreStatus::outdated:
        ++report_.ended;
        break;
    case RestoreStatus::skewed:
        ++report_.rejected;
        break;
    case RestoreStatus::tied:
        ++report_.lost;
        break;
    }
}

Task<std::vector<Copy>> Recovery::read_anew(std::vector<Copy> copies) {
    std::vector<Copy> alive;
    for (const Copy& copy : copies) {
        auto kept = co_await fallback_->load(copy.key, soon());
        if (!kept) co_return kept.error();
        if (kept->knows == async::FallbackRecord::Knows::ended) ++report_.ended;
        if (kept->knows == async::FallbackRecord::Knows::unknown) ++report_.expired;
        if (kept->knows != async::FallbackRecord::Knows::found) continue;
        alive.push_back(
            {copy.key, Copy::Knows::alive, std::move(kept->bytes), kept->ttl, kept->sequence});
    }
    co_return alive;
}

Task<bool> Recovery::look(std::vector<Copy> alive) {
    std::vector<StoreKey> keys;
    keys.reserve(alive.size());
    for (const Copy& copy : alive) keys.push_back(copy.key);
    const auto standing = co_await upkeep_.load_all(std::move(keys), soon());
    if (!standing) co_return standing.error();
    for (const async::Standing& record : *standing)
        ++(record.bytes ? report_.present : report_.restored);
    co_return true;
}

}  // namespace vedfolnir::compose
