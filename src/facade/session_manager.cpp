#include "vedfolnir/session_manager.hpp"

#include "crypto/random.hpp"
#include "facade/instance.hpp"
#include "facade/watch.hpp"
#include "ops/health.hpp"
#include "ops/metrics.hpp"
#include "runtime/run_sync.hpp"

#include <chrono>
#include <utility>

namespace vedfolnir {
namespace facade {

Instance::~Instance() {
    runtime.stop();
    if (end_threads) end_threads();
    background.reset();
    core.reset();
}

}  // namespace facade

SessionManager::Impl::Impl(ManagerOptions options_, crypto::KeyRing ring_,
                           facade::PortsFactory factory_, manager::Report report_,
                           std::unique_ptr<crypto::RandomSource> random_)
    : options(std::move(options_)),
      ring(std::move(ring_)),
      random(std::move(random_)),
      factory(std::move(factory_)),
      report(std::move(report_)) {}

SessionManager::Impl::~Impl() {
    facade::Instance* mine = current.load();
    // In a forked child the parent's instance is leaked on purpose: its thread and sockets are not ours to close.
    if (mine != nullptr && mine->runtime.belongs_here()) delete mine;
}

Result<facade::Instance*> SessionManager::Impl::instance() {
    facade::Instance* seen = current.load(std::memory_order_acquire);
    while (seen == nullptr || !seen->runtime.belongs_here()) {
        // No lock: one held by another thread at the moment of a fork would stay locked in the child.
        auto fresh = std::make_unique<facade::Instance>();
        auto ports = factory(fresh->runtime, options, counters);
        if (!ports) return ports.error();
        fresh->end_threads = std::move(ports->end_threads);
        fresh->background = std::move(ports->background);
        fresh->core = std::make_shared<manager::Core>(
            manager::CoreSettings{options, ring, *random, counters, fresh->runtime.executor(),
                                  report},
            std::move(*ports));
        if (!current.compare_exchange_strong(seen, fresh.get(), std::memory_order_acq_rel))
            continue;
        fresh->core->start();
        if (fresh->background && options.jobs.run) fresh->background->start();
        return fresh.release();
    }
    return seen;
}

namespace {

/// Runs one operation of the core on the runtime's thread and waits for it.
template <class T, class Operation>
Result<T> run(SessionManager::Impl& impl, Millis budget, Operation operation) {
    auto instance = impl.instance();
    if (!instance) return instance.error();
    const Deadline deadline = deadline_in(budget);
    return runtime::run_sync<T>((*instance)->runtime, operation(*(*instance)->core, deadline),
                                deadline);
}

/// Loads touch the hot store only.
Millis load_budget(const ManagerOptions& options) { return options.request_budget; }
/// What may wait for a SQL commit.
Millis durable_budget(const ManagerOptions& options) {
    return options.request_budget + options.sql.statement_timeout;
}

/// What maintenance may take; each of its statements is bounded by the statement timeout besides.
constexpr Millis maintenance_budget{60'000};

}  // namespace

SessionManager::SessionManager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionManager::SessionManager(SessionManager&&) noexcept = default;
SessionManager& SessionManager::operator=(SessionManager&&) noexcept = default;
SessionManager::~SessionManager() = default;

Result<Session> SessionManager::begin_load(const RequestContext& request) const {
    auto instance = impl_->instance();
    if (!instance) return instance.error();
    return Session((*instance)->core->begin_load(request));
}

Result<Session> SessionManager::finish_load(Session session, const RequestContext& request) const {
    if (!session.pending()) return session;
    session.state_->trace = request.trace;
    const facade::Watch watch(*impl_, request.trace);
    auto state = run<manager::StatePtr>(
        *impl_, load_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_load(std::move(session.state_), deadline);
        });
    watch.ended(Operation::load);
    if (!state) return state.error();
    return Session(std::move(*state));
}

Result<Session> SessionManager::load(const RequestContext& request) const {
    auto session = begin_load(request);
    if (!session) return session.error();
    return finish_load(std::move(*session), request);
}

bool SessionManager::commit_due(const Session& session, const RequestContext& request) const {
    const auto instance = impl_->instance();
    return !instance || !(*instance)->core->nothing_to_commit(*session.state_, request);
}

Result<CommitResult> SessionManager::commit(Session& session, const RequestContext& request) const {
    manager::SessionState& state = *session.state_;
    if (state.committed) return Error{Errc::read_only, "the session was committed before"};
    state.committed = true;
    if (!commit_due(session, request)) return CommitResult{};
    const facade::Watch watch(*impl_, request.trace);
    auto outcome = run<manager::CommitOutcome>(
        *impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_commit(session.state_, request, deadline);
        });
    watch.ended(outcome ? &outcome->result : nullptr);
    if (!outcome) return outcome.error();
    if (outcome->loaded) {
        state.loaded = std::move(outcome->loaded);
        state.reason = LoadReason::found;
        state.base = std::move(outcome->entries);
        state.changed.reset();
    } else if (outcome->result.action != CommitAction::none) {
        state.loaded.reset();
        state.reason = LoadReason::ended;
    }
    if (!outcome->cookie_value.empty()) state.cookie_value = std::move(outcome->cookie_value);
    return std::move(outcome->result);
}

