#include "memory/memory_archive.hpp"

#include "runtime/archive_rules.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace vedfolnir::memory {
namespace {

struct Row {
    async::SessionRow session;
    TimePoint begun{};
    std::uint64_t epoch = 0;
};

struct Epoch {
    std::uint64_t value = 0;
    TimePoint raised{};
};

/// Newest first; equal moments by handle.
bool listed_before(const async::SessionRow& left, const async::SessionRow& right) {
    if (left.created != right.created) return left.created > right.created;
    return left.handle < right.handle;
}

}  // namespace

struct MemoryArchive::Tables {
    std::mutex mutex;
    std::atomic<bool> down{false};
    std::atomic<std::uint64_t> opening{1};
    std::map<Handle, Row> rows;
    std::map<StoreKey, Handle> handle_of;  // current keys only
    std::array<std::uint64_t, 256> sequences{};
    std::array<std::vector<async::Revocation>, 256> revocations;
    std::set<StoreKey> revoked;
    std::map<UserTag, Epoch> epochs;
    std::vector<async::AuditEvent> events;
    std::set<OperationId> written;
    std::map<OperationId, async::LoginGrant> logins;
    std::map<OperationId, async::EndReceipt> endings;

    /// Every call starts here. Errors: audit_unavailable.
    [[nodiscard]] Result<void> ready(Deadline deadline) const {
        if (down) return Error{Errc::audit_unavailable, "the in-memory archive is switched off"};
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error{Errc::audit_unavailable, "the deadline had passed; nothing was written"};
        }
        return {};
    }

    [[nodiscard]] Row* live_row(const Handle& handle) {
        const auto found = rows.find(handle);
        return found == rows.end() || found->second.session.ended ? nullptr : &found->second;
    }

    void write(async::AuditEvent event) {
        event.id = events.size() + 1;
        if (event.operation) written.insert(*event.operation);
        events.push_back(std::move(event));
    }

    void close(Row& row, TimePoint at, EndReason reason) {
        row.session.ended = at;
        row.session.end_reason = to_string(reason);
        handle_of.erase(row.session.key);
    }

    void revoke(async::EndOrder& order) {
        auto& sequence = sequences[order.shard];
        sequence += runtime::sequences_needed(order);
        runtime::assign_sequences(order, sequence);
        for (auto& revocation : runtime::revocations_of(order)) {
            if (revocation.key) revoked.insert(*revocation.key);
            revocations[order.shard].push_back(revocation);
        }
    }

    [[nodiscard]] Result<async::LoginGrant> begin_login(async::LoginOrder order);
    [[nodiscard]] Result<async::LoginGrant> repeated(const async::LoginOrder& order,
                                                     const async::LoginGrant& grant) const;
    [[nodiscard]] std::optional<async::EndOrder> replace(const async::LoginOrder& order);
    [[nodiscard]] std::vector<async::SessionRow> matching(const async::EndRequest& request) const;
    [[nodiscard]] bool ends_unknown(const async::EndRequest& request) const;
    [[nodiscard]] async::EndReceipt end(const async::EndRequest& request);
    void replay(const async::Deferred& entry, async::ReplayReceipt& receipt);
    void replay_login(const async::LoginOrder& login, async::ReplayReceipt& receipt);
    std::uint32_t close_expired(TimePoint now, std::uint32_t limit);
    [[nodiscard]] std::vector<async::SessionRow> list(const async::SessionQuery& query) const;
    [[nodiscard]] std::vector<async::AuditEvent> find(const async::AuditQuery& query) const;
};

