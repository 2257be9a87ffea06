#include "manager.hpp"

#include "config/settings.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/random.hpp"
#include "errors.hpp"
#include "model/session_id.hpp"
#include "records.hpp"
#include "session.hpp"
#include "times.hpp"
#include "vedfolnir/session_manager.hpp"
#include "waiting.hpp"
#include "web/cookie.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>

namespace nb = nanobind;
using namespace nb::literals;

namespace vedfolnir::bind {
namespace {

using TextDict = config::TextMap;

/// A manager with what was said while its settings were read.
struct BoundManager {
    SessionManager manager;
    std::vector<std::string> warnings;
    std::optional<Seconds> permanent_lifetime;
};

BoundManager open(TextDict arguments, TextDict environment, std::optional<TextDict> framework) {
    config::Settings settings = unwrap(config::read({.arguments = std::move(arguments),
                                                     .environment = std::move(environment),
                                                     .file = std::nullopt,
                                                     .framework = std::move(framework)}));
    SessionManager manager = unwrap(SessionManager::open(std::move(settings.options)));
    return {std::move(manager), std::move(settings.warnings), settings.permanent_lifetime};
}

std::optional<Handle> handle_of(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const auto handle = Handle::parse(*text);
    if (!handle) throw nb::value_error("a handle is 32 hexadecimal digits");
    return handle;
}

/// Empty: none.
TraceId trace_named(std::string_view text) {
    if (text.empty()) return {};
    const auto trace = TraceId::parse(text);
    if (!trace) throw nb::value_error("a trace id is 32 lower-case hexadecimal digits");
    return *trace;
}

EndReason reason_of(std::string_view name) {
    for (const EndReason reason :
         {EndReason::logout, EndReason::ended_by_user, EndReason::ended_by_operator,
          EndReason::expired, EndReason::security}) {
        if (to_string(reason) == name) return reason;
    }
    throw nb::value_error("unknown end reason");
}

BoundSession load(const BoundManager& self, RequestContext& request) {
    const auto since = std::chrono::steady_clock::now();
    // What is at hand is given without letting another thread have the GIL.
    Session session = unwrap(self.manager.begin_load(request));
    if (session.pending()) {
        ensure_trace(request);
        session = waiting([&] { return self.manager.finish_load(std::move(session), request); });
    }
    return {std::move(session), self.manager.options().limits,
            std::chrono::steady_clock::now() - since};
}

/// Takes no time, so the GIL is kept.
bool commit_due(const BoundManager& self, BoundSession& session, const RequestContext& request) {
    return self.manager.commit_due(session.get(), request);
}

CommitResult commit(const BoundManager& self, BoundSession& session, RequestContext& request) {
    ensure_trace(request);
    BoundSession::Lease lease(session);
    return waiting([&] { return self.manager.commit(lease.session(), request); });
}

CommitResult login_remembered(const BoundManager& self, BoundSession& session,
                              RequestContext& request, const std::string& token) {
    ensure_trace(request);
    BoundSession::Lease lease(session);
    return waiting([&] { return self.manager.login_remembered(lease.session(), request, token); });
}

std::string create_named(const BoundManager& self, BoundSession& session, RequestContext& request) {
    ensure_trace(request);
    BoundSession::Lease lease(session);
    return waiting([&] { return self.manager.create_named(lease.session(), request); });
}

nb::object load_named(const BoundManager& self, const std::string& name) {
    auto session = waiting([&] { return self.manager.load_named(name); });
    if (!session) return nb::none();
    return nb::cast(BoundSession(std::move(*session), self.manager.options().limits));
}

std::string end(const BoundManager& self, const std::string& name, std::string_view reason,
                const std::string& actor, const std::string& owner, std::string_view trace_id) {
    const EndReason why = reason_of(reason);
    const TraceId trace = trace_named(trace_id);
    return std::string(
        to_string(waiting([&] { return self.manager.end(name, why, actor, owner, trace); })));
}

std::pair<std::string, std::uint32_t> end_user(const BoundManager& self, const std::string& user_id,
                                               const std::optional<std::string>& keep,
                                               std::string_view reason, const std::string& actor,
                                               std::string_view trace_id) {
    const TraceId trace = trace_named(trace_id);
    const auto kept = handle_of(keep);
    const EndReason why = reason_of(reason);
    std::uint32_t count = 0;
    const Ending ending =
        waiting([&] { return self.manager.end_user(user_id, kept, why, actor, &count, trace); });
    return {std::string(to_string(ending)), count};
}

std::vector<SessionInfo> list(const BoundManager& self, std::string user_id, bool include_ended,
                              std::uint32_t limit, const std::optional<std::string>& after) {
    const ListQuery query{.user_id = std::move(user_id),
                          .include_ended = include_ended,
                          .limit = limit,
                          .after = handle_of(after)};
    return waiting([&] { return self.manager.list(query); });
}

std::vector<AuditEntry> audit(const BoundManager& self, std::string user_id,
                              const std::optional<std::string>& handle, std::string type,
                              nb::handle since, nb::handle until, std::uint32_t limit,
                              std::uint64_t before_id, std::string_view trace_id) {
    AuditFilter filter{.user_id = std::move(user_id),
                       .handle = handle_of(handle),
                       .type = std::move(type),
                       .since = std::nullopt,
                       .until = std::nullopt,
                       .limit = limit,
                       .before_id = before_id};
    if (!trace_id.empty()) filter.trace = trace_named(trace_id);
    if (!since.is_none()) filter.since = from_datetime(since);
    if (!until.is_none()) filter.until = from_datetime(until);
    return waiting([&] { return self.manager.audit(filter); });
}

void ping(const BoundManager& self) {
    const Result<void> answer = run_waiting([&] { return self.manager.ping(); });
    unwrap(answer);
}

std::map<std::string, Timing> timings(const BoundManager& self) {
    const Timings all = self.manager.timings();
    std::map<std::string, Timing> named;
    for (std::size_t i = 0; i < all.size(); ++i)
        named.emplace(to_string(static_cast<Operation>(i)), all[i]);
    return named;
}

std::string mint_id(const BoundManager& self) {
    const auto ring = unwrap(crypto::KeyRing::open(self.manager.options().keys));
    crypto::KernelRandom random;
    std::array<std::uint8_t, 1> shard{};
    unwrap(random.fill(shard));
    return unwrap(ring.mint(shard[0], random)).cookie_value();
}

bool is_own_id(const BoundManager& self, std::string_view text) {
    const auto id = model::SessionId::parse(text);
    return id && unwrap(crypto::KeyRing::open(self.manager.options().keys)).verify(*id);
}

std::optional<std::string> find_cookie(const nb::bytes& header, std::string_view name) {
    const auto found = web::find_cookie({header.c_str(), header.size()}, name);
    if (found.state != web::CookieState::found) return std::nullopt;
    return std::string(found.value);
}

nb::dict redis_dict(const ManagerOptions& options) {
    const RedisOptions& redis = options.redis;
    nb::dict values;
    values["host"] = redis.host;
    values["port"] = redis.port;
    values["db"] = redis.database;
    values["username"] = redis.username;
    values["password"] = redis.password;
    values["ssl"] = redis.tls.has_value();
    values["ssl_verify"] = !redis.tls || redis.tls->verify;
    values["ssl_ca_file"] = redis.tls ? redis.tls->ca_file : std::string();
    values["ssl_certificate_file"] = redis.tls ? redis.tls->certificate_file : std::string();
    values["ssl_key_file"] = redis.tls ? redis.tls->key_file : std::string();
    values["unix_socket"] = redis.unix_socket;
    values["connect_timeout"] = std::chrono::duration<double>(redis.connect_timeout).count();
    values["session_prefix"] = redis.prefix;
    values["session_timeout"] = options.lifetimes.idle.count();
    return values;
}

/// Where Redis is, as the variables say it. Raises ConfigurationError if one of them cannot be read.
nb::dict redis_settings(TextDict arguments, TextDict environment) {
    const config::Settings settings = config::resolve({.arguments = std::move(arguments),
                                                       .environment = std::move(environment),
                                                       .file = std::nullopt,
                                                       .framework = std::nullopt});
    for (const std::string& error : settings.errors) {
        if (error.starts_with("REDIS_")) raise(Error{Errc::bad_options, error});
    }
    return redis_dict(settings.options);
}

void bind_options(nb::class_<BoundManager>& type) {
    const auto options = [](const BoundManager& self) -> const ManagerOptions& {
        return self.manager.options();
    };
    type.def_ro("warnings", &BoundManager::warnings)
        .def_prop_ro("permanent_lifetime",
                     [](const BoundManager& self) -> std::optional<std::int64_t> {
                         if (!self.permanent_lifetime) return std::nullopt;
                         return self.permanent_lifetime->count();
                     })
        .def_prop_ro("cookie_name",
                     [=](const BoundManager& self) { return options(self).cookie.name; })
        .def_prop_ro("cookie_secure",
                     [=](const BoundManager& self) { return options(self).cookie.secure; })
        .def_prop_ro("idle_seconds",
                     [=](const BoundManager& self) { return options(self).lifetimes.idle.count(); })
        .def_prop_ro(
            "absolute_seconds",
            [=](const BoundManager& self) { return options(self).lifetimes.absolute.count(); })
        .def_prop_ro(
            "store",
            [=](const BoundManager& self) -> std::string {
                const StoreKind kind = options(self).store;
                return kind == StoreKind::redis ? "redis"
                       : kind == StoreKind::sql ? "database"
                                                : "memory";
            },
            "Where the records are: redis, database or memory.")
        .def_prop_ro(
            "redis", [=](const BoundManager& self) { return redis_dict(options(self)); },
            nb::sig("def redis(self) -> dict[str, typing.Any]"),
            "How Redis is reached, password included.")
        .def_prop_ro("prefix", [=](const BoundManager& self) { return options(self).redis.prefix; })
        .def_prop_ro("identity_keys",
                     [=](const BoundManager& self) { return options(self).identity.keys; })
        .def_prop_ro("request_local_keys",
                     [=](const BoundManager& self) { return options(self).identity.request_local; })
        .def_prop_ro(
            "dropped_at_login",
            [=](const BoundManager& self) { return options(self).identity.dropped_at_login; })
        .def_prop_ro("twin_keys",
                     [=](const BoundManager& self) { return options(self).identity.twins; });
}

}  // namespace

void bind_manager(nb::module_& module) {
    nb::class_<BoundManager> type(module, "SessionManager",
                                  "The synchronous face of the core; safe from many threads.");
    type.def_static(
            "open", &open, "arguments"_a, "environment"_a, "framework"_a = nb::none(),
            "Reads the settings and wires the stores. Opens no socket and starts no thread.")
        .def("load", &load, "request"_a)
        .def("commit_due", &commit_due, "session"_a, "request"_a,
             "False: a commit would write nothing.")
        .def("commit", &commit, "session"_a, "request"_a)
        .def("login_remembered", &login_remembered, "session"_a, "request"_a, "token"_a,
             "Logs the session in by a remember-me token, together with parallel requests of that "
             "token. The session goes on afterwards.")
        .def("create_named", &create_named, "session"_a, "request"_a,
             "Commits a login made without a request; the cookie value.")
        .def("load_named", &load_named, "name"_a,
             nb::sig("def load_named(self, name: str) -> Session | None"))
        .def(
            "touch_named",
            [](const BoundManager& self, const std::string& name) {
                return waiting([&] { return self.manager.touch_named(name); });
            },
            "name"_a)
        .def(
            "end", &end, "name"_a, "reason"_a, "actor"_a, "owner"_a = "", "trace_id"_a = "",
            "Ends the session of that handle or cookie value; with `owner`, only if it is one of that user's.")
        .def("end_user", &end_user, "user_id"_a, "keep"_a.none(), "reason"_a, "actor"_a,
             "trace_id"_a = "", "How it was acknowledged, and how many sessions were live.")
        .def("sessions", &list, "user_id"_a = "", "include_ended"_a = false, "limit"_a = 100,
             "after"_a = nb::none())
        .def("audit", &audit, "user_id"_a = "", "handle"_a = nb::none(), "type"_a = "",
             "since"_a = nb::none(), "until"_a = nb::none(), "limit"_a = 100, "before_id"_a = 0,
             "trace_id"_a = "",
             nb::sig(
                 "def audit(self, user_id: str = '', handle: str | None = None, type: str = '', "
                 "since: datetime.datetime | None = None, until: datetime.datetime | None = None, "
                 "limit: int = 100, before_id: int = 0, trace_id: str = '') -> list[AuditEntry]"))
        .def(
            "close_expired",
            [](const BoundManager& self) {
                return waiting([&] { return self.manager.close_expired(); });
            },
            "Closes the SQL rows of sessions past their absolute end; how many.")
        .def(
            "store_info",
            [](const BoundManager& self) {
                return waiting([&] { return self.manager.store_info(); });
            },
            "Figures of the hot store's server; None where it has none or may not tell.")
        .def("ping", &ping,
             "Raises StoreUnavailable or AuditUnavailable, naming who does not answer.")
        .def("counters", [](const BoundManager& self) { return self.manager.counters(); })
        .def(
            "metrics_text", [](const BoundManager& self) { return self.manager.metrics_text(); },
            "What this process counted, in the text format of Prometheus. Asks no store.")
        .def(
            "metrics_json", [](const BoundManager& self) { return self.manager.metrics_json(); },
            "The same metrics as JSON.")
        .def(
            "timings", &timings,
            "By operation: load (that a store was asked for), create, save, touch, login, end, commit_failed.")
        .def(
            "count_lost_changes",
            [](const BoundManager& self, std::uint64_t count) {
                self.manager.count_lost_changes(count);
            },
            "count"_a)
        .def("mint_id", &mint_id, "A new id (cookie value) that no store knows.")
        .def("is_own_id", &is_own_id, "text"_a,
             "Whether a process with this key ring issued that id.");
    bind_options(type);
    module.def(
        "find_cookie", &find_cookie, "header"_a, "name"_a,
        "The one cookie of that name in the bytes of a Cookie header; None if there is none, or doubt.");
    module.def("redis_settings", &redis_settings, "arguments"_a, "environment"_a,
               nb::sig("def redis_settings(arguments: collections.abc.Mapping[str, str], "
                       "environment: collections.abc.Mapping[str, str]) -> dict[str, typing.Any]"));
}

}  // namespace vedfolnir::bind
