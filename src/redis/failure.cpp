#include "redis/failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/redis/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <utility>

namespace vedfolnir::redis {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

struct Words {
    FailureKind kind;
    std::string_view name;
    std::string_view sentence;
};

constexpr std::array words{
    Words{FailureKind::name_unknown, "name_unknown",
          "The host name of Redis cannot be resolved. Check REDIS_URL or REDIS_HOST, and DNS."},
    Words{FailureKind::refused, "refused",
          "Nothing listens at this address: the connection was refused. Is Redis running, and is "
          "the port right?"},
    Words{FailureKind::unreachable, "unreachable",
          "Redis cannot be reached: no answer to the connection attempt. Check the address, the "
          "route and firewalls."},
    Words{FailureKind::socket_missing, "socket_missing",
          "The Unix socket does not exist. Check its path, and `unixsocket` in redis.conf."},
    Words{FailureKind::socket_denied, "socket_denied",
          "This user may not open the Unix socket. Check its mode and group (`unixsocketperm`)."},
    Words{FailureKind::tls_not_spoken, "tls_not_spoken",
          "The server does not speak TLS on this port. Use its TLS port, or redis:// instead of "
          "rediss:// on a private network."},
    Words{FailureKind::tls_unknown_authority, "tls_unknown_authority",
          "The certificate of Redis is signed by an authority that is not trusted here. Name its "
          "CA file."},
    Words{FailureKind::tls_wrong_host, "tls_wrong_host",
          "The certificate of Redis is for another host name. Connect by the name in the "
          "certificate, or set the expected server name."},
    Words{FailureKind::tls_expired, "tls_expired",
          "The certificate of Redis has expired or is not valid yet. Renew it, and check both "
          "clocks."},
    Words{FailureKind::tls_client_certificate, "tls_client_certificate",
          "Redis wants a client certificate that it trusts. Set certificate and key, signed by "
          "the CA that Redis knows."},
    Words{FailureKind::tls_files, "tls_files",
          "A TLS file (CA, certificate or key) cannot be read or used."},
    Words{FailureKind::tls_failed, "tls_failed", "The TLS handshake with Redis failed."},
    Words{FailureKind::password_missing, "password_missing",
          "Redis requires a password and none was given."},
    Words{FailureKind::password_wrong, "password_wrong",
          "Redis refused the user name or password."},
    Words{FailureKind::not_permitted, "not_permitted",
          "The Redis user may not run a command or use a key that sessions need. Compare with "
          "deploy/redis/users.acl.example."},
    Words{FailureKind::clients_max, "clients_max",
          "Redis has reached its limit of clients. Raise `maxclients`, or find who holds the "
          "connections."},
    Words{FailureKind::database_missing, "database_missing",
          "Redis has no database of this number. Check the number after the slash in REDIS_URL."},
    Words{FailureKind::too_old, "too_old",
          "This server knows no Redis Functions. Redis 7.0 or Valkey 7.2, or newer, is needed."},
    Words{FailureKind::not_installed, "not_installed",
          "The function library `vedfolnir` is missing or too old in Redis: run `vedfolnir redis "
          "install` with a user who may FUNCTION LOAD."},
    Words{FailureKind::not_redis, "not_redis", "What answers at this address is not Redis."},
    Words{FailureKind::cluster, "cluster",
          "This server is part of a Redis Cluster, which is not supported yet. Connect to a "
          "standalone Redis."},
    Words{FailureKind::loading, "loading",
          "Redis is loading its data into memory. It will answer when it has finished."},
    Words{FailureKind::busy, "busy",
          "Redis is busy running a long script or function. FUNCTION KILL or SCRIPT KILL ends it."},
    Words{FailureKind::primary_down, "primary_down",
          "This Redis is a replica that has lost its primary, and does not serve stale data."},
    Words{FailureKind::read_only, "read_only",
          "This Redis is a read-only replica. Connect to the primary."},
    Words{FailureKind::out_of_memory, "out_of_memory",
          "Redis is out of memory: it refuses to store more. Raise `maxmemory` or free memory."},
    Words{FailureKind::snapshots_failing, "snapshots_failing",
          "Redis cannot write its snapshots to disk and therefore refuses writes. See its log."},
    Words{FailureKind::replicas_missing, "replicas_missing",
          "Redis has fewer replicas than `min-replicas-to-write` demands and refuses writes."},
    Words{FailureKind::no_answer, "no_answer", "Redis did not answer in time."},
    Words{FailureKind::closed, "closed",
          "Redis closed the connection before it answered. If this happens at once, it may expect "
          "TLS (rediss://)."},
    Words{FailureKind::saturated, "saturated",
          "Too many requests of this process wait for Redis already."},
    Words{FailureKind::wrong_type, "wrong_type",
          "Something that is not a session stands in Redis under a session's name. Do others use "
          "this prefix?"},
    Words{FailureKind::bad_options, "bad_options", "The Redis settings contradict each other."},
    Words{FailureKind::refused_by_library, "refused_by_library",
          "The function library refused the call: a record or argument is damaged."},
    Words{FailureKind::other, "other", "Redis answered with an error."},
};

const Words& words_for(FailureKind kind) noexcept {
    for (const Words& entry : words) {
        if (entry.kind == kind) return entry;
    }
    return words.back();
}

/// First words of error replies. Checked in order.
constexpr std::array<std::pair<std::string_view, FailureKind>, 26> replies{{
    {"NOAUTH", FailureKind::password_missing},
    {"WRONGPASS", FailureKind::password_wrong},
    {"ERR AUTH <password> called without any password", FailureKind::password_wrong},
    {"NOPERM", FailureKind::not_permitted},
    {"DENIED", FailureKind::not_permitted},  // protected mode
    {"ERR max number of clients", FailureKind::clients_max},
    {"ERR DB index", FailureKind::database_missing},
    {"ERR SELECT is not allowed in cluster mode", FailureKind::cluster},
    {"MOVED", FailureKind::cluster},
    {"ASK", FailureKind::cluster},
    {"CLUSTERDOWN", FailureKind::cluster},
    {"CROSSSLOT", FailureKind::cluster},
    {"ERR Function not found", FailureKind::not_installed},
    {"ERR unknown command 'FCALL", FailureKind::too_old},
    {"ERR unknown command `FCALL", FailureKind::too_old},
    {"ERR unknown command 'HELLO", FailureKind::too_old},
    {"ERR unknown command `HELLO", FailureKind::too_old},
    {"LOADING", FailureKind::loading},
    {"BUSY", FailureKind::busy},
    {"MASTERDOWN", FailureKind::primary_down},
    {"READONLY", FailureKind::read_only},
    {"OOM", FailureKind::out_of_memory},
    {"MISCONF", FailureKind::snapshots_failing},
    {"NOREPLICAS", FailureKind::replicas_missing},
    {"WRONGTYPE", FailureKind::wrong_type},
    {"VEDFOLNIR", FailureKind::refused_by_library},
}};

FailureKind kind_of_certificate(int verify_error) {
    switch (verify_error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return FailureKind::tls_wrong_host;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FailureKind::tls_expired;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return FailureKind::tls_unknown_authority;
    default:
        return FailureKind::tls_failed;
    }
}

FailureKind kind_of_tls(const error_code& error, int verify_error) {
    if (verify_error != 0) return kind_of_certificate(verify_error);
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
        return FailureKind::tls_not_spoken;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return FailureKind::tls_client_certificate;
    default:
        return FailureKind::tls_failed;
    }
}

