#include "records.hpp"

#include "times.hpp"
#include "vedfolnir/request.hpp"
#include "vedfolnir/session_manager.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string_view>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

namespace vedfolnir::bind {

void ensure_trace(RequestContext& request) {
    if (request.trace.none()) request.trace = SessionManager::new_trace();
}

namespace {

nb::object optional_time(const std::optional<TimePoint>& time) {
    return time ? to_datetime(*time) : nb::none();
}

std::optional<std::string> optional_handle(const std::optional<Handle>& handle) {
    if (!handle) return std::nullopt;
    return handle->text();
}

using Lifetime = std::optional<Seconds> RequestContext::*;

template <Lifetime lifetime>
std::optional<std::int64_t> seconds_of(const RequestContext& self) {
    if (!(self.*lifetime)) return std::nullopt;
    return (self.*lifetime)->count();
}

template <Lifetime lifetime>
void set_seconds(RequestContext& self, std::optional<std::int64_t> seconds) {
    (self.*lifetime).reset();
    if (seconds) self.*lifetime = Seconds(*seconds);
}

TraceId trace_of(std::string_view traceparent) {
    if (traceparent.empty()) return {};
    return TraceId::of_traceparent(traceparent).value_or(TraceId{});
}

std::string trace_id(RequestContext& self) {
    ensure_trace(self);
    return self.trace.text();
}

void bind_request(nb::module_& module) {
    nb::class_<RequestContext>(module, "RequestContext",
                               "What the core needs to know of one HTTP request.")
        .def(
            "__init__",
            [](RequestContext* self, const nb::bytes& cookie_header, std::string user_agent,
               std::string client_address, bool passive, std::string_view traceparent) {
                new (self)
                    RequestContext{.cookie_header = {cookie_header.c_str(), cookie_header.size()},
                                   .user_agent = std::move(user_agent),
                                   .client_address = std::move(client_address),
                                   .passive = passive,
                                   .cookie_max_age = std::nullopt,
                                   .permanent_max_age = std::nullopt,
                                   .trace = trace_of(traceparent),
                                   .cookie_again = false};
            },
            "cookie_header"_a = nb::bytes(""), "user_agent"_a = "", "client_address"_a = "",
            "passive"_a = false, "traceparent"_a = "")
        .def(
            "with_cookie",
            [](const RequestContext& self, const nb::bytes& cookie_header) {
                RequestContext copy = self;
                copy.cookie_header.assign(cookie_header.c_str(), cookie_header.size());
                return copy;
            },
            "cookie_header"_a, "The same request as if it had come with that Cookie header.")
        .def_prop_ro(
            "trace_id", &trace_id,
            "Of the traceparent header if that was well-formed, else made with the first look.")
        .def_rw("passive", &RequestContext::passive)
        .def_rw("cookie_again", &RequestContext::cookie_again)
        .def_prop_rw("cookie_max_age", &seconds_of<&RequestContext::cookie_max_age>,
                     &set_seconds<&RequestContext::cookie_max_age>,
                     nb::for_setter(nb::arg("seconds").none()),
                     "Seconds; counts where the settings name no Max-Age.")
        .def_prop_rw("permanent_max_age", &seconds_of<&RequestContext::permanent_max_age>,
                     &set_seconds<&RequestContext::permanent_max_age>,
                     nb::for_setter(nb::arg("seconds").none()),
                     "The same, but only for a session that is permanent when it is written.");
}

void bind_commit_result(nb::module_& module) {
    nb::class_<CommitResult>(module, "CommitResult", "What a commit did.")
        .def_prop_ro("action",
                     [](const CommitResult& self) { return std::string(to_string(self.action)); })
        .def_ro("set_cookie", &CommitResult::set_cookie)
        .def_prop_ro("ending",
                     [](const CommitResult& self) { return std::string(to_string(self.ending)); });
}

void bind_session_info(nb::module_& module) {
    nb::class_<SessionInfo>(module, "SessionInfo",
                            "A session as people may see it: no id, no payload.")
        .def_prop_ro("handle", [](const SessionInfo& self) { return self.handle.text(); })
        .def_ro("user_id", &SessionInfo::user_id)
        .def_prop_ro(
            "created", [](const SessionInfo& self) { return to_datetime(self.created); },
            nb::sig("def created(self) -> datetime.datetime"))
        .def_prop_ro(
            "last_seen", [](const SessionInfo& self) { return to_datetime(self.last_seen); },
            nb::sig("def last_seen(self) -> datetime.datetime"))
        .def_prop_ro(
            "absolute_expiry",
            [](const SessionInfo& self) { return to_datetime(self.absolute_expiry); },
            nb::sig("def absolute_expiry(self) -> datetime.datetime"))
        .def_ro("device", &SessionInfo::device)
        .def_ro("place", &SessionInfo::place)
        .def_ro("platform", &SessionInfo::platform)
        .def_prop_ro(
            "ended", [](const SessionInfo& self) { return optional_time(self.ended); },
            nb::sig("def ended(self) -> datetime.datetime | None"))
        .def_ro("end_reason", &SessionInfo::end_reason)
        .def_ro("live", &SessionInfo::live)
        .def_ro("generation", &SessionInfo::generation)
        .def_ro("stored_bytes", &SessionInfo::stored_bytes);
}

void bind_store_info(nb::module_& module) {
    nb::class_<StoreInfo>(module, "StoreInfo", "What the hot store says of itself.")
        .def_ro("product", &StoreInfo::product, "\"Redis\" or \"Valkey\".")
        .def_ro("version", &StoreInfo::version)
        .def_ro("connected_clients", &StoreInfo::connected_clients)
        .def_ro("used_memory", &StoreInfo::used_memory, "Bytes.")
        .def_ro("used_memory_human", &StoreInfo::used_memory_human)
        .def_ro("keyspace_hits", &StoreInfo::keyspace_hits)
        .def_ro("keyspace_misses", &StoreInfo::keyspace_misses);
}

void bind_audit_entry(nb::module_& module) {
    nb::class_<AuditEntry>(module, "AuditEntry", "One entry of the audit trail.")
        .def_ro("id", &AuditEntry::id)
        .def_prop_ro(
            "at", [](const AuditEntry& self) { return to_datetime(self.at); },
            nb::sig("def at(self) -> datetime.datetime"))
        .def_ro("type", &AuditEntry::type)
        .def_prop_ro("handle", [](const AuditEntry& self) { return optional_handle(self.handle); })
        .def_ro("user_id", &AuditEntry::user_id)
        .def_ro("actor", &AuditEntry::actor)
        .def_ro("detail", &AuditEntry::detail, "A JSON object.");
}

void bind_timing(nb::module_& module) {
    nb::class_<Timing>(module, "Timing", "How long an operation took, waiting included.")
        .def_prop_ro("count", &Timing::count)
        .def_ro("sum_us", &Timing::sum_us, "Microseconds in all.")
        .def_prop_ro("buckets",
                     [](const Timing& self) {
                         return std::vector<std::uint64_t>(self.buckets.begin(),
                                                           self.buckets.end());
                     })
        .def_prop_ro_static(
            "bounds_us",
            [](nb::handle) {
                return std::vector<std::uint64_t>(Timing::bounds_us.begin(),
                                                  Timing::bounds_us.end());
            },
            nb::sig("def bounds_us(arg: object, /) -> list[int]"),
            "Upper bounds of the buckets, included; the last bucket has none.");
}

void bind_counters(nb::module_& module) {
    nb::class_<Counters>(module, "Counters", "Numbers since this process started; monotonic.")
        .def_ro("store_commands", &Counters::store_commands)
        .def_ro("sql_statements", &Counters::sql_statements)
        .def_ro("loads", &Counters::loads)
        .def_ro("loads_found", &Counters::loads_found)
        .def_ro("loads_unknown", &Counters::loads_unknown)
        .def_ro("cookies_malformed", &Counters::cookies_malformed)
        .def_ro("cookies_forged", &Counters::cookies_forged)
        .def_ro("cookies_ambiguous", &Counters::cookies_ambiguous)
        .def_ro("records_unreadable", &Counters::records_unreadable)
        .def_ro("creates", &Counters::creates)
        .def_ro("saves", &Counters::saves)
        .def_ro("touches", &Counters::touches)
        .def_ro("logins", &Counters::logins)
        .def_ro("endings", &Counters::endings)
        .def_ro("endings_pending", &Counters::endings_pending)
        .def_ro("merges", &Counters::merges)
        .def_ro("conflicts_same_key", &Counters::conflicts_same_key)
        .def_ro("commits_dropped", &Counters::commits_dropped)
        .def_ro("slow_operations", &Counters::slow_operations)
        .def_ro("journal_entries", &Counters::journal_entries)
        .def_ro("journal_since_ms", &Counters::journal_since_ms)
        .def_ro("audit_dropped", &Counters::audit_dropped)
        .def_ro("changes_lost", &Counters::changes_lost,
                "Values changed in place by a streamed body, after the session was saved.")
        .def_ro("near_hits", &Counters::near_hits)
        .def_ro("near_stale", &Counters::near_stale)
        .def_ro("near_fills", &Counters::near_fills)
        .def_ro("near_fills_refused", &Counters::near_fills_refused)
        .def_ro("near_invalidations", &Counters::near_invalidations)
        .def_ro("fallback_reads", &Counters::fallback_reads)
        .def_ro("fallback_writes", &Counters::fallback_writes)
        .def_ro("fallback_unknown", &Counters::fallback_unknown)
        .def_ro("fallback_refused", &Counters::fallback_refused)
        .def_ro("fallback_restored", &Counters::fallback_restored)
        .def_ro("fallback_conflicts", &Counters::fallback_conflicts)
        .def_ro("fallback_active", &Counters::fallback_active)
        .def_ro("fallback_ahead", &Counters::fallback_ahead)
        .def_ro("cleanup_runs", &Counters::cleanup_runs)
        .def_ro("cleanup_failures", &Counters::cleanup_failures)
        .def_ro("cleanup_removed", &Counters::cleanup_removed)
        .def_ro("cleanup_closed", &Counters::cleanup_closed)
        .def_ro("cleanup_ms", &Counters::cleanup_ms)
        .def_ro("retention_removed", &Counters::retention_removed)
        .def_ro("snapshots_written", &Counters::snapshots_written)
        .def_ro("snapshots_failures", &Counters::snapshots_failures)
        .def_ro("snapshots_lag_ms", &Counters::snapshots_lag_ms);
}

}  // namespace

void bind_records(nb::module_& module) {
    bind_request(module);
    bind_commit_result(module);
    bind_session_info(module);
    bind_store_info(module);
    bind_audit_entry(module);
    bind_timing(module);
    bind_counters(module);
}

}  // namespace vedfolnir::bind