Result<CommitResult> SessionManager::login_remembered(Session& session,
                                                      const RequestContext& request,
                                                      std::string_view token) const {
    manager::SessionState& state = *session.state_;
    if (state.committed) return Error{Errc::read_only, "the session was committed before"};
    state.remembered = true;
    // As in `commit`: a task that outlives its deadline goes on reading this state, so nobody may change it then.
    state.committed = true;
    const facade::Watch watch(*impl_, request.trace);
    auto outcome = run<manager::RememberedOutcome>(
        *impl_, durable_budget(impl_->options) + manager::remembered_patience,
        [&](auto& core, Deadline deadline) {
            return core.async_login_remembered(session.state_, request, std::string(token),
                                               deadline);
        });
    watch.ended(outcome ? &outcome->result : nullptr);
    if (!outcome) return outcome.error();
    state.committed = false;
    if (outcome->session) session.state_ = std::move(outcome->session);
    return std::move(outcome->result);
}

Result<Ending> SessionManager::end(std::string_view name, EndReason reason, std::string_view actor,
                                   std::string_view owner, const TraceId& trace) const {
    const manager::EndCommand command{std::string(name), reason, std::string(actor),
                                      std::string(owner), trace};
    const facade::Watch watch(*impl_, trace);
    auto ending =
        run<Ending>(*impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_end(command, deadline);
        });
    watch.ended(Operation::end);
    return ending;
}

Result<Ending> SessionManager::end_user(std::string_view user_id, std::optional<Handle> keep,
                                        EndReason reason, std::string_view actor,
                                        std::uint32_t* count, const TraceId& trace) const {
    const manager::EndUserCommand command{std::string(user_id), keep, reason, std::string(actor),
                                          trace};
    const facade::Watch watch(*impl_, trace);
    auto outcome = run<manager::EndUserOutcome>(
        *impl_, durable_budget(impl_->options),
        [&](auto& core, Deadline deadline) { return core.async_end_user(command, deadline); });
    watch.ended(Operation::end);
    if (!outcome) return outcome.error();
    if (count != nullptr) *count = outcome->count;
    return outcome->ending;
}

Result<ScopeCount> SessionManager::count_scope(const EndScope& scope) const {
    return run<ScopeCount>(
        *impl_, durable_budget(impl_->options),
        [&](auto& core, Deadline deadline) { return core.async_count_scope(scope, deadline); });
}

Result<MassEndingResult> SessionManager::end_scope(const EndScope& scope, EndReason reason,
                                                   std::string_view actor) const {
    return run<MassEndingResult>(
        *impl_, manager::Core::mass_ending_budget, [&](auto& core, Deadline deadline) {
            return core.async_end_scope(scope, reason, std::string(actor), deadline);
        });
}

Result<std::uint64_t> SessionManager::close_expired() const {
    return run<std::uint64_t>(*impl_, maintenance_budget, [](auto& core, Deadline deadline) {
        return core.async_close_expired(deadline);
    });
}

Result<std::optional<Session>> SessionManager::load_named(std::string_view name) const {
    auto state = run<std::optional<manager::StatePtr>>(
        *impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_load_named(std::string(name), deadline);
        });
    if (!state) return state.error();
    if (!*state) return std::optional<Session>{};
    return std::optional<Session>(Session(std::move(**state)));
}