std::optional<async::EndOrder> MemoryArchive::Tables::replace(const async::LoginOrder& order) {
    if (!order.replaced) return std::nullopt;
    const auto& replaced = *order.replaced;
    const auto found = rows.find(replaced.handle);
    if (found == rows.end()) {
        // This archive never knew the session (it was restored, say): its key is revoked all the
        // same.
        auto end = runtime::replacement_order(replaced, replaced.key,
                                              replaced.same_user ? order.row.user : UserTag{});
        revoke(end);
        return end;
    }
    auto& row = found->second;
    auto end = runtime::replacement_order(replaced, row.session.key, row.session.user);
    if (row.session.ended) return end;  // revoked when it ended; the hot store may delete once more
    revoke(end);
    if (runtime::keeps_row(order)) {
        handle_of.erase(row.session.key);
        return end;
    }
    close(row, order.event.at, EndReason::replaced);
    write(runtime::replaced_event(order.event, row.session));
    return end;
}

Result<async::LoginGrant> MemoryArchive::Tables::repeated(const async::LoginOrder& order,
                                                          const async::LoginGrant& grant) const {
    const auto& session = rows.at(order.row.handle).session;
    if (session.key != order.row.key) {
        return Error{Errc::conflict,
                     "this login was written before, and another one took its place"};
    }
    if (session.ended) {
        return Error{Errc::denied, "this login was written before, and its session has ended"};
    }
    return grant;
}

Result<async::LoginGrant> MemoryArchive::Tables::begin_login(async::LoginOrder order) {
    if (order.event.operation) {
        const auto done = logins.find(*order.event.operation);
        if (done != logins.end()) return repeated(order, done->second);
    }
    const auto present = rows.find(order.row.handle);
    if (present != rows.end() && present->second.session.ended) {
        return Error{Errc::denied,
                     "the session to re-authenticate has ended; log in under a new handle"};
    }
    if ((present != rows.end() && !runtime::keeps_row(order)) ||
        handle_of.contains(order.row.key)) {
        return Error{Errc::conflict, "a session of this handle or key exists already"};
    }
    async::LoginGrant grant;
    auto& epoch = epochs[order.row.user];
    if (epoch.value < order.epoch_floor) epoch = {order.epoch_floor, order.event.at};
    grant.epoch = epoch.value;
    grant.end_replaced = replace(order);
    order.row.confirmed = false;
    order.row.ended.reset();
    order.row.end_reason.clear();
    handle_of[order.row.key] = order.row.handle;
    rows[order.row.handle] = Row{order.row, order.event.at, grant.epoch};
    if (order.event.operation) logins[*order.event.operation] = grant;
    write(std::move(order.event));
    return grant;
}

std::vector<async::SessionRow> MemoryArchive::Tables::matching(
    const async::EndRequest& request) const {
    std::vector<async::SessionRow> found;
    for (const auto& [handle, row] : rows) {
        const auto& session = row.session;
        if (session.ended || session.absolute_expiry <= request.event.at) continue;
        const bool after =
            request.keep ? row.begun > request.event.at : row.epoch >= request.granted_epoch;
        if (request.late && !request.user_id.empty() && after) continue;
        const bool matches =
            request.key      ? session.key == *request.key
            : request.handle ? handle == *request.handle
                             : session.user_id == request.user_id && session.key != request.keep;
        if (matches) found.push_back(session);
    }
    return found;
}

/// A key that no row holds, of a session whose owner the caller knows.
bool MemoryArchive::Tables::ends_unknown(const async::EndRequest& request) const {
    if (!request.key || request.user.anonymous() || revoked.contains(*request.key)) return false;
    return std::ranges::none_of(
        rows, [&](const auto& entry) { return entry.second.session.key == *request.key; });
}

async::EndReceipt MemoryArchive::Tables::end(const async::EndRequest& request) {
    if (request.event.operation) {
        const auto done = endings.find(*request.event.operation);
        if (done != endings.end()) return done->second;
    }
    const auto found = matching(request);
    async::EndReceipt receipt;
    receipt.sessions = static_cast<std::uint32_t>(found.size());
    for (const auto& session : found) {
        close(rows.at(session.handle), request.event.at, request.reason);
        receipt.keys.push_back(session.key);
    }
    receipt.orders = runtime::plan_end(request, found);
    auto written_now = runtime::events_of(request, found);
    if (ends_unknown(request)) {
        receipt.orders = {runtime::unknown_key_order(request)};
        written_now = {request.event};
    }
    for (auto& order : receipt.orders) {
        if (order.whole_user && !order.keep) {
            auto& epoch = epochs[order.user];
            epoch = {request.late ? std::max(epoch.value, request.granted_epoch)
                                  : std::max(epoch.value, request.epoch_floor) + 1,
                     request.event.at};
            order.epoch = epoch.value;
        }
        revoke(order);
    }
    if (request.event.operation && !written_now.empty())
        endings[*request.event.operation] = receipt;
    for (auto& event : written_now) write(std::move(event));
    return receipt;
}

