#include "redis/tls.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace vedfolnir::redis {
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

bool is_address(const std::string& host) {
    error_code error;
    boost::asio::ip::make_address(host, error);
    return !error;
}

// The name travels with the context because Boost.Redis creates the SSL objects itself and offers no hook.
int server_name_slot() {
    static const int slot = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr, [](void*, void* name, CRYPTO_EX_DATA*, int, long, void*) {
            delete static_cast<std::string*>(name);
        });
    return slot;
}

void send_server_name(const SSL* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
    const auto* name =
        static_cast<std::string*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), server_name_slot()));
    if (name == nullptr) return;
    // OpenSSL hands out a const pointer although this callback is where a handshake may still be configured.
    SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name->c_str());
}

void verify_peer(ssl::context& context, const std::string& host,
                 const std::shared_ptr<TlsEvidence>& evidence) {
    context.set_verify_mode(ssl::verify_peer);
    X509_VERIFY_PARAM* expected = SSL_CTX_get0_param(context.native_handle());
    if (is_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str());
    } else {
        X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size());
    }
    context.set_verify_callback([evidence](bool accepted, ssl::verify_context& verify) {
        if (!accepted) {
            evidence->verify_error = X509_STORE_CTX_get_error(verify.native_handle());
        }
        return accepted;
    });
}

error_code load_files(ssl::context& context, const TlsOptions& options, std::string& failed) {
    error_code error;
    failed = options.ca_file;
    if (options.ca_file.empty()) {
        failed = "the system's authorities";
        context.set_default_verify_paths(error);
    } else {
        context.load_verify_file(options.ca_file, error);
    }
    if (error || options.certificate_file.empty()) return error;
    failed = options.certificate_file;
    context.use_certificate_chain_file(options.certificate_file, error);
    if (error) return error;
    failed = options.key_file;
    context.use_private_key_file(options.key_file, ssl::context::pem, error);
    return error;
}

}  // namespace

boost::system::result<ssl::context, Failure> make_tls_context(
    const TlsOptions& options, const std::string& host,
    const std::shared_ptr<TlsEvidence>& evidence) {
    ssl::context context{ssl::context::tls_client};
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    std::string file;
    if (const error_code error = load_files(context, options, file)) {
        return Failure{FailureKind::tls_files, Stage::tls, file + ": " + error.message()};
    }
    const std::string& name = options.server_name.empty() ? host : options.server_name;
    if (!is_address(name)) {
        SSL_CTX_set_ex_data(context.native_handle(), server_name_slot(), new std::string(name));
        SSL_CTX_set_info_callback(context.native_handle(), &send_server_name);
    }
    if (options.verify) verify_peer(context, name, evidence);
    return context;
}

}  // namespace vedfolnir::redis