Result<std::string> SessionManager::create_named(Session& session,
                                                 const RequestContext& request) const {
    auto result = commit(session, request);
    if (!result) return result.error();
    if (result->action != CommitAction::logged_in) {
        return Error{Errc::bad_value, "A session made without a request needs a user id.",
                     "no identity key was set"};
    }
    return session.state_->cookie_value;
}

Result<bool> SessionManager::touch_named(std::string_view name) const {
    return run<bool>(*impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
        return core.async_touch_named(std::string(name), deadline);
    });
}

Result<std::vector<SessionInfo>> SessionManager::list(const ListQuery& query) const {
    return run<std::vector<SessionInfo>>(
        *impl_, durable_budget(impl_->options),
        [&](auto& core, Deadline deadline) { return core.async_list(query, deadline); });
}

Result<std::optional<Inspection>> SessionManager::inspect(std::string_view handle,
                                                          std::string_view actor) const {
    const auto parsed = Handle::parse(handle);
    if (!parsed) return std::optional<Inspection>{};
    return run<std::optional<Inspection>>(
        *impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_inspect(*parsed, std::string(actor), deadline);
        });
}

Result<std::vector<AuditEntry>> SessionManager::audit(const AuditFilter& filter) const {
    return run<std::vector<AuditEntry>>(
        *impl_, durable_budget(impl_->options),
        [&](auto& core, Deadline deadline) { return core.async_audit(filter, deadline); });
}

Result<FallbackStatus> SessionManager::fallback_status() const {
    return run<FallbackStatus>(
        *impl_, durable_budget(impl_->options),
        [](auto& core, Deadline deadline) { return core.async_fallback_status(deadline); });
}

Result<FallbackStatus> SessionManager::set_fallback(FallbackMode mode,
                                                    std::string_view actor) const {
    return run<FallbackStatus>(
        *impl_, durable_budget(impl_->options), [&](auto& core, Deadline deadline) {
            return core.async_set_fallback(mode, std::string(actor), deadline);
        });
}

Result<void> SessionManager::ping() const {
    auto answer =
        run<bool>(*impl_, durable_budget(impl_->options),
                  [&](auto& core, Deadline deadline) { return core.async_ping(deadline); });
    if (!answer) return answer.error();
    return {};
}

Result<void> SessionManager::try_sql() const {
    auto answer =
        run<bool>(*impl_, durable_budget(impl_->options),
                  [](auto& core, Deadline deadline) { return core.async_try_sql(deadline); });
    if (!answer) return answer.error();
    return {};
}

Result<StoreInfo> SessionManager::store_info() const {
    return run<StoreInfo>(*impl_, load_budget(impl_->options), [](auto& core, Deadline deadline) {
        return core.async_store_info(deadline);
    });
}

void SessionManager::count_lost_changes(std::uint64_t count) const noexcept {
    runtime::AtomicCounters::raise(impl_->counters.changes_lost, count);
}

Timings SessionManager::timings() const noexcept {
    Timings read;
    for (std::size_t i = 0; i < read.size(); ++i) read[i] = impl_->counters.timings[i].read();
    return read;
}

namespace {

ops::MetricSources own_metrics(const SessionManager& manager, SessionManager::Impl& impl) {
    ops::MetricSources sources;
    sources.process =
        ops::ProcessFigures{manager.counters(), manager.timings(), impl.watch.look(impl.counters)};
    sources.now = std::chrono::floor<Millis>(std::chrono::system_clock::now());
    sources.health = ops::assess(sources, impl.options.health);
    return sources;
}

}  // namespace

std::string SessionManager::metrics_text() const {
    return ops::metrics_text(own_metrics(*this, *impl_));
}

std::string SessionManager::metrics_json() const {
    return ops::metrics_json(own_metrics(*this, *impl_));
}

TraceId SessionManager::new_trace() {
    TraceId trace;
    crypto::KernelRandom random;
    const auto filled = random.fill(trace.bytes);
    return filled ? trace : TraceId{};
}

namespace {

/// The background work of this process, or why there is none.
Result<facade::Instance*> working(SessionManager::Impl& impl) {
    auto instance = impl.instance();
    if (!instance || (*instance)->background) return instance;
    return Error{Errc::unsupported, "sessions in memory need no background work"};
}

}  // namespace

