// Why Redis did not do what it was asked, told apart well enough to act on.
#pragma once

#include "vedfolnir/error.hpp"

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace vedfolnir::redis {

enum class FailureKind : std::uint8_t {
    name_unknown,
    refused,
    unreachable,
    socket_missing,
    socket_denied,
    tls_not_spoken,
    tls_unknown_authority,
    tls_wrong_host,
    tls_expired,
    tls_client_certificate,
    tls_files,
    tls_failed,
    password_missing,
    password_wrong,
    not_permitted,
    clients_max,
    database_missing,
    too_old,
    not_installed,
    not_redis,
    cluster,
    loading,
    busy,
    primary_down,
    read_only,
    out_of_memory,
    snapshots_failing,
    replicas_missing,
    no_answer,   ///< The time ran out.
    closed,      ///< The connection closed before an answer.
    saturated,   ///< Too many requests of this process wait already.
    wrong_type,  ///< Something that is no string stands under one of our names.
    bad_options,
    refused_by_library,  ///< Our own functions refused the arguments.
    other
};

/// How far an attempt got. `request`: the connection stood.
enum class Stage : std::uint8_t { resolve, connect, tls, auth, functions, request };

struct Failure {
    FailureKind kind = FailureKind::other;
    Stage stage = Stage::request;
    std::string detail;  ///< The server's or system's own words; for operators.
};

/// One plain sentence: what is wrong, and what to do where that is known.
[[nodiscard]] std::string_view describe(FailureKind kind) noexcept;

/// A short, stable name for scripts and JSON, for instance `password_wrong`.
[[nodiscard]] std::string_view to_string(FailureKind kind) noexcept;
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;

/// Reads an error reply of the server.
[[nodiscard]] Failure classify_reply(std::string_view reply, Stage stage);

/// Reads the error that ended a connection attempt or a connection. `verify_error` is OpenSSL's X509_V_ERR_* of the
/// handshake, 0 if none.
[[nodiscard]] Failure classify_connection(const boost::system::error_code& error, int verify_error,
                                          Stage reached);

/// What of Redis this failure says does not work.
[[nodiscard]] Outage outage_of(FailureKind kind) noexcept;

/// The failure as callers of the store see it.
[[nodiscard]] Error to_error(const Failure& failure);

}  // namespace vedfolnir::redis