bool is_resolver_error(const error_code& error) {
    return error.category() == asio::error::get_netdb_category() ||
           error.category() == asio::error::get_addrinfo_category() ||
           error == boost::redis::error::resolve_timeout;
}

}  // namespace

std::string_view describe(FailureKind kind) noexcept { return words_for(kind).sentence; }
std::string_view to_string(FailureKind kind) noexcept { return words_for(kind).name; }

std::string_view to_string(Stage stage) noexcept {
    constexpr std::array<std::string_view, 6> names{"resolve", "connect",   "tls",
                                                    "auth",    "functions", "request"};
    return names.at(static_cast<std::size_t>(stage));
}

Failure classify_reply(std::string_view reply, Stage stage) {
    for (const auto& [start, kind] : replies) {
        if (reply.starts_with(start)) return {kind, stage, std::string(reply)};
    }
    return {FailureKind::other, stage, std::string(reply)};
}

Failure classify_connection(const error_code& error, int verify_error, Stage reached) {
    const auto failed = [&](FailureKind kind, Stage stage) {
        return Failure{kind, stage, error.message()};
    };
    if (is_resolver_error(error)) return failed(FailureKind::name_unknown, Stage::resolve);
    if (error == asio::error::connection_refused) {
        return failed(FailureKind::refused, Stage::connect);
    }
    if (error == boost::redis::error::connect_timeout || error == asio::error::host_unreachable ||
        error == asio::error::network_unreachable || error == asio::error::timed_out) {
        return failed(FailureKind::unreachable, Stage::connect);
    }
    if (error == boost::system::errc::no_such_file_or_directory) {
        return failed(FailureKind::socket_missing, Stage::connect);
    }
    if (error == boost::system::errc::permission_denied) {
        return failed(FailureKind::socket_denied, Stage::connect);
    }
    if (error == boost::redis::error::ssl_handshake_timeout) {
        return failed(FailureKind::tls_not_spoken, Stage::tls);
    }
    if (error.category() == asio::error::get_ssl_category()) {
        return {kind_of_tls(error, verify_error), Stage::tls,
                verify_error == 0 ? error.message() : X509_verify_cert_error_string(verify_error)};
    }
    if (error == boost::redis::error::unix_sockets_ssl_unsupported) {
        return failed(FailureKind::bad_options, Stage::connect);
    }
    if (error.category() == boost::redis::make_error_code(boost::redis::error{}).category()) {
        return failed(FailureKind::not_redis, reached);  // its bytes could not be parsed
    }
    return failed(FailureKind::closed, reached);
}