void MemoryArchive::Tables::replay_login(const async::LoginOrder& login,
                                         async::ReplayReceipt& receipt) {
    const auto present = rows.find(login.row.handle);
    const bool moved_on =
        present != rows.end() && (present->second.session.ended || !runtime::keeps_row(login));
    const bool over =
        revoked.contains(login.row.key) || login.granted_epoch < epochs[login.row.user].value;
    if (auto replaced = replace(login)) receipt.orders.push_back(std::move(*replaced));
    if (!moved_on) {
        Row& row = rows[login.row.handle];
        row = Row{login.row, login.event.at, login.granted_epoch};
        handle_of[login.row.key] = login.row.handle;
        if (over) {
            close(row, login.event.at, EndReason::logout);
            row.session.end_reason = runtime::ended_unrecorded;
        }
    }
    write(login.event);
    if (!moved_on && !over) return;
    async::EndOrder order;
    order.shard = login.row.key.shard;
    order.keys.push_back(login.row.key);
    order.user = login.row.user;
    if (!revoked.contains(login.row.key)) revoke(order);
    receipt.orders.push_back(std::move(order));
}

/// See sql/lifecycle: the same in its simplest form.
void MemoryArchive::Tables::replay(const async::Deferred& entry, async::ReplayReceipt& receipt) {
    const auto is_new = [&](const async::AuditEvent& event) {
        const bool known = event.operation && written.contains(*event.operation);
        ++(known ? receipt.repeated : receipt.written);
        return !known;
    };
    if (const auto* login = std::get_if<async::LoginOrder>(&entry)) {
        if (is_new(login->event)) replay_login(*login, receipt);
    } else if (const auto* request = std::get_if<async::EndRequest>(&entry)) {
        static_cast<void>(is_new(request->event));
        auto ended = end(*request);
        std::ranges::move(ended.keys, std::back_inserter(receipt.keys));
        std::ranges::move(ended.orders, std::back_inserter(receipt.orders));
    } else if (const auto* change = std::get_if<async::PlatformChange>(&entry)) {
        if (!is_new(change->event)) return;
        if (auto* row = live_row(change->handle)) row->session.platform = change->platform;
        write(change->event);
    } else if (const auto* event = std::get_if<async::AuditEvent>(&entry)) {
        if (is_new(*event)) write(*event);
    } else {
        const auto& confirmed = std::get<async::LoginConfirmed>(entry);
        auto* row = live_row(confirmed.handle);
        if (row != nullptr && row->session.key == confirmed.key) {
            row->session.confirmed = true;
            return;
        }
        async::EndOrder order;
        order.shard = confirmed.key.shard;
        order.keys.push_back(confirmed.key);
        order.user = confirmed.user;
        receipt.orders.push_back(std::move(order));
    }
}

std::uint32_t MemoryArchive::Tables::close_expired(TimePoint now, std::uint32_t limit) {
    std::vector<std::pair<TimePoint, Handle>> due;
    for (const auto& [handle, row] : rows) {
        const auto& session = row.session;
        if (!session.ended && session.absolute_expiry <= now)
            due.emplace_back(session.absolute_expiry, handle);
    }
    std::sort(due.begin(), due.end());
    if (due.size() > limit) due.resize(limit);
    for (const auto& [end, handle] : due) {
        Row& row = rows.at(handle);
        close(row, end, EndReason::expired);
        auto event = runtime::expired_event();
        event.at = end;
        event.handle = handle;
        event.user_id = row.session.user_id;
        write(std::move(event));
    }
    return static_cast<std::uint32_t>(due.size());
}