Result<void> SessionManager::start_jobs() const {
    if (!impl_->options.jobs.run) {
        return Error{Errc::bad_options, "this process may not do background work (jobs.run)"};
    }
    // The first instance of a process starts them.
    auto instance = working(*impl_);
    if (!instance) return instance.error();
    return {};
}

Result<bool> SessionManager::stop_jobs(Millis budget) const {
    auto instance = working(*impl_);
    if (!instance) return instance.error();
    const Deadline deadline = deadline_in(budget);
    return runtime::run_sync<bool>((*instance)->runtime, (*instance)->background->stop(deadline),
                                   deadline);
}

Result<JobsReport> SessionManager::jobs() const {
    auto instance = working(*impl_);
    if (!instance) return instance.error();
    const Deadline deadline = deadline_in(durable_budget(impl_->options));
    return runtime::run_sync<JobsReport>((*instance)->runtime,
                                         (*instance)->background->report(deadline), deadline);
}

Counters SessionManager::counters() const noexcept {
    const runtime::AtomicCounters& from = impl_->counters;
    Counters to;
    to.store_commands = from.store_commands;
    to.sql_statements = from.sql_statements;
    to.loads = from.loads;
    to.loads_found = from.loads_found;
    to.loads_unknown = from.loads_unknown;
    to.cookies_malformed = from.cookies_malformed;
    to.cookies_forged = from.cookies_forged;
    to.cookies_ambiguous = from.cookies_ambiguous;
    to.records_unreadable = from.records_unreadable;
    to.creates = from.creates;
    to.saves = from.saves;
    to.touches = from.touches;
    to.logins = from.logins;
    to.endings = from.endings;
    to.endings_pending = from.endings_pending;
    to.merges = from.merges;
    to.conflicts_same_key = from.conflicts_same_key;
    to.commits_dropped = from.commits_dropped;
    to.journal_entries = from.journal_entries;
    to.journal_since_ms = from.journal_since_ms;
    for (std::size_t i = 0; i < to.ended.size(); ++i) to.ended[i] = from.ended[i];
    to.audit_dropped = from.audit_dropped;
    to.audit_queue = from.audit_queue;
    to.audit_since_ms = from.audit_since_ms;
    to.changes_lost = from.changes_lost;
    to.slow_operations = from.slow_operations;
    to.near_hits = from.near_hits;
    to.near_stale = from.near_stale;
    to.near_fills = from.near_fills;
    to.near_fills_refused = from.near_fills_refused;
    to.near_invalidations = from.near_invalidations;
    to.fallback_reads = from.fallback_reads;
    to.fallback_writes = from.fallback_writes;
    to.fallback_unknown = from.fallback_unknown;
    to.fallback_refused = from.fallback_refused;
    to.fallback_restored = from.fallback_restored;
    to.fallback_conflicts = from.fallback_conflicts;
    to.fallback_active = from.fallback_active;
    to.fallback_ahead = from.fallback_ahead;
    to.fallback_queue = from.fallback_queue;
    to.cleanup_runs = from.cleanup_runs;
    to.cleanup_failures = from.cleanup_failures;
    to.cleanup_removed = from.cleanup_removed;
    to.cleanup_closed = from.cleanup_closed;
    to.cleanup_ms = from.cleanup_ms;
    to.retention_removed = from.retention_removed;
    to.snapshots_written = from.snapshots_written;
    to.snapshots_failures = from.snapshots_failures;
    to.snapshots_lag_ms = from.snapshots_lag_ms;
    return to;
}

const ManagerOptions& SessionManager::options() const noexcept { return impl_->options; }

std::string_view to_string(CommitAction action) noexcept {
    switch (action) {
    case CommitAction::none:
        return "none";
    case CommitAction::touched:
        return "touched";
    case CommitAction::created:
        return "created";
    case CommitAction::saved:
        return "saved";
    case CommitAction::logged_in:
        return "logged_in";
    case CommitAction::joined:
        return "joined";
    case CommitAction::ended:
        return "ended";
    case CommitAction::dropped:
        return "dropped";
    }
    return "unknown";
}

}  // namespace vedfolnir