Outage outage_of(FailureKind kind) noexcept {
    switch (kind) {
    case FailureKind::out_of_memory:
        return Outage::growth;
    case FailureKind::snapshots_failing:
    case FailureKind::replicas_missing:
    case FailureKind::read_only:
        return Outage::writes;
    case FailureKind::wrong_type:
    case FailureKind::refused_by_library:
    case FailureKind::bad_options:
    case FailureKind::tls_files:
        return Outage::none;  // the call or the settings are wrong, whatever state Redis is in
    default:
        return Outage::all;
    }
}

namespace {

Errc code_of(const Failure& failure) noexcept {
    switch (failure.kind) {
    case FailureKind::not_installed:
        return Errc::not_installed;
    case FailureKind::tls_files:
    case FailureKind::bad_options:
        return Errc::bad_options;
    case FailureKind::refused_by_library:
    case FailureKind::wrong_type:
        return Errc::internal;
    case FailureKind::no_answer:
        // Before it was sent, a request cannot have had an effect.
        return failure.stage == Stage::request ? Errc::deadline_exceeded : Errc::store_unavailable;
    default:
        return Errc::store_unavailable;
    }
}

}  // namespace

Error to_error(const Failure& failure) {
    std::string detail = "Redis: " + std::string(describe(failure.kind));
    if (!failure.detail.empty()) detail += " (" + failure.detail + ")";
    Error error{code_of(failure), std::move(detail)};
    error.outage = outage_of(failure.kind);
    return error;
}

}  // namespace vedfolnir::redis