std::vector<async::SessionRow> MemoryArchive::Tables::list(const async::SessionQuery& query) const {
    const auto after = query.after ? rows.find(*query.after) : rows.end();
    if (query.after && after == rows.end()) return {};
    std::vector<async::SessionRow> found;
    for (const auto& [handle, row] : rows) {
        if (query.handle && handle != *query.handle) continue;
        if (query.key && row.session.key != *query.key) continue;
        if (!query.user_id.empty() && row.session.user_id != query.user_id) continue;
        if (query.only_live && !runtime::is_live(row.session, row.begun, query.now)) continue;
        if (query.after && !listed_before(after->second.session, row.session)) continue;
        found.push_back(row.session);
    }
    std::sort(found.begin(), found.end(), listed_before);
    if (found.size() > query.limit) found.resize(query.limit);
    return found;
}

std::vector<async::AuditEvent> MemoryArchive::Tables::find(const async::AuditQuery& query) const {
    const auto types = runtime::type_range(query.type);
    std::vector<async::AuditEvent> found;
    for (auto event = events.rbegin(); event != events.rend() && found.size() < query.limit;
         ++event) {
        if (query.before_id != 0 && event->id >= query.before_id) continue;
        if (!query.user_id.empty() && event->user_id != query.user_id) continue;
        if (query.handle && event->handle != query.handle) continue;
        if (event->detail.find(query.detail_member) == std::string::npos) continue;
        if (event->type < types.low || event->type > types.high) continue;
        if ((query.since && event->at < *query.since) || (query.until && event->at >= *query.until))
            continue;
        found.push_back(*event);
    }
    return found;
}

MemoryArchive::MemoryArchive() : tables_(std::make_unique<Tables>()) {}
MemoryArchive::~MemoryArchive() = default;

void MemoryArchive::set_down(bool down) noexcept { tables_->down = down; }
void MemoryArchive::reopen() noexcept { ++tables_->opening; }
std::uint64_t MemoryArchive::opening_number() const noexcept { return tables_->opening; }

async::Task<async::LoginGrant> MemoryArchive::begin_login(async::LoginOrder order,
                                                          Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(order); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    co_return tables_->begin_login(std::move(order));
}

/// Has no place for a copy: it is gone with the store beside it.
async::Task<bool> MemoryArchive::confirm_login(Handle handle, StoreKey key,
                                               std::optional<async::Snapshot> /*copy*/,
                                               Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    auto* row = tables_->live_row(handle);
    if (row == nullptr || row->session.key != key) co_return false;
    row->session.confirmed = true;
    co_return true;
}

async::Task<async::EndReceipt> MemoryArchive::end(async::EndRequest request, Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(request); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    co_return tables_->end(request);
}

async::Task<std::uint32_t> MemoryArchive::close_expired(TimePoint now, std::uint32_t limit,
                                                        Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    co_return tables_->close_expired(now, limit);
}

async::Task<bool> MemoryArchive::record_change(Handle handle, std::string platform,
                                               async::AuditEvent event, Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    if (event.operation && tables_->written.contains(*event.operation)) co_return true;
    auto* row = tables_->live_row(handle);
    if (row == nullptr) co_return false;
    row->session.platform = runtime::clean_text(platform, runtime::platform_max);
    event.handle = handle;
    event.user_id = row->session.user_id;
    tables_->write(std::move(event));
    co_return true;
}

async::Task<std::uint32_t> MemoryArchive::append(std::vector<async::AuditEvent> events,
                                                 Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    for (auto& event : events) {
        if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    }
    const std::lock_guard lock(tables_->mutex);
    for (auto& event : events) {
        if (event.operation && tables_->written.contains(*event.operation)) continue;
        tables_->write(std::move(event));
    }
    co_return static_cast<std::uint32_t>(events.size());
}

