// The TLS context for connections to Redis: chain and host name verified by default, SNI, client certificate.
#pragma once

#include "redis/failure.hpp"
#include "vedfolnir/options.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <string>

namespace vedfolnir::redis {

/// What the handshake found out; OpenSSL's error code says only "certificate verify failed".
struct TlsEvidence {
    int verify_error = 0;  ///< X509_V_ERR_*; 0 if the chain was accepted.
};

/// A context for connecting to `host`. Reads the files anew each time, so renewed certificates need no restart.
/// Errors: tls_files.
[[nodiscard]] boost::system::result<boost::asio::ssl::context, Failure> make_tls_context(
    const TlsOptions& options, const std::string& host,
    const std::shared_ptr<TlsEvidence>& evidence);

}  // namespace vedfolnir::redis
