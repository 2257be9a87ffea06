#include "manager/core.hpp"
#include "manager/describe.hpp"
#include "model/human.hpp"
#include "policy/lifetime.hpp"

#include <algorithm>
#include <utility>

namespace vedfolnir::manager {
namespace {

constexpr std::uint32_t page_max = 1000;

SessionInfo info_of(const async::SessionRow& row) {
    SessionInfo info;
    info.handle = row.handle;
    info.user_id = row.user_id;
    info.created = row.created;
    info.last_seen = row.authenticated;
    info.absolute_expiry = row.absolute_expiry;
    info.device = row.device;
    info.place = row.place;
    info.platform = row.platform;
    info.ended = row.ended;
    info.end_reason = row.end_reason;
    return info;
}

}  // namespace

Task<std::vector<SessionInfo>> Core::async_list(ListQuery query, Deadline deadline) {
    async::SessionQuery rows_wanted;
    rows_wanted.user_id = query.user_id;
    rows_wanted.only_live = !query.include_ended;
    rows_wanted.now = co_await ending_time(deadline);
    rows_wanted.limit = std::min(query.limit, page_max);
    rows_wanted.after = query.after;
    rows_wanted.handle = query.handle;
    const auto rows = co_await ports_.archive->sessions(rows_wanted, deadline);
    if (!rows) co_return rows.error();

    std::vector<SessionInfo> list;
    list.reserve(rows->size());
    bool store_answers = true;
    for (const async::SessionRow& row : *rows) {
        SessionInfo info = info_of(row);
        if (row.ended) {
            info.live = false;
        } else if (store_answers) {
            const auto bytes = co_await ports_.store->load(row.key, store_deadline(deadline));
            const auto time = co_await now(deadline);
            store_answers = bytes.has_value() && time.has_value();
            if (store_answers) {
                const auto known = co_await know_epoch(*bytes, *time, deadline);
                if (known) describe_record(info, row.key, *bytes, *time);
            }
        }
        list.push_back(std::move(info));
    }
    co_return list;
}

void Core::describe_record(SessionInfo& info, const StoreKey& key,
                           const std::optional<std::string>& bytes, TimePoint now) {
    info.live = false;
    if (!bytes) return;
    SessionState state;
    const LoadReason reason = judge_record(state, key, *bytes, now);
    // It stands there, but not for this key ring or this version: somebody else may well serve it.
    if (reason == LoadReason::unreadable) info.live.reset();
    if (reason != LoadReason::found) return;
    info.live = true;
    info.last_seen = state.loaded->header.last_seen;
    info.generation = state.loaded->header.generation;
    info.stored_bytes = bytes->size();
}

Task<StoreInfo> Core::async_store_info(Deadline deadline) {
    if (!ports_.figures) co_return StoreInfo{};
    co_return co_await ports_.figures->info(store_deadline(deadline));
}

Task<std::optional<Inspection>> Core::async_inspect(Handle handle, std::string actor,
                                                    Deadline deadline) {
    using Answer = std::optional<Inspection>;
    async::SessionQuery query;
    query.handle = handle;
    query.only_live = false;
    query.now = system_now();
    const auto rows = co_await ports_.archive->sessions(query, deadline);
    if (!rows) co_return rows.error();
    if (rows->empty()) co_return Answer{};
    const async::SessionRow& row = rows->front();

    // Looking into a session is itself an event: what cannot be recorded is not shown.
    auto event = event_of("session.inspected", system_now(), handle, row.user_id, std::move(actor));
    std::vector<async::AuditEvent> events{std::move(event)};
    const auto appended = co_await ports_.archive->append(std::move(events), deadline);
    if (!appended) co_return appended.error();

    Inspection inspection;
    inspection.info = info_of(row);
    inspection.store_key = row.key.text();
    inspection.info.live = false;
    if (row.ended) co_return Answer{std::move(inspection)};
    const auto bytes = co_await ports_.store->load(row.key, store_deadline(deadline));
    if (!bytes) co_return bytes.error();
    const auto time = co_await now(deadline);
    if (!time) co_return time.error();
    const auto known = co_await know_epoch(*bytes, *time, deadline);
    if (!known) co_return known.error();
    describe_record(inspection.info, row.key, *bytes, *time);
    if (!inspection.info.live.value_or(false)) co_return Answer{std::move(inspection)};

    const ManagerOptions& options = settings_.options;
    const auto opened = crypto::open_record(settings_.ring, row.key, **bytes, options.limits,
                                            options.plain_records);
    if (!opened) co_return Answer{std::move(inspection)};
    inspection.payload_json = model::to_json(opened->payload.entries, options.limits, true);
    inspection.key_id = opened->header.key_id;
    inspection.epoch = opened->header.epoch;
    co_return Answer{std::move(inspection)};
}

Task<std::vector<AuditEntry>> Core::async_audit(AuditFilter filter, Deadline deadline) {
    async::AuditQuery query;
    query.user_id = std::move(filter.user_id);
    query.handle = filter.handle;
    query.type = std::move(filter.type);
    if (filter.trace) query.detail_member = trace_member(*filter.trace);
    query.since = filter.since;
    query.until = filter.until;
    query.limit = std::min(filter.limit, page_max);
    query.before_id = filter.before_id;
    auto events = co_await ports_.archive->audit(std::move(query), deadline);
    if (!events) co_return events.error();
    std::vector<AuditEntry> entries;
    entries.reserve(events->size());
    for (async::AuditEvent& event : *events) {
        entries.push_back({event.id, event.at, std::move(event.type), event.handle,
                           std::move(event.user_id), std::move(event.actor),
                           std::move(event.detail)});
    }
    co_return entries;
}

}  // namespace vedfolnir::manager