async::Task<std::vector<async::SessionRow>> MemoryArchive::sessions(async::SessionQuery query,
                                                                    Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(query); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    co_return tables_->list(query);
}

async::Task<std::vector<async::AuditEvent>> MemoryArchive::audit(async::AuditQuery query,
                                                                 Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(query); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    co_return tables_->find(query);
}

async::Task<bool> MemoryArchive::try_write(Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    co_return true;
}

async::Task<std::vector<std::uint64_t>> MemoryArchive::sequences(Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    co_return std::vector<std::uint64_t>(tables_->sequences.begin(), tables_->sequences.end());
}

async::Task<std::vector<async::Revocation>> MemoryArchive::revocations(std::uint8_t shard,
                                                                       std::uint64_t after,
                                                                       std::uint32_t limit,
                                                                       Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    const auto& all = tables_->revocations[shard];
    std::vector<async::Revocation> found;
    for (auto at = std::ranges::upper_bound(all, after, {}, &async::Revocation::sequence);
         at != all.end() && found.size() < limit; ++at)
        found.push_back(*at);
    co_return found;
}

async::Task<async::ReplayReceipt> MemoryArchive::replay(std::vector<async::Deferred> entries,
                                                        Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    for (auto& entry : entries) {
        if (auto prepared = runtime::prepare(entry); !prepared) co_return prepared.error();
    }
    const std::lock_guard lock(tables_->mutex);
    async::ReplayReceipt receipt;
    for (const auto& entry : entries) tables_->replay(entry, receipt);
    for (const auto& order : receipt.orders)
        receipt.keys.insert(receipt.keys.end(), order.keys.begin(), order.keys.end());
    co_return receipt;
}

async::Task<std::uint32_t> MemoryArchive::raise_sequences(std::vector<std::uint64_t> marks,
                                                          async::AuditEvent event,
                                                          Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    if (auto prepared = runtime::prepare(event); !prepared) co_return prepared.error();
    const std::lock_guard lock(tables_->mutex);
    std::uint32_t raised = 0;
    for (std::size_t shard = 0; shard < std::min(marks.size(), tables_->sequences.size());
         ++shard) {
        if (marks[shard] <= tables_->sequences[shard]) continue;
        tables_->sequences[shard] = marks[shard];
        ++raised;
    }
    if (raised > 0) tables_->write(std::move(event));
    co_return raised;
}

async::Task<std::vector<async::UserEpoch>> MemoryArchive::epochs(TimePoint since,
                                                                 std::uint32_t limit,
                                                                 Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    std::vector<async::UserEpoch> found;
    for (const auto& [user, epoch] : tables_->epochs) {
        if (epoch.value > 0 && epoch.raised >= since)
            found.push_back({user, epoch.value, epoch.raised});
    }
    std::ranges::stable_sort(found, std::greater{}, &async::UserEpoch::raised);
    if (found.size() > limit) found.resize(limit);
    co_return found;
}

async::Task<std::vector<async::UserEpoch>> MemoryArchive::epochs_from(std::uint8_t shard,
                                                                      std::optional<UserTag> after,
                                                                      std::uint32_t limit,
                                                                      Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    UserTag first;
    first.bytes[0] = shard;
    std::vector<async::UserEpoch> found;
    for (auto at = after ? tables_->epochs.upper_bound(*after) : tables_->epochs.lower_bound(first);
         at != tables_->epochs.end() && found.size() < limit; ++at) {
        if (at->second.value > 0) found.push_back({at->first, at->second.value, at->second.raised});
    }
    co_return found;
}

async::Task<std::uint64_t> MemoryArchive::epoch_of(UserTag user, Deadline deadline) {
    if (auto ready = tables_->ready(deadline); !ready) co_return ready.error();
    const std::lock_guard lock(tables_->mutex);
    const auto found = tables_->epochs.find(user);
    co_return found == tables_->epochs.end() ? 0 : found->second.value;
}

}  // namespace vedfolnir::memory
